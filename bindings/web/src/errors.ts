/** Every error that this package throws on purpose: what was wrong, what was expected, what to do. */
export class Mf2EdgeError extends Error {
  override name = "Mf2EdgeError";
}

/** A frame is not an image that can be analysed. */
export class FrameError extends Mf2EdgeError {
  override name = "FrameError";
}

/** A face box given by the caller is malformed or lies outside the frame. */
export class BoxError extends Mf2EdgeError {
  override name = "BoxError";
}

/** A bundle cannot be used: a file is missing, or is no model. */
export class BundleError extends Mf2EdgeError {
  override name = "BundleError";
}

/** A `model.json` does not follow the schema, or contradicts itself or the model beside it. */
export class ManifestError extends BundleError {
  override name = "ManifestError";
}

/** A file's bytes are not the ones whose sha256 `model.json` records. */
export class ChecksumError extends BundleError {
  override name = "ChecksumError";
}

/** This browser cannot run the model, or the analyzer was closed. */
export class RuntimeUnavailableError extends Mf2EdgeError {
  override name = "RuntimeUnavailableError";
}

/** A model ran but its answer is unusable: wrong shape, or not finite. */
export class InferenceError extends Mf2EdgeError {
  override name = "InferenceError";
}

/** A frame of a stream is older than the one before. */
export class TimestampError extends Mf2EdgeError {
  override name = "TimestampError";
}

const CLASSES = {
  Mf2EdgeError,
  FrameError,
  BoxError,
  BundleError,
  ManifestError,
  ChecksumError,
  RuntimeUnavailableError,
  InferenceError,
  TimestampError,
};

/** An error as it crosses from the worker to the page, which keeps no classes. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
}

/** What a thrown value says, ready to be posted. */
export function describeError(error: unknown): ErrorMessage {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: String(error) };
}

/** The typed error of a message from the worker. */
export function reviveError({ name, message }: ErrorMessage): Error {
  const known = CLASSES[name as keyof typeof CLASSES];
  return known ? new known(message) : new InferenceError(`${name}: ${message}`);
}

/** What a caught value says, for the message of another error. */
export function said(error: unknown): string {
  return describeError(error).message;
}
