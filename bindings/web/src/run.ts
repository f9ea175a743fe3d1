/** Run: a .tflite model on LiteRT.js, WebAssembly on the CPU. Only the worker imports this file. */
import { loadAndCompile, loadLiteRt, Tensor, type CompiledModel } from "@litertjs/core";
import {
  BundleError,
  InferenceError,
  ManifestError,
  RuntimeUnavailableError,
  said,
} from "./errors.js";
import type { ArtifactSpec, ModelSpec } from "./model_types.js";

/** Start the engine from a folder with the files of `@litertjs/core/wasm`. */
export async function startEngine(folder: string, threads: number): Promise<void> {
  const threaded = threads > 1;
  // Emscripten would look beside the worker's script for its other files.
  const locateFile = (file: string) => new URL(file, folder).href;
  const mainScriptUrlOrBlob = locateFile("litert_wasm_threaded_internal.js");
  Object.assign(globalThis, { Module: { locateFile, ...(threaded && { mainScriptUrlOrBlob }) } });
  try {
    await loadLiteRt(folder, { threads: threaded });
  } catch (error) {
    throw new RuntimeUnavailableError(
      `LiteRT.js does not start from ${folder} (${said(error)}); expected the files of this ` +
        "package's assets there, and a browser with WebAssembly SIMD",
    );
  }
}

/** One loaded model. */
export class Model {
  private readonly order: readonly number[];

  private constructor(
    private readonly compiled: CompiledModel,
    private readonly shape: readonly number[],
  ) {
    this.order = outputOrder(compiled);
  }

  /** Throws BundleError if the bytes are no model of one float image. */
  static async load(bytes: Uint8Array, name: string, threads: number): Promise<Model> {
    let compiled: CompiledModel;
    try {
      const cpuOptions = { numThreads: threads };
      compiled = await loadAndCompile(bytes, { accelerator: "wasm", cpuOptions });
    } catch (error) {
      throw new BundleError(`${name}: LiteRT.js cannot load the model (${said(error)})`);
    }
    const inputs = compiled.getInputDetails();
    const tensors = [...inputs, ...compiled.getOutputDetails()];
    const strange = tensors.find((tensor) => tensor.dtype !== "float32");
    if (inputs.length !== 1 || strange) {
      throw new BundleError(
        `${name}: expected one float32 input and float32 outputs, found ` +
          tensors.map((tensor) => `${tensor.name} ${tensor.dtype}`).join(", "),
      );
    }
    return new Model(compiled, Array.from(inputs[0]!.shape));
  }

  /** Free its memory. */
  close(): void {
    this.compiled.delete();
  }

  /** All outputs for one input, in the order in which the exported model returns them. */
  async run(input: Float32Array<ArrayBuffer>): Promise<Float32Array[]> {
    const expected = this.shape.reduce((product, size) => product * size, 1);
    if (input.length !== expected) {
      throw new InferenceError(
        `the input holds ${input.length} numbers; the model takes [${this.shape.join(", ")}]`,
      );
    }
    const tensor = new Tensor(input, [...this.shape]);
    let outputs: Tensor[] = [];
    try {
      outputs = await this.compiled.run(tensor);
      const arrays = outputs.map((output) => (output.toTypedArray() as Float32Array).slice());
      return this.order.map((position) => finite(arrays[position]!));
    } catch (error) {
      if (error instanceof InferenceError) throw error;
      throw new InferenceError(`LiteRT.js failed to run the model: ${said(error)}`);
    } finally {
      for (const each of [tensor, ...outputs]) each.delete();
    }
  }
}

/**
 * Load an artifact and run it once to see that its outputs are those of the manifest.
 *
 * Throws BundleError or ManifestError.
 */
export async function openArtifact(
  bytes: Uint8Array,
  artifact: ArtifactSpec,
  spec: ModelSpec,
  threads: number,
): Promise<Model> {
  const model = await Model.load(bytes, artifact.file, threads);
  const { width, height, channels } = spec.input;
  const where = `${artifact.file} of bundle ${spec.name}`;
  let outputs: Float32Array[];
  try {
    outputs = await model.run(new Float32Array(width * height * channels));
  } catch (error) {
    throw new ManifestError(`${where} does not take the manifest's input: ${said(error)}`);
  }
  const heads = spec.heads.map((head) => ({ ...head, width: head.labels.length }));
  for (const { name, output, width: expected } of [...heads, ...spec.embeddings]) {
    const found = outputs[output]?.length;
    if (found !== expected) {
      throw new ManifestError(
        `${where}: output ${output} should be ${name} of ${expected} values, and ` +
          (found === undefined ? "is not there" : `has ${found}`),
      );
    }
  }
  return model;
}

/** Converters number outputs by name (`output_0`, ...), while their order is theirs to choose. */
function outputOrder(compiled: CompiledModel): number[] {
  const names = compiled.getOutputDetails().map((tensor) => tensor.name);
  const order = names.map((_, position) => position);
  if (!names.every((name) => /^output_\d+$/.test(name))) return order;
  const number = (position: number) => Number(names[position]!.slice("output_".length));
  return order.sort((a, b) => number(a) - number(b));
}

function finite(output: Float32Array): Float32Array {
  if (output.every(Number.isFinite)) return output;
  throw new InferenceError(
    "an output of the model holds NaN or infinity; try another precision, and report it",
  );
}
