/**
 * Align: bring a face to the template of the manifest.
 *
 * The resampler is the one that mf2_edge/align.py specifies: a frame that shrinks by half or more
 * is first reduced by an integer, each block to its rounded mean; then bilinear, pixel centres at
 * integers, and what lies outside is the nearest edge pixel (`replicate`) or 0 (`black`).
 */
import type { AlignmentSpec, LandmarkName } from "./manifest_types.js";
import type { Box, Frame, Landmarks, Pixels } from "./types.js";

/** Affine map, frame -> output: x' = a x + b y + tx, y' = c x + d y + ty. */
export interface Matrix {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly c: number;
  readonly d: number;
  readonly ty: number;
}

export type Border = "replicate" | "black";

/**
 * Least-squares similarity from frame pixels to the template's (Umeyama 1991, in two dimensions).
 *
 * Throws RangeError where all landmarks coincide.
 */
export function similarity(landmarks: Landmarks, spec: AlignmentSpec): Matrix {
  const names = Object.keys(spec.points) as LandmarkName[];
  const source = names.map((name) => landmarks[name]);
  const target = names.map((name) => spec.points[name]!);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / names.length;
  const [sx, sy] = [mean(source.map((p) => p.x)), mean(source.map((p) => p.y))];
  const [tx, ty] = [mean(target.map((p) => p[0])), mean(target.map((p) => p[1]))];
  let [spread, real, imaginary] = [0, 0, 0];
  source.forEach((point, i) => {
    const [x, y] = [point.x - sx, point.y - sy];
    const [u, v] = [target[i]![0] - tx, target[i]![1] - ty];
    spread += x * x + y * y;
    real += x * u + y * v;
    imaginary += x * v - y * u;
  });
  if (!(spread >= 1e-12)) {
    throw new RangeError("all landmarks coincide: no similarity maps them to a template");
  }
  const [a, c] = [real / spread, imaginary / spread];
  return { a, b: -c, tx: tx - a * sx + c * sy, c, d: a, ty: ty - c * sx - a * sy };
}

/** Cut one face out of a frame so that its landmarks lie on the template. */
export function align(frame: Frame, landmarks: Landmarks, spec: AlignmentSpec): Pixels {
  return warp(frame, similarity(landmarks, spec), spec.width, spec.height, "replicate");
}

/** Stretch the part of a frame inside a box, at least one pixel, to the template's size. */
export function resizeCrop(frame: Frame, box: Box, spec: AlignmentSpec): Pixels {
  const x0 = clamp(Math.floor(box.x), 0, frame.width - 1);
  const y0 = clamp(Math.floor(box.y), 0, frame.height - 1);
  const x1 = Math.min(Math.max(Math.ceil(box.x + box.width), x0 + 1), frame.width);
  const y1 = Math.min(Math.max(Math.ceil(box.y + box.height), y0 + 1), frame.height);
  const part = cut(frame, x0, y0, x1 - x0, y1 - y0);
  const [x, y] = [spec.width / part.width, spec.height / part.height];
  const matrix = { a: x, b: 0, tx: x / 2 - 0.5, c: 0, d: y, ty: y / 2 - 0.5 };
  return warp(part, matrix, spec.width, spec.height, "replicate");
}

/**
 * Resample a frame through `matrix` into an RGB image of `width` x `height`.
 *
 * Only the part of the frame that the output sees is reduced, so the cost does not grow with it.
 */
export function warp(
  frame: Frame,
  matrix: Matrix,
  width: number,
  height: number,
  border: Border,
): Pixels {
  const { a, b, tx, c, d, ty } = matrix;
  const determinant = a * d - b * c;
  const step = Math.max(1, Math.floor(1 / Math.sqrt(Math.abs(determinant)) + 1e-9));
  // Output -> frame, in steps of the reduced frame.
  const scale = 1 / (determinant * step);
  const inverse = { xx: d * scale, xy: -b * scale, yx: -c * scale, yy: a * scale };
  const x0 = (b * ty - d * tx) * scale;
  const y0 = (c * tx - a * ty) * scale;
  if (step === 1) return bilinear(frame, inverse, x0, y0, width, height, border);
  const reach = (start: number, across: number, down: number, length: number): Span => {
    const corners = [0, width * across, height * down, width * across + height * down];
    const blocks = Math.ceil(length / step);
    const first = clamp(Math.floor(start + Math.min(...corners)) - 2, 0, blocks - 1);
    const end = clamp(Math.ceil(start + Math.max(...corners)) + 3, first + 1, blocks);
    return { first, end };
  };
  const columns = reach(x0, inverse.xx, inverse.xy, frame.width);
  const rows = reach(y0, inverse.yx, inverse.yy, frame.height);
  const reduced = reduce(frame, step, columns, rows, border);
  // Pixel 0 of the reduced frame has its centre at (step - 1) / 2 of the frame.
  const middle = (step - 1) / (2 * step);
  const [left, top] = [x0 - middle - columns.first, y0 - middle - rows.first];
  return bilinear(reduced, inverse, left, top, width, height, border);
}

