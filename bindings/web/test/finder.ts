/** The goldens of the face finder, bindings/goldens_finder.json, on the package as it ships. */
import {
  candidatesOf,
  inFrame,
  reducedShape,
  type Candidate,
  type Reduced,
  type YuNetSpec,
} from "../dist/lib/candidates.js";
import { sideOf } from "../dist/lib/detect.js";
import * as mf2 from "../dist/lib/index.js";
import { isFace, orient } from "../dist/lib/orient.js";
import type { Detection, DetectionOptions, Frame } from "../dist/lib/index.js";
import { apart, ASSETS } from "./arrays.js";
import type { Figures } from "./replay.js";

interface Options {
  readonly min_face?: number;
  readonly max_faces?: number;
  readonly min_detection_score?: number;
  readonly fast?: boolean;
  readonly turned_frames?: "all" | "next" | "none";
}

interface Face {
  readonly score: number;
  readonly box: number[];
  readonly landmarks: number[];
  readonly doubtful: boolean;
}

interface Size {
  readonly height: number;
  readonly width: number;
}

interface Picture extends Size {
  readonly grey: number;
  readonly parts: readonly (Size & { x: number; y: number; matrix: readonly number[] })[];
  readonly options: Options;
  readonly calls: readonly (readonly Face[])[];
}

interface Stored {
  readonly tolerance: { readonly detect: number; readonly score: number; readonly exact: number };
  readonly sides: readonly (Size & Omit<Reduced, "scale"> & { options: Options; side: number })[];
  readonly decode: { readonly columns: number; readonly maps: number[][]; candidates: number[][] };
  readonly turned: readonly (Reduced & {
    readonly quarters: number;
    readonly candidate: number[];
    readonly in_frame: number[];
  })[];
  readonly orient: readonly {
    readonly looks: readonly (number | null)[];
    readonly chosen: number | null;
    readonly doubtful: boolean;
  }[];
  readonly accepted: readonly [number, number, boolean][];
  readonly frames: readonly Picture[];
}

/** Differences of faces in pixels; infinite where a rule decides otherwise. */
export async function found(bundle: string, portrait: Frame): Promise<Figures> {
  const stored = (await (await fetch("/data/goldens_finder.json")).json()) as Stored;
  const exact = await rules(stored);
  let most = exact <= stored.tolerance.exact ? 0 : Infinity;
  const byOptions = new Map<string, Picture[]>();
  for (const told of stored.frames) {
    const key = JSON.stringify(told.options);
    byOptions.set(key, [...(byOptions.get(key) ?? []), told]);
  }
  for (const pictures of byOptions.values()) {
    const options = { assets: ASSETS, ...optionsOf(pictures[0]!.options) };
    const analyzer = await mf2.FaceStateAnalyzer.load(bundle, options);
    for (const told of pictures) {
      const image = drawn(portrait, told);
      for (const expected of told.calls) {
        const faces = await analyzer.detect(image);
        most = Math.max(most, differences(faces, expected, stored.tolerance.score));
      }
    }
    analyzer.close();
  }
  return { max_difference: most, tolerance: stored.tolerance.detect, n: stored.frames.length };
}

