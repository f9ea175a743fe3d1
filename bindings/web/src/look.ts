/** Looks: one pass of BlazeFace over a part of a frame, as mf2_edge/pipeline/detect.py has them. */
import type { BlazeFace } from "./blazeface.js";
import { LANDMARK_NAMES } from "./model_types.js";
import type { Box, Detection, Frame, Landmarks, Point } from "./types.js";
import { warp, type Matrix } from "./warp.js";

/** Part of the view's side that the face box fills in a closer look. */
const FACE_IN_VIEW = 0.5;
/** Part of the view's side that a given box fills; boxes differ in their margins, so in turn. */
const BOX_IN_VIEW = [0.6, 0.45, 0.8];

/** A square part of a frame: centre and side in frame pixels, clockwise turn in radians. */
export interface View {
  readonly centre: Point;
  readonly side: number;
  readonly turn: number;
}

/** One pass of the network over one view; its faces in pixels of the frame, best first. */
export async function look(
  network: BlazeFace,
  frame: Frame,
  view: View,
  minScore: number,
): Promise<Detection[]> {
  const size = network.spec.input_size;
  const pixels = warp(frame, toPixels(view, size), size, size, "black");
  const faces = await network.run(pixels, minScore);
  return faces.map((face) => moved(face, view, size));
}

/** The same face again, eyes level, filling half the view. */
export async function lookCloser(
  network: BlazeFace,
  frame: Frame,
  face: Detection,
): Promise<Detection | null> {
  const side = Math.max(face.box.width, face.box.height) / FACE_IN_VIEW;
  const view = { centre: centreOf(face.box), side, turn: rollOf(face.landmarks!) };
  return nearestTo(face.box, await look(network, frame, view, network.spec.min_score_in_box));
}

/** The face inside a box whose margins are not known: several views of it are tried. */
export async function lookInside(
  network: BlazeFace,
  frame: Frame,
  box: Box,
): Promise<Detection | null> {
  const [centre, side] = [centreOf(box), Math.max(box.width, box.height)];
  for (const part of BOX_IN_VIEW) {
    const view = { centre, side: side / part, turn: 0 };
    const nearest = nearestTo(box, await look(network, frame, view, network.spec.min_score_in_box));
    if (nearest) return (await lookCloser(network, frame, nearest)) ?? nearest;
  }
  return null;
}

/** Similarity from frame pixels to the pixels of a view drawn `size` wide. */
function toPixels({ centre, side, turn }: View, size: number): Matrix {
  const c = (Math.cos(turn) * size) / side;
  const s = (Math.sin(turn) * size) / side;
  const middle = (size - 1) / 2;
  const tx = middle - c * centre.x - s * centre.y;
  const ty = middle + s * centre.x - c * centre.y;
  return { a: c, b: s, tx, c: -s, d: c, ty };
}

/** The frame pixel under a pixel of a view drawn `size` wide. */
function toFrame({ centre, side, turn }: View, point: Point, size: number): Point {
  const c = (Math.cos(turn) * side) / size;
  const s = (Math.sin(turn) * side) / size;
  const [x, y] = [point.x - (size - 1) / 2, point.y - (size - 1) / 2];
  return { x: centre.x + c * x - s * y, y: centre.y + s * x + c * y };
}

/** A detection from a view's pixels to the frame's; the box turns with its centre only. */
function moved(face: Detection, view: View, size: number): Detection {
  const scale = view.side / size;
  const centre = toFrame(view, centreOf(face.box), size);
  const [width, height] = [face.box.width * scale, face.box.height * scale];
  const box = { x: centre.x - width / 2, y: centre.y - height / 2, width, height };
  const points = LANDMARK_NAMES.map((name) => [name, toFrame(view, face.landmarks![name], size)]);
  return { box, score: face.score, landmarks: Object.fromEntries(points) as Landmarks };
}

/** In-plane turn of the head, radians clockwise as seen, from the line through the eyes. */
export function rollOf({ right_eye, left_eye }: Landmarks): number {
  return Math.atan2(left_eye.y - right_eye.y, left_eye.x - right_eye.x);
}

function nearestTo(box: Box, faces: readonly Detection[]): Detection | null {
  const distance = (face: Detection) => apart(face.box, box);
  return faces.reduce<Detection | null>(
    (best, face) => (best === null || distance(face) < distance(best) ? face : best),
    null,
  );
}

export function centreOf(box: Box): Point {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Between the middles of two boxes, pixels. */
export function apart(a: Box, b: Box): number {
  const [from, to] = [centreOf(a), centreOf(b)];
  return Math.hypot(from.x - to.x, from.y - to.y);
}
