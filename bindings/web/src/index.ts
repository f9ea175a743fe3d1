/** Facial state in the browser: emotion and FACS Action Units of every face in a picture. */
export { FaceStateAnalyzer, type LoadOptions } from "./analyzer.js";
export { FaceStateStream } from "./stream.js";
export type { FrameSource } from "./frame.js";
export type { Info } from "./pipeline.js";
export type { Precision } from "./bundle.js";
export { intensityOf, isCovered, isVisible, PRESENT } from "./types.js";
export type * from "./types.js";
export type * from "./model_types.js";
export {
  ACTION_UNIT_NAMES,
  ACTION_UNIT_REGIONS,
  LANDMARK_NAMES,
  REGIONS,
  SCHEMA_VERSION,
} from "./model_types.js";
export {
  BoxError,
  BundleError,
  ChecksumError,
  FrameError,
  InferenceError,
  ManifestError,
  Mf2EdgeError,
  RuntimeUnavailableError,
  TimestampError,
} from "./errors.js";
// The stages that need no engine, each by itself.
export { align, resizeCrop, similarity } from "./align.js";
export { onWhite } from "./frame.js";
export { Decoder, type Answers, type Scores } from "./decode.js";
export { parseModel } from "./model_spec.js";
export { toInput } from "./preprocess.js";
export { Smoother } from "./smooth.js";
export { warp, type Border, type Matrix } from "./warp.js";