/** What needs no network: sizes, candidates of maps, turned frames, and the rules. */
async function rules(stored: Stored): Promise<number> {
  const url = `${ASSETS}detectors/yunet_n/detector.json`;
  const spec = (await (await fetch(url)).json()) as YuNetSpec;
  let most = 0;
  const see = (same: boolean) => (most = same ? most : Infinity);
  for (const { height, width, options, side, rows, columns } of stored.sides) {
    const longest = sideOf(Math.max(height, width), spec, optionsOf(options));
    const shape = reducedShape(height, width, longest, spec.strides.at(-1)!);
    see(longest === side && shape.rows === rows && shape.columns === columns);
  }
  const { columns, maps, candidates } = stored.decode;
  const decoded = candidatesOf(
    maps.map((map) => Float32Array.from(map)),
    columns,
    spec,
  );
  see(decoded.length === candidates.length);
  decoded.forEach((each, i) => (most = Math.max(most, apart(numbers(each), candidates[i] ?? []))));
  for (const { quarters, candidate, in_frame, ...shape } of stored.turned) {
    const moved = inFrame(candidateOf(candidate), quarters, shape);
    most = Math.max(most, apart(numbers(moved), in_frame));
  }
  const upright = candidateOf([0.9, 0, 0, 1, 1, 0, 0, 1, 0]);
  for (const { looks, chosen, doubtful } of stored.orient) {
    const told = await orient(upright, spec.rules, async (turn) => {
      const quarter = (Math.round(turn / (Math.PI / 2)) + 4) % 4;
      const score = looks[quarter]!;
      const box = { x: quarter, y: 0, width: 1, height: 1 };
      return score === null ? null : { box, score, landmarks: null };
    });
    see((told?.box.x ?? null) === chosen && (told?.doubtful ?? false) === doubtful);
  }
  for (const [score, look, face] of stored.accepted) see(isFace(score, look, spec.rules) === face);
  return most;
}

function optionsOf(given: Options): DetectionOptions {
  const { min_face, max_faces, min_detection_score, fast, turned_frames } = given;
  return {
    ...(min_face === undefined ? {} : { minFace: min_face }),
    ...(max_faces === undefined ? {} : { maxFaces: max_faces }),
    ...(min_detection_score === undefined ? {} : { minDetectionScore: min_detection_score }),
    ...(fast === undefined ? {} : { fast }),
    ...(turned_frames === undefined ? {} : { turnedFrames: turned_frames }),
  };
}

/** A picture of the goldens: views of the portrait on a grey canvas. */
function drawn(portrait: Frame, { width, height, grey, parts }: Picture): ImageData {
  const image = new ImageData(width, height);
  image.data.fill(grey);
  for (let at = 3; at < image.data.length; at += 4) image.data[at] = 255; // nothing shines through
  for (const { x, y, matrix, ...size } of parts) {
    const [a, b, tx, c, d, ty] = matrix as [number, number, number, number, number, number];
    const { data } = mf2.warp(portrait, { a, b, tx, c, d, ty }, size.width, size.height, "black");
    for (let row = 0; row < size.height; row++) {
      for (let column = 0; column < size.width; column++) {
        const from = (row * size.width + column) * 3;
        image.data.set(data.subarray(from, from + 3), ((y + row) * width + x + column) * 4);
      }
    }
  }
  return image;
}

function differences(
  faces: readonly Detection[],
  expected: readonly Face[],
  tolerance: number,
): number {
  if (faces.length !== expected.length) return Infinity;
  const each = faces.map(({ box, score, landmarks, doubtful = false }, i) => {
    const known = expected[i]!;
    const points = mf2.LANDMARK_NAMES.flatMap((name) => [landmarks![name].x, landmarks![name].y]);
    if (Math.abs(score - known.score) > tolerance || doubtful !== known.doubtful) return Infinity;
    const place = apart([box.x, box.y, box.width, box.height], known.box);
    return Math.max(place, apart(points, known.landmarks));
  });
  return Math.max(0, ...each);
}

function candidateOf(row: readonly number[]): Candidate {
  const [score, x, y, width, height] = row as [number, number, number, number, number];
  const [, , , , , rightX, rightY, leftX, leftY] = row as number[] & { length: 9 };
  return {
    box: { x, y, width, height },
    score,
    right_eye: { x: rightX!, y: rightY! },
    left_eye: { x: leftX!, y: leftY! },
  };
}

function numbers({ box, score, right_eye: right, left_eye: left }: Candidate): number[] {
  return [score, box.x, box.y, box.width, box.height, right.x, right.y, left.x, left.y];
}
