/**
 * Resample a frame.
 *
 * The resampler is the one that mf2_edge/pipeline/align.py specifies: a frame that shrinks by half or more
 * is first reduced by an integer, each block to its rounded mean; then bilinear, pixel centres at
 * integers, and what lies outside is the nearest edge pixel (`replicate`) or 0 (`black`).
 *
 * BlazeFace moves its points by tenths of a pixel where a few input pixels differ by one level, so
 * numbers are rounded here as OpenCV rounds them (bindings/README.md says how).
 */
import type { Frame, Pixels } from "./types.js";

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

/** A part of a frame that is read as if it were all there is. */
interface Window {
  readonly data: Frame["data"];
  /** Pixels from one row of `data` to the next. */
  readonly stride: number;
  /** Position of the first pixel. */
  readonly start: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Resample a frame through `matrix` into an RGB image of `width` x `height`.
 *
 * Only the part of the frame that the output sees is touched, so the cost does not grow with it.
 */
export function warp(
  frame: Frame,
  matrix: Matrix,
  width: number,
  height: number,
  border: Border,
): Pixels {
  let { a, b, tx, c, d, ty } = matrix;
  const determinant = a * d - b * c;
  const step = Math.max(1, Math.floor(1 / Math.sqrt(Math.abs(determinant)) + 1e-9));
  const corners = [0, width].flatMap((x) =>
    [0, height].map((y) => ({ x: x - 0.5 - tx, y: y - 0.5 - ty })),
  );
  const across = corners.map(({ x, y }) => (d * x - b * y) / determinant);
  const down = corners.map(({ x, y }) => (a * y - c * x) / determinant);
  const [x0, x1] = span(across, frame.width, step);
  const [y0, y1] = span(down, frame.height, step);
  const { data, width: stride } = frame;
  let window: Window = { data, stride, start: y0 * stride + x0, width: x1 - x0, height: y1 - y0 };
  tx += a * x0 + b * y0;
  ty += c * x0 + d * y0;
  if (step > 1) {
    window = reduce(window, step, border);
    const middle = (step - 1) / 2;
    tx += (a + b) * middle;
    ty += (c + d) * middle;
    [a, b, c, d] = [a * step, b * step, c * step, d * step];
  }
  return bilinear(window, invert({ a, b, tx, c, d, ty }), width, height, border);
}

/** First and end of the pixels that the output reads, never empty; the first a multiple of `step`. */
function span(seen: readonly number[], length: number, step: number): [number, number] {
  const reach = 2 * step + 1;
  const first = clamp(Math.floor(Math.min(...seen)) - reach, 0, length - 1);
  const low = first - (first % step);
  return [low, Math.min(Math.max(Math.ceil(Math.max(...seen)) + reach, low + 1), length)];
}

/** Output -> source, in float32, as OpenCV inverts it. */
function invert({ a, b, tx, c, d, ty }: Matrix): Float32Array {
  const inverse = 1 / (a * d - b * c);
  const [xx, xy, yx, yy] = [d * inverse, b * -inverse, c * -inverse, a * inverse];
  return Float32Array.of(xx, xy, -xx * tx - xy * ty, yx, yy, -yx * tx - yy * ty);
}

function bilinear(
  source: Window,
  inverse: Float32Array,
  width: number,
  height: number,
  border: Border,
): Pixels {
  const { data, stride, start, width: w, height: h } = source;
  const [xx, xy, xt, yx, yy, yt] = inverse as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Of this kind of array, writing rounds to the nearest, halves to the even.
  const made = new Uint8ClampedArray(width * height * 3);
  const black = border === "black";
  const round = Math.fround;
  let at = 0;
  for (let row = 0; row < height; row++) {
    const rowX = round(round(row * xy) + xt);
    const rowY = round(round(row * yy) + yt);
    for (let column = 0; column < width; column++, at += 3) {
      const x = round(column * xx + rowX);
      const y = round(column * yx + rowY);
      let left = Math.floor(x);
      let top = Math.floor(y);
      const u = round(x - left);
      const v = round(y - top);
      let right = left + 1;
      let below = top + 1;
      // What a neighbour counts: 0 where it is black.
      let k00 = 1;
      let k01 = 1;
      let k10 = 1;
      let k11 = 1;
      if (left < 0 || top < 0 || right >= w || below >= h) {
        if (black) {
          if (left < 0 || left >= w) k00 = k10 = 0;
          if (right < 0 || right >= w) k01 = k11 = 0;
          if (top < 0 || top >= h) k00 = k01 = 0;
          if (below < 0 || below >= h) k10 = k11 = 0;
        }
        left = clamp(left, 0, w - 1);
        right = clamp(right, 0, w - 1);
        top = clamp(top, 0, h - 1);
        below = clamp(below, 0, h - 1);
      }
      const p00 = (start + top * stride + left) * 4;
      const p01 = (start + top * stride + right) * 4;
      const p10 = (start + below * stride + left) * 4;
      const p11 = (start + below * stride + right) * 4;
      for (let k = 0; k < 3; k++) {
        const q00 = data[p00 + k]! * k00;
        const q10 = data[p10 + k]! * k10;
        const upper = round(u * (data[p01 + k]! * k01 - q00) + q00);
        const lower = round(u * (data[p11 + k]! * k11 - q10) + q10);
        made[at + k] = round(v * round(lower - upper) + upper);
      }
    }
  }
  return { width, height, data: made };
}

/** Rounded mean of `step` x `step` blocks; a last incomplete block is completed by the border. */
function reduce(window: Window, step: number, border: Border): Window {
  const { data, stride, start, width: w, height: h } = window;
  const [width, height] = [Math.ceil(w / step), Math.ceil(h / step)];
  const made = new Uint8ClampedArray(width * height * 4);
  const sums = new Uint32Array(width * 3);
  const share = Math.fround(1 / (step * step));
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    for (let y = row * step; y < (row + 1) * step; y++) {
      if (y >= h && border === "black") break;
      addRow(data, start + Math.min(y, h - 1) * stride, w, step, border, sums);
    }
    for (let column = 0; column < width; column++) {
      const [to, from] = [(row * width + column) * 4, column * 3];
      for (let k = 0; k < 3; k++) {
        const sum = sums[from + k]!;
        // OpenCV rounds halves up in blocks of 2 x 2, to the even in larger ones.
        made[to + k] = step === 2 ? (sum + 2) >> 2 : Math.fround(sum * share);
      }
    }
  }
  return { data: made, stride: width, start: 0, width, height };
}

/** Add the row of `w` pixels at `start` to the sums of its blocks. */
function addRow(
  data: Frame["data"],
  start: number,
  w: number,
  step: number,
  border: Border,
  sums: Uint32Array,
): void {
  let x = 0;
  let at = start * 4;
  for (let to = 0; to < sums.length; to += 3) {
    const end = Math.min(x + step, w);
    const missing = x + step - end;
    let r = 0;
    let g = 0;
    let b = 0;
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

/** The nearest number within bounds. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
