/**
 * Detect: every face of a frame and its six landmarks, as mf2_edge/pipeline/finder.py finds them.
 *
 * YuNet sees the frame once; then BlazeFace looks once at each of its boxes, upright and filling half
 * the view. Which way up a face is, and whether it is one, the looks decide.
 */
import type { BlazeFace } from "./blazeface.js";
import type { Candidate } from "./candidates.js";
import { apart, centreOf, look, lookCloser, lookInside, rollOf } from "./look.js";
import { isFace, orient } from "./orient.js";
import type { Box, Detection, DetectionOptions, Frame } from "./types.js";
import type { YuNet } from "./yunet.js";

/** Looks with a lower score are not told from nothing. */
const LOOK_SCORE = 0.1;
/** Side of BlazeFace's box, as a part of the height of a face from forehead to chin. */
const BOX_OF_FACE = 0.85;

/** Any number of faces of a frame, largest first. */
export class YuNetDetector {
  private quarters = 0;

  constructor(
    private readonly finder: YuNet,
    private readonly landmarks: BlazeFace,
    readonly options: DetectionOptions,
  ) {}

  /** Faces of a frame in its pixels, largest first; `[]` when nobody is there. */
  async detect(frame: Frame): Promise<Detection[]> {
    const side = this.side(frame.height, frame.width);
    let found = await this.search(frame, side, 0);
    if (found.length > 0) return found;
    for (const quarters of this.turns()) {
      found = await this.search(frame, Math.min(side, this.finder.spec.fast_side), quarters);
      if (found.length > 0) break;
    }
    return found;
  }

  /** The face inside `box` with its landmarks; null if there is none. */
  refine(frame: Frame, box: Box): Promise<Detection | null> {
    return lookInside(this.landmarks, frame, box);
  }

  /** A face that was at `face` a moment ago, by one look there; or null. */
  follow(frame: Frame, face: Detection): Promise<Detection | null> {
    return lookCloser(this.landmarks, frame, face);
  }

  /** The same detector for the frames of one scene: of turned frames, a quarter a call. */
  forStream(): YuNetDetector {
    const turnedFrames = this.options.turnedFrames === "none" ? "none" : "next";
    return new YuNetDetector(this.finder, this.landmarks, { ...this.options, turnedFrames });
  }

  /** The longer side to which a frame is reduced, pixels; no frame is enlarged. */
  side(height: number, width: number): number {
    return sideOf(Math.max(height, width), this.finder.spec, this.options);
  }

  private turns(): number[] {
    const { turnedFrames = "all" } = this.options;
    if (turnedFrames === "none") return [];
    if (turnedFrames === "all") return [1, 3, 2];
    this.quarters = (this.quarters % 3) + 1;
    return [this.quarters];
  }

  /** Find, look, orient and accept; largest first. */
  private async search(frame: Frame, side: number, quarters: number): Promise<Detection[]> {
    const { rules } = this.finder.spec;
    const { maxFaces, minDetectionScore = 0 } = this.options;
    const smallest = BOX_OF_FACE * minPixels(Math.max(frame.height, frame.width), this.options);
    const candidates = await this.finder.find(frame, side, quarters);
    const faces: Detection[] = [];
    for (const each of candidates.sort((a, b) => area(b.box) - area(a.box))) {
      const face = await orient(each, rules, (turn) => this.levelLook(frame, each, turn));
      if (face === null || !isFace(each.score, face.score, rules)) continue;
      if (longer(face.box) < smallest) continue;
      const score = (each.score + face.score) / 2;
      if (score >= minDetectionScore) faces.push({ ...face, score });
    }
    const distinct = this.landmarks.distinct(faces);
    return distinct.sort((a, b) => area(b.box) - area(a.box)).slice(0, maxFaces);
  }

  /** The look at a candidate turned by `turn`, once more where its face is not level there. */
  private async levelLook(
    frame: Frame,
    { box }: Candidate,
    turn: number,
  ): Promise<Detection | null> {
    const face = await this.lookAt(frame, box, turn);
    if (face === null) return null;
    const turns = (rollOf(face.landmarks!) - turn + Math.PI) / (2 * Math.PI);
    const off = (turns - Math.floor(turns)) * 2 * Math.PI - Math.PI;
    if (Math.abs(off) <= (this.finder.spec.rules.roll * Math.PI) / 180) return face;
    const level = await this.lookAt(frame, box, turn + off);
    return level !== null && level.score >= face.score ? level : face;
  }

  /** The best face of one pass that agrees with a box in place and size. */
  private async lookAt(frame: Frame, box: Box, turn: number): Promise<Detection | null> {
    const { rules } = this.finder.spec;
    const side = longer(box);
    const view = { centre: centreOf(box), side: rules.view * side, turn };
    const faces = await look(this.landmarks, frame, view, LOOK_SCORE);
    const agrees = (face: Detection) => {
      const extent = longer(face.box) / side;
      const near = apart(face.box, box) <= rules.off_centre * side;
      return near && rules.size[0] <= extent && extent <= rules.size[1];
    };
    return faces.find(agrees) ?? null;
  }
}

/** See `YuNetDetector.side`; of a frame with that longer side. */
export function sideOf(
  longest: number,
  spec: YuNet["spec"],
  { minFace, fast = false }: DetectionOptions,
): number {
  if (minFace === undefined) return Math.min(longest, fast ? spec.fast_side : spec.side);
  const wanted = Math.ceil((longest * spec.smallest_face) / minPixels(longest, { minFace }));
  return Math.min(longest, Math.max(spec.strides.at(-1)!, wanted));
}

function minPixels(longest: number, { minFace = 0 }: DetectionOptions): number {
  return minFace >= 1 ? minFace : minFace * longest;
}

function longer(box: Box): number {
  return Math.max(box.width, box.height);
}

function area(box: Box): number {
  return box.width * box.height;
}
