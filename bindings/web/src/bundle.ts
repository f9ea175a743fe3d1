/**
 * A bundle on a server: a folder with `model.json` and the files it vouches for.
 *
 * No byte of a model is parsed before its size and sha256 are those that `model.json` records.
 */
import { BundleError, ChecksumError, RuntimeUnavailableError, said } from "./errors.js";
import { parseModel } from "./model_spec.js";
import type { ArtifactSpec, ModelSpec } from "./model_types.js";

export type Precision = ArtifactSpec["precision"];

/** A folder whose `model.json` has been read and checked; its other files are not yet. */
export class Bundle {
  private constructor(
    /** The folder, absolute, ending in a slash. */
    readonly url: string,
    readonly spec: ModelSpec,
  ) {}

  /** Read `model.json` in the folder at `url`. Throws BundleError or ManifestError. */
  static async load(url: string): Promise<Bundle> {
    const folder = url.endsWith("/") ? url : `${url}/`;
    const file = new URL("model.json", folder).href;
    const text = new TextDecoder().decode(await download(file));
    return new Bundle(folder, parseModel(text, file));
  }

  /** The checked bytes of a model file. Throws BundleError or ChecksumError. */
  async read(file: ArtifactSpec): Promise<Uint8Array<ArrayBuffer>> {
    return downloadChecked(new URL(file.file, this.url).href, file.sha256, file.bytes);
  }

  /** The .tflite of a precision with float32 inputs and outputs, else the first. Throws BundleError. */
  select(precision?: Precision): ArtifactSpec {
    const { artifacts, name } = this.spec;
    const found = artifacts.find(
      ({ format, io_dtype, delegate, precision: own }) =>
        format === "tflite" &&
        io_dtype === "float32" &&
        delegate === null &&
        own === (precision ?? own),
    );
    if (found) return found;
    const held = artifacts.map((each) => `${each.format} ${each.precision}`).join(", ");
    const wanted = precision === undefined ? "" : ` of precision ${precision}`;
    throw new BundleError(`bundle ${name} holds no tflite artifact${wanted}; it holds: ${held}`);
  }
}

/** A file whose sha256, and size where it is given, are as expected. */
export async function downloadChecked(
  url: string,
  expected: string,
  size?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await download(url);
  if (size !== undefined && bytes.length !== size) {
    throw new ChecksumError(`${url}: ${bytes.length} bytes, expected ${size}; copy it again`);
  }
  const digest = await sha256(bytes);
  if (digest !== expected) {
    throw new ChecksumError(
      `${url}: sha256 is ${digest}, expected ${expected}; the file is damaged, copy it again`,
    );
  }
  return bytes;
}

/** The bytes at a URL. Throws BundleError if they cannot be had. */
export async function download(url: string): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new BundleError(`${url}: cannot be fetched (${said(error)}); is its server reachable?`);
  }
  if (!response.ok) {
    throw new BundleError(`${url}: the server answers ${response.status}; expected the file`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // Browsers have it on https and localhost only, and cameras too.
  if (!globalThis.crypto?.subtle) {
    throw new RuntimeUnavailableError(
      "the page is not a secure context, so files cannot be checked; serve it by https, " +
        "or from localhost",
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