/** Source position of output pixel (0, 0) is (x0, y0); `step` is where its neighbours look. */
function bilinear(
  source: Frame,
  step: { xx: number; xy: number; yx: number; yy: number },
  x0: number,
  y0: number,
  width: number,
  height: number,
  border: Border,
): Pixels {
  const { data, width: w, height: h } = source;
  const made = new Uint8Array(width * height * 3);
  const black = border === "black";
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      const x = x0 + step.xx * column + step.xy * row;
      const y = y0 + step.yx * column + step.yy * row;
      let left = Math.floor(x);
      let top = Math.floor(y);
      const u = x - left;
      const v = y - top;
      let right = left + 1;
      let below = top + 1;
      let w00 = (1 - u) * (1 - v);
      let w01 = u * (1 - v);
      let w10 = (1 - u) * v;
      let w11 = u * v;
      if (left < 0 || top < 0 || right >= w || below >= h) {
        if (black) {
          if (left < 0 || left >= w) w00 = w10 = 0;
          if (right < 0 || right >= w) w01 = w11 = 0;
          if (top < 0 || top >= h) w00 = w01 = 0;
          if (below < 0 || below >= h) w10 = w11 = 0;
        }
        left = clamp(left, 0, w - 1);
        right = clamp(right, 0, w - 1);
        top = clamp(top, 0, h - 1);
        below = clamp(below, 0, h - 1);
      }
      const p00 = (top * w + left) * 4;
      const p01 = (top * w + right) * 4;
      const p10 = (below * w + left) * 4;
      const p11 = (below * w + right) * 4;
      for (let k = 0; k < 3; k++) {
        // Writing into bytes cuts off, so a half makes it round.
        made[at + k] =
          data[p00 + k]! * w00 +
          data[p01 + k]! * w01 +
          data[p10 + k]! * w10 +
          data[p11 + k]! * w11 +
          0.5;
      }
    }
  }
  return { width, height, data: made };
}

/** Blocks of a reduced frame, from `first` up to but without `end`. */
interface Span {
  readonly first: number;
  readonly end: number;
}

/** Rounded mean of `step` x `step` blocks; a last incomplete block is completed by the border. */
function reduce(frame: Frame, step: number, columns: Span, rows: Span, border: Border): Frame {
  const { width: w, height: h, data } = frame;
  const [width, height] = [columns.end - columns.first, rows.end - rows.first];
  const made = new Uint8Array(width * height * 4);
  const sums = new Uint32Array(width * 3);
  const count = step * step;
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    const first = (rows.first + row) * step;
    for (let y = first; y < first + step; y++) {
      if (y >= h && border === "black") break;
      addRow(data, Math.min(y, h - 1) * w, w, columns.first * step, step, border, sums);
    }
    for (let column = 0; column < width; column++) {
      const [to, from] = [(row * width + column) * 4, column * 3];
      for (let k = 0; k < 3; k++) made[to + k] = sums[from + k]! / count + 0.5;
    }
  }
  return { width, height, data: made };
}

/** Add one row of the frame, which begins at pixel `start`, to the sums of its blocks. */
function addRow(
  data: Frame["data"],
  start: number,
  w: number,
  left: number,
  step: number,
  border: Border,
  sums: Uint32Array,
): void {
  let x = left;
  for (let to = 0; to < sums.length; to += 3) {
    const end = Math.min(x + step, w);
    const missing = x + step - end;
    let r = 0;
    let g = 0;
    let b = 0;
    let at = (start + x) * 4;
    for (; x < end; x++, at += 4) {
      r += data[at]!;
      g += data[at + 1]!;
      b += data[at + 2]!;
    }
    if (missing > 0 && border === "replicate") {
      r += missing * data[at - 4]!;
      g += missing * data[at - 3]!;
      b += missing * data[at - 2]!;
    }
    sums[to]! += r;
    sums[to + 1]! += g;
    sums[to + 2]! += b;
  }
}

function cut(frame: Frame, x: number, y: number, width: number, height: number): Frame {
  const data = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * frame.width + x) * 4;
    data.set(frame.data.subarray(start, start + width * 4), row * width * 4);
  }
  return { width, height, data };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
