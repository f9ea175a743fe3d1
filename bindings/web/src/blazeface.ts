/**
 * BlazeFace: one square view in, the faces it holds out (Bazarevsky et al. 2019, arXiv:1907.05047).
 *
 * The network predicts, at every anchor, a score, a box and six points relative to the anchor's
 * centre. Its facts are read from `detector.json` beside the model file.
 */
import { BundleError, said } from "./errors.js";
import { download, downloadChecked } from "./bundle.js";
import type { LandmarkName } from "./model_types.js";
import { Model } from "./run.js";
import type { Box, Detection, Landmarks, Pixels, Point } from "./types.js";

/** `detector.json`. */
export interface DetectorSpec {
  readonly file: string;
  readonly sha256: string;
  /** Side of the square RGB view, pixels. */
  readonly input_size: number;
  /** The network reads (pixel - mean) / std. */
  readonly mean: number;
  readonly std: number;
  readonly anchor_layers: readonly { readonly stride: number; readonly per_cell: number }[];
  readonly keypoints: readonly LandmarkName[];
  readonly min_score: number;
  readonly min_score_in_box: number;
  readonly overlap: number;
}

/** An anchor that fired: its score, then pairs of x, y: the box's centre, its size, the points. */
interface Candidate {
  readonly score: number;
  readonly pairs: Float64Array;
}

/** The detector network on one square view. Coordinates are pixels of that view. */
export class BlazeFace {
  private constructor(
    readonly spec: DetectorSpec,
    private readonly model: Model,
    private readonly anchors: Float32Array,
  ) {}

  /** Load `detector.json` and its model from a folder. Throws BundleError or ChecksumError. */
  static async load(folder: string, threads: number): Promise<BlazeFace> {
    const url = new URL("detector.json", folder).href;
    const text = new TextDecoder().decode(await download(url));
    let spec: DetectorSpec;
    try {
      spec = JSON.parse(text) as DetectorSpec;
    } catch (error) {
      throw new BundleError(`${url}: not valid JSON (${said(error)}); copy the assets again`);
    }
    const bytes = await downloadChecked(new URL(spec.file, folder).href, spec.sha256);
    return new BlazeFace(spec, await Model.load(bytes, spec.file, threads), anchorsOf(spec));
  }

  /** Faces of an RGB view, overlapping ones merged, best first. */
  async run(view: Pixels, minScore: number): Promise<Detection[]> {
    const { mean, std, keypoints, overlap } = this.spec;
    const factor = Math.fround(1 / std);
    const input = new Float32Array(view.data.length);
    for (let i = 0; i < input.length; i++) input[i] = (view.data[i]! - mean) * factor;
    const outputs = await this.model.run(input);
    const [few, many] = outputs.sort((a, b) => a.length - b.length) as [Float32Array, Float32Array];
    const least = Math.log(minScore / (1 - minScore));
    const width = 2 * (2 + keypoints.length);
    const candidates: Candidate[] = [];
    few.forEach((logit, anchor) => {
      if (logit < least) return;
      const pairs = Float64Array.from(many.subarray(anchor * width, (anchor + 1) * width));
      for (let i = 0; i < width; i++) {
        // The second pair is a size, not a position.
        if (i !== 2 && i !== 3) pairs[i]! += this.anchors[anchor * 2 + (i % 2)]!;
      }
      candidates.push({ score: 1 / (1 + Math.exp(-logit)), pairs });
    });
    return merge(candidates, overlap).map((face) => this.detection(face));
  }

  /** The best of each group of overlapping detections, best first. */
  distinct(faces: readonly Detection[]): Detection[] {
    const kept: Detection[] = [];
    for (const face of [...faces].sort((a, b) => b.score - a.score)) {
      if (kept.every((other) => iou(face.box, other.box) <= this.spec.overlap)) kept.push(face);
    }
    return kept;
  }

  private detection({ score, pairs }: Candidate): Detection {
    const [width, height] = [pairs[2]!, pairs[3]!];
    const box = { x: pairs[0]! - width / 2, y: pairs[1]! - height / 2, width, height };
    const points = this.spec.keypoints.map((name, i): [LandmarkName, Point] => [
      name,
      { x: pairs[4 + 2 * i]!, y: pairs[5 + 2 * i]! },
    ]);
    return { box, score, landmarks: Object.fromEntries(points) as Landmarks };
  }
}

/** One face a group of overlapping anchors, best first: their mean, weighted by score. */
function merge(candidates: readonly Candidate[], overlap: number): Candidate[] {
  const faces: Candidate[] = [];
  let rest = [...candidates].sort((a, b) => b.score - a.score);
  while (rest.length > 0) {
    const best = rest[0]!;
    const same = (other: Candidate) => other === best || iou(boxOf(best), boxOf(other)) > overlap;
    const group = rest.filter(same);
    const total = group.reduce((sum, each) => sum + each.score, 0);
    const pairs = best.pairs.map((_, i) =>
      group.reduce((sum, each) => sum + (each.score / total) * each.pairs[i]!, 0),
    );
    faces.push({ score: best.score, pairs });
    rest = rest.filter((other) => !same(other));
  }
  return faces;
}

function boxOf({ pairs }: Candidate): Box {
  const [width, height] = [pairs[2]!, pairs[3]!];
  return { x: pairs[0]! - width / 2, y: pairs[1]! - height / 2, width, height };
}

/** Intersection over union of two boxes, 0..1. */
export function iou(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/** More than any detector has; a file of a few bytes must not ask for gigabytes. */
const MOST_ANCHORS = 100_000;

/** Centres x, y of all anchors, row by row, layer by layer; pixel centres are integers. */
function anchorsOf(spec: DetectorSpec): Float32Array {
  const centres: number[] = [];
  for (const { stride, per_cell } of spec.anchor_layers) {
    const cells = Math.floor(spec.input_size / stride);
    if (!(centres.length / 2 + cells ** 2 * per_cell <= MOST_ANCHORS)) {
      throw new BundleError(
        `detector.json: more than ${MOST_ANCHORS} anchors; copy the assets again`,
      );
    }
    const centre = (cell: number) => (cell + 0.5) * stride - 0.5;
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let i = 0; i < per_cell; i++) centres.push(centre(column), centre(row));
      }
    }
  }
  return Float32Array.from(centres);
}
