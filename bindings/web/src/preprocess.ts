/** Preprocess: from the pixels of an aligned face to the network's input. */
import type { ArtifactSpec, PreprocessingSpec } from "./model_types.js";
import type { Pixels } from "./types.js";

/** Each channel becomes (pixel - mean) / std; float32 [1, H, W, 3] ("NHWC") or [1, 3, H, W]. */
export function toInput(
  aligned: Pixels,
  spec: PreprocessingSpec,
  layout: ArtifactSpec["layout"],
): Float32Array<ArrayBuffer> {
  const { data } = aligned;
  const count = data.length / 3;
  const input = new Float32Array(data.length);
  const [pixel, channel] = layout === "NHWC" ? [3, 1] : [1, count];
  for (let k = 0; k < 3; k++) {
    // Float32 at every step, as Python has it.
    const [mean, std] = [Math.fround(spec.mean[k]!), Math.fround(spec.std[k]!)];
    for (let i = 0; i < count; i++) {
      input[i * pixel + k * channel] = Math.fround(data[i * 3 + k]! - mean) / std;
    }
  }
  return input;
}

/** The pixels as they are, for artifacts that normalise by themselves. */
export function asInput(
  aligned: Pixels,
  layout: ArtifactSpec["layout"],
): Float32Array<ArrayBuffer> {
  return toInput(aligned, { mean: [0, 0, 0], std: [1, 1, 1] }, layout);
}
