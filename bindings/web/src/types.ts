/**
 * What comes out: plain objects, the same keys and values as `FaceState.to_dict()` in Python.
 *
 * Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
 * y down. Left and right are the subject's own. Scores are in 0..1.
 */
import type { LandmarkName, Reason, Status } from "./manifest_types.js";

/** Axis-aligned rectangle in pixels; it may reach beyond the frame. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A position in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The six points of BlazeFace. */
export type Landmarks = Readonly<Record<LandmarkName, Point>>;

/** One face as the detector reports it. */
export interface Detection {
  readonly box: Box;
  /** Confidence, 0..1. */
  readonly score: number;
  readonly landmarks: Landmarks | null;
}

/** The categorical emotion of one face. */
export interface Emotion {
  /** The reported answer. */
  readonly label: string;
  /** The network's answer; smoothing may report another. */
  readonly raw_label: string;
  /** Probability of `label`. */
  readonly score: number;
  /** One calibrated probability a label; they sum to 1. */
  readonly scores: Readonly<Record<string, number>>;
  readonly reason: Reason;
}

/** The score from which on an Action Unit is present, in every bundle. */
export const PRESENT = 0.5;

/** One FACS Action Unit. */
export interface ActionUnit {
  /** Its name in words. */
  readonly name: string;
  /** Calibrated probability. */
  readonly score: number;
  /** In a single frame, whether `score` >= 0.5; a stream decides with hysteresis. */
  readonly present: boolean;
  readonly reason: Reason;
}

/** What one face shows in one frame. */
export interface FaceState {
  readonly box: Box;
  readonly landmarks: Landmarks | null;
  /** 0..1; 1 for boxes given by the caller. */
  readonly detection_score: number;
  readonly emotion: Emotion;
  /** "AU12" and so on, in the manifest's order. */
  readonly action_units: Readonly<Record<string, ActionUnit>>;
  readonly status: Status;
  /** Null where there are no usable landmarks. */
  readonly head_pose: HeadPose | null;
  readonly quality: FaceQuality;
  /** Null where there is no stream. */
  readonly track_id: number | null;
}

/** How a head is turned, degrees; 0, 0, 0 looks into the camera. */
export interface HeadPose {
  /** Positive where the face turns to its own left. */
  readonly yaw: number;
  /** Positive where it looks up. */
  readonly pitch: number;
  /** Positive where the head tips towards its own left shoulder. */
  readonly roll: number;
}

/** How much a face's picture lets one read, 0 to 1; `overall` is the least part. */
export interface FaceQuality {
  readonly overall: number;
  readonly size: number;
  readonly sharpness: number;
  readonly pose: number;
  readonly light: number;
}

/** One moment of an Action Unit's course in a stream. */
export interface ActionUnitEvent {
  readonly track_id: number;
  readonly label: string;
  /** Apex (where the score was highest) and offset are told together, at the end. */
  readonly kind: "onset" | "apex" | "offset";
  readonly timestamp_ms: number;
  readonly score: number;
}

/** Pixels of a frame in memory, RGBA, row by row; alpha is not looked at. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** An RGB image that a stage made, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** How hard the detector looks for small and turned faces; as `BlazeFaceDetector` in Python. */
export type Search = "adaptive" | "exhaustive" | "single";
