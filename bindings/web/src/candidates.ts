/**
 * What YuNet's maps say, as mf2_edge/pipeline/yunet.py decodes them (Wu et al. 2023, *YuNet*).
 *
 * For each cell of three grids the network tells whether a face's middle lies there, its box and
 * five points.
 */
import { iou } from "./blazeface.js";
import type { Box, Point } from "./types.js";

/** How a candidate and the look at it decide together. */
export interface DetectionRules {
  readonly sure_score: number;
  readonly sure_look: number;
  readonly doubtful_look: number;
  readonly view: number;
  readonly off_centre: number;
  readonly size: readonly [number, number];
  readonly roll: number;
  readonly opposite_below: number;
  readonly quarters_below: number;
  readonly turned_look: number;
  readonly turned_gain: number;
}

/** `detector.json`; the module above says what each key means. */
export interface YuNetSpec {
  readonly file: string;
  readonly sha256: string;
  readonly strides: readonly number[];
  readonly sizes_at: readonly { readonly byte: number; readonly stride: number }[];
  readonly min_score: number;
  readonly overlap: number;
  readonly side: number;
  readonly fast_side: number;
  readonly smallest_face: number;
  readonly rules: DetectionRules;
}

/** What may be a face: box and eyes in pixels, probability 0..1. */
export interface Candidate {
  readonly box: Box;
  readonly score: number;
  readonly right_eye: Point;
  readonly left_eye: Point;
}

/** Rows and columns of the network's input, and the scale at which the frame lies in it. */
export interface Reduced {
  readonly rows: number;
  readonly columns: number;
  readonly scale: number;
}

/** Numbers a cell: two scores, the box, five points. */
const VALUES = 16;

/** The input for a frame that is reduced so that `side` holds it; sizes are multiples of `step`. */
export function reducedShape(height: number, width: number, side: number, step: number): Reduced {
  const scale = Math.min(1, side / Math.max(height, width));
  const whole = (length: number) =>
    Math.max(1, Math.ceil(halvesToEven(length * scale) / step)) * step;
  return { rows: whole(height), columns: whole(width), scale };
}

/** Candidates of the maps, finest first, of an input of that size; the best of each group. */
export function candidatesOf(
  maps: readonly Float32Array[],
  columns: number,
  spec: YuNetSpec,
): Candidate[] {
  const found = maps.flatMap((map, i) => decode(map, columns, spec.strides[i]!, spec.min_score));
  const kept: Candidate[] = [];
  for (const each of found.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => iou(each.box, other.box) <= spec.overlap)) kept.push(each);
  }
  return kept;
}

function decode(map: Float32Array, columns: number, stride: number, least: number): Candidate[] {
  const wide = columns / stride;
  const found: Candidate[] = [];
  for (let at = 0, cell = 0; at < map.length; at += VALUES, cell++) {
    const score = Math.sqrt(sigmoid(map[at]!) * sigmoid(map[at + 1]!));
    if (score < least) continue;
    const [column, row] = [cell % wide, Math.floor(cell / wide)];
    const point = (k: number) => ({
      x: (column + map[at + k]!) * stride,
      y: (row + map[at + k + 1]!) * stride,
    });
    const [middle, width, height] = [
      point(2),
      Math.exp(map[at + 4]!) * stride,
      Math.exp(map[at + 5]!) * stride,
    ];
    const box = { x: middle.x - width / 2, y: middle.y - height / 2, width, height };
    found.push({ box, score, right_eye: point(6), left_eye: point(8) });
  }
  return found;
}

/** A candidate of a view that was turned counter-clockwise by quarters, in pixels of the frame. */
export function inFrame(
  face: Candidate,
  quarters: number,
  { rows, columns, scale }: Reduced,
): Candidate {
  const back = ({ x, y }: Point): Point => {
    const turned = [
      [x, y],
      [columns - y, x],
      [columns - x, rows - y],
      [y, rows - x],
    ][quarters]!;
    return { x: turned[0]! / scale, y: turned[1]! / scale };
  };
  const { box } = face;
  const a = back(box);
  const b = back({ x: box.x + box.width, y: box.y + box.height });
  const [width, height] = [Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
  return {
    box: { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width, height },
    score: face.score,
    right_eye: back(face.right_eye),
    left_eye: back(face.left_eye),
  };
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function halvesToEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}
