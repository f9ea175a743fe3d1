/** Which faces a page asks for. */
import type { DetectionOptions } from "./types.js";

const KEYS = ["minFace", "maxFaces", "minDetectionScore", "fast", "turnedFrames"] as const;

/** Those of the options that are the detector's. Throws RangeError for what is out of range. */
export function detectionOf(options: DetectionOptions): DetectionOptions {
  const { minFace, maxFaces, minDetectionScore = 0, fast, turnedFrames = "all" } = options;
  if (minFace !== undefined && !(minFace > 0 && minFace < Infinity)) {
    throw new RangeError(
      `minFace is ${minFace}; expected pixels, or below 1 a part of the frame's longer side`,
    );
  }
  if (minFace !== undefined && fast) {
    throw new RangeError("minFace and fast: expected one of them; minFace sets the price itself");
  }
  if (maxFaces !== undefined && !(Number.isInteger(maxFaces) && maxFaces >= 1)) {
    throw new RangeError(`maxFaces is ${maxFaces}; expected 1 or more`);
  }
  if (!(minDetectionScore >= 0 && minDetectionScore <= 1)) {
    throw new RangeError(`minDetectionScore is ${minDetectionScore}; expected 0 to 1`);
  }
  if (!["all", "next", "none"].includes(turnedFrames)) {
    throw new RangeError(`turnedFrames is ${turnedFrames}; expected all, next or none`);
  }
  const given = KEYS.filter((key) => options[key] !== undefined);
  return Object.fromEntries(given.map((key) => [key, options[key]])) as DetectionOptions;
}
