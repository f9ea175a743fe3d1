/**
 * Detect: find the faces in a frame and the six landmarks of each, as mf2_edge/pipeline/detect.py does.
 *
 * Two passes of BlazeFace: one finds faces, one looks again at each face upright and filling half
 * the view, which is what makes its landmarks good enough to align with.
 */
import type { BlazeFace } from "./blazeface.js";
import { LANDMARK_NAMES } from "./model_types.js";
import type { Box, Detection, Frame, Landmarks, Point, Search } from "./types.js";
import { warp, type Matrix } from "./warp.js";

/** Smallest face looked for, as a part of the frame's longer side. */
const MIN_FACE = 24 / 640;
/** Part of the smallest tiles' side that the smallest face fills. */
const FACE_IN_TILE = 0.2;
/** Each size of tiles is at least this part of the size before. */
const TILE_RATIO = 0.55;
/** Part of the view's side that the face box fills in the second pass. */
const FACE_IN_VIEW = 0.5;
/** Part of the view's side that a given box fills; boxes differ in their margins, so in turn. */
const BOX_IN_VIEW = [0.6, 0.45, 0.8];

/** A square part of a frame: centre and side in frame pixels, clockwise turn in radians. */
interface View {
  readonly centre: Point;
  readonly side: number;
  readonly turn: number;
}

/** Any number of faces of a frame, largest first. */
export class BlazeFaceDetector {
  constructor(
    private readonly network: BlazeFace,
    readonly search: Search,
  ) {}

  /** Faces of a frame in its pixels, largest first; `[]` when nobody is there. */
  async detect(frame: Frame): Promise<Detection[]> {
    const { spec } = this.network;
    const [first, ...rounds] = this.rounds(frame);
    let found = await this.look(frame, first!, spec.min_score, spec.min_score);
    for (const views of rounds) {
      const sure = found.some((face) => face.score >= spec.sure_score);
      if (this.search === "adaptive" && sure) break;
      const more = await this.look(frame, views, spec.candidate_score, spec.sure_score);
      found = this.network.distinct([...found, ...more]);
    }
    return found.sort((a, b) => area(b.box) - area(a.box));
  }

  /** The face inside `box` with its landmarks; null if there is none. */
  async refine(frame: Frame, box: Box): Promise<Detection | null> {
    const [centre, side] = [centreOf(box), Math.max(box.width, box.height)];
    for (const part of BOX_IN_VIEW) {
      const view = { centre, side: side / part, turn: 0 };
      const faces = await this.pass(frame, view, this.network.spec.min_score_in_box);
      const nearest = nearestTo(box, faces);
      if (nearest) return (await this.lookCloser(frame, nearest)) ?? nearest;
    }
    return null;
  }

  /** A face that was at `face` a moment ago, by one look there; or null. */
  follow(frame: Frame, face: Detection): Promise<Detection | null> {
    return this.lookCloser(frame, face);
  }

  /** Sets of views, cheapest first: the frame, the frame turned, ever smaller tiles of it. */
  private rounds({ width, height }: Frame): View[][] {
    const [long, short] = [Math.max(width, height), Math.min(width, height)];
    const centre = { x: (width - 1) / 2, y: (height - 1) / 2 };
    const whole = (quarters: number) => ({ centre, side: long, turn: (quarters * Math.PI) / 2 });
    if (this.search === "single") return [[whole(0)]];
    const smallest = (MIN_FACE * long) / FACE_IN_TILE;
    const largest = Math.max(Math.min(short, 0.6 * long), smallest);
    const sizes = 1 + Math.ceil(Math.log(smallest / largest) / Math.log(TILE_RATIO));
    const tiled = Array.from({ length: sizes }, (_, i) => {
      const side = sizes === 1 ? largest : largest * (smallest / largest) ** (i / (sizes - 1));
      return tiles(width, height, side);
    });
    return [[whole(0)], [1, 3, 2].map(whole), ...tiled];
  }

  /** Both passes over some views: faces whose first and second look reach the given scores. */
  private async look(
    frame: Frame,
    views: readonly View[],
    candidate: number,
    accepted: number,
  ): Promise<Detection[]> {
    const candidates: Detection[] = [];
    for (const view of views) candidates.push(...(await this.pass(frame, view, candidate)));
    const good: Detection[] = [];
    for (const face of this.network.distinct(candidates)) {
      const closer = await this.lookCloser(frame, face);
      if (closer && closer.score >= accepted) good.push(closer);
    }
    return this.network.distinct(good);
  }

  /** One pass of the network over one view; its faces in pixels of the frame. */
  private async pass(frame: Frame, view: View, minScore: number): Promise<Detection[]> {
    const size = this.network.spec.input_size;
    const pixels = warp(frame, toPixels(view, size), size, size, "black");
    const faces = await this.network.run(pixels, minScore);
    return faces.map((face) => moved(face, view, size));
  }

  /** The second pass: the same face again, eyes level, filling half the view. */
  private async lookCloser(frame: Frame, face: Detection): Promise<Detection | null> {
    const side = Math.max(face.box.width, face.box.height) / FACE_IN_VIEW;
    const view = { centre: centreOf(face.box), side, turn: roll(face.landmarks!) };
    const again = await this.pass(frame, view, this.network.spec.min_score_in_box);
    return nearestTo(face.box, again);
  }
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

/** Squares of `side` that cover the frame, neighbours overlapping by a quarter at least. */
function tiles(width: number, height: number, side: number): View[] {
  return tileCentres(height, side).flatMap((y) =>
    tileCentres(width, side).map((x) => ({ centre: { x, y }, side, turn: 0 })),
  );
}

function tileCentres(length: number, side: number): number[] {
  if (side >= length) return [(length - 1) / 2];
  const count = Math.ceil((length - side) / (0.75 * side)) + 1;
  return Array.from({ length: count }, (_, i) => {
    return side / 2 + ((length - side) * i) / (count - 1) - 0.5;
  });
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
function roll({ right_eye, left_eye }: Landmarks): number {
  return Math.atan2(left_eye.y - right_eye.y, left_eye.x - right_eye.x);
}

function nearestTo(box: Box, faces: readonly Detection[]): Detection | null {
  const middle = centreOf(box);
  const distance = (face: Detection) => {
    const centre = centreOf(face.box);
    return Math.hypot(centre.x - middle.x, centre.y - middle.y);
  };
  return faces.reduce<Detection | null>(
    (best, face) => (best === null || distance(face) < distance(best) ? face : best),
    null,
  );
}

function centreOf(box: Box): Point {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

function area(box: Box): number {
  return box.width * box.height;
}
