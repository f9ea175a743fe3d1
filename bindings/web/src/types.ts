/**
 * What comes out: plain objects, with the keys and values of `FaceState.to_dict()` in Python;
 * `reliability` in full.
 *
 * Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
 * y down. Left and right are the subject's own. Scores are in 0..1.
 */
import {
  ACTION_UNIT_REGIONS,
  type LabelReliability,
  type LandmarkName,
  type Reason,
  type Status,
} from "./model_types.js";

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
  /** Nobody can tell which way up the face is: its answers bear the reason `low_quality`. */
  readonly doubtful?: boolean;
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
  /** How well `label` was told on faces that taught nothing; null where nobody measured it. */
  readonly reliability: LabelReliability | null;
}

/** FACS intensity: absent, A or B, C to E. */
export type IntensityLevel = "none" | "slight" | "marked";

/** The score from which on a unit is present or marked, and a region visible, in every bundle. */
export const PRESENT = 0.5;

/** One FACS Action Unit. */
export interface ActionUnit {
  /** Its name in words. */
  readonly name: string;
  /** Calibrated probability. */
  readonly score: number;
  /** In a single frame, whether `score` >= 0.5; a stream decides with hysteresis. */
  readonly present: boolean;
  /** `not_visible`: its region of the face is hidden, it cannot be judged. */
  readonly reason: Reason;
  /** Probability that the unit is marked (FACS C to E); null from a network without that head. */
  readonly strength: number | null;
  /** How strong the unit is, 0 absent to 1 marked for sure; null where nobody can tell. */
  readonly intensity: number | null;
  /** The same in a word, which agrees with `present`. */
  readonly level: IntensityLevel | null;
  /** How well the unit was told on faces that taught nothing; null where nobody measured it. */
  readonly reliability: LabelReliability | null;
}

/** The intensity and its level of a unit of that score, presence and strength. */
export function intensityOf(
  score: number,
  present: boolean,
  strength: number | null,
): Pick<ActionUnit, "intensity" | "level"> {
  if (strength === null) return { intensity: null, level: null };
  const level = !present ? "none" : strength >= PRESENT ? "marked" : "slight";
  return { intensity: (score + Math.min(strength, score)) / 2, level };
}

/** Whether the region that shows a unit can be judged; yes where nobody says it is hidden. */
export function isVisible(unit: string, visibility: Readonly<Record<string, number>>): boolean {
  return (visibility[ACTION_UNIT_REGIONS[unit]!] ?? 1) >= PRESENT;
}

/** Whether too little shows for an emotion: two regions are hidden, or all that there are. */
export function isCovered(visibility: Readonly<Record<string, number>>): boolean {
  const hidden = hiddenRegions(visibility);
  return hidden >= 2 || (hidden > 0 && hidden === Object.keys(visibility).length);
}

/** The part of the regions that can be judged; 1 where nobody says. */
export function visiblePart(visibility: Readonly<Record<string, number>>): number {
  return 1 - hiddenRegions(visibility) / Math.max(Object.keys(visibility).length, 1);
}

function hiddenRegions(visibility: Readonly<Record<string, number>>): number {
  return Object.values(visibility).filter((seen) => seen < PRESENT).length;
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
  /** Of each region of the face, the probability that it can be judged; empty without that head. */
  readonly visibility: Readonly<Record<string, number>>;
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
  /** The part of the face's regions that can be judged; 1 where the network does not tell. */
  readonly visibility: number;
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

/** Pixels of a frame in memory, RGBA, row by row, opaque: `onWhite` makes them so. */
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

/** Which faces are looked for, as `YuNetDetector` in Python. */
export interface DetectionOptions {
  /**
   * Height of the smallest face wanted, forehead to chin: pixels or, below 1, a part of the frame's
   * longer side; smaller ones are left out. By default what the default side finds, about 6 %.
   */
  readonly minFace?: number;
  /** The largest so many; by default all. */
  readonly maxFaces?: number;
  /** Leaves out faces found less surely, 0..1. */
  readonly minDetectionScore?: number;
  /** Faces from about 12 % of the longer side on, at a third of the price; not with `minFace`. */
  readonly fast?: boolean;
  /** Quarters of a turn tried in a frame without upright faces; streams take the next a call. */
  readonly turnedFrames?: "all" | "next" | "none";
}
