/** Align: bring a face to the template of the manifest, as mf2_edge/pipeline/align.py does. */
import type { AlignmentSpec, LandmarkName } from "./model_types.js";
import type { Box, Frame, Landmarks, Pixels } from "./types.js";
import { clamp, warp, type Matrix } from "./warp.js";

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

function cut(frame: Frame, x: number, y: number, width: number, height: number): Frame {
  const data = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * frame.width + x) * 4;
    data.set(frame.data.subarray(start, start + width * 4), row * width * 4);
  }
  return { width, height, data };
}
