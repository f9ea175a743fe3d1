/** The goldens, replayed stage by stage on the package as it ships. */
import * as mf2 from "../dist/lib/index.js";
import type { FaceState, Frame, Landmarks, ModelSpec, Matrix } from "../dist/lib/index.js";
import { apart, ASSETS, goldens, rgba, row, type Goldens, type Numbers } from "./arrays.js";
import { found } from "./finder.js";

/** Largest difference found, what is allowed, and how many cases were compared. */
export interface Figures {
  readonly max_difference: number;
  readonly tolerance: number;
  readonly n: number;
}

/** frame, detect and align on the goldens of all bindings; a light bundle will do for detect. */
export async function geometry(bundle: string, light: string): Promise<Record<string, Figures>> {
  const recorded = await goldens("stages");
  const [height, width] = recorded["frame"]!.shape as [number, number];
  const frame = rgba(recorded["frame"]!.data, width, height);
  const url = `${bundle}model.json`;
  const { alignment } = mf2.parseModel(await (await fetch(url)).text(), url);
  return {
    frame: framed(recorded),
    detect: await found(light, frame),
    align: aligned(recorded, frame, alignment),
  };
}

/** A picture with transparent parts as a frame on white; needs no page. */
export function framed(recorded: Goldens): Figures {
  const [height, width] = recorded["alpha/rgba"]!.shape as [number, number];
  const given = new Uint8ClampedArray(recorded["alpha/rgba"]!.data);
  const { data } = mf2.onWhite({ width, height, data: given });
  const expected = rgba(recorded["alpha/rgb"]!.data, width, height);
  return {
    max_difference: apart(data, expected.data),
    tolerance: recorded["tolerance/alpha"]!.data[0]!,
    n: 1,
  };
}

/** align and warp, on the cases of a file of goldens; needs no page. */
export function aligned(recorded: Goldens, frame: Frame, spec: mf2.AlignmentSpec): Figures {
  const tolerance = (name: string) => recorded[`tolerance/${name}`]!.data[0]!;
  const matrices: number[] = [];
  const levels: number[] = [];
  for (let i = 0; i < recorded["align/landmarks"]!.shape[0]!; i++) {
    const given = landmarksOf(row(recorded["align/landmarks"]!, i));
    const { a, b, tx, c, d, ty } = mf2.similarity(given, spec);
    matrices.push(apart([a, b, tx, c, d, ty], row(recorded["align/matrix"]!, i)));
    levels.push(apart(mf2.align(frame, given, spec).data, row(recorded["align/aligned"]!, i)));
  }
  for (let i = 0; i < recorded["warp/matrix"]!.shape[0]!; i++) {
    const [, rows, columns] = recorded["warp/view"]!.shape as [number, number, number];
    const matrix = matrixOf(row(recorded["warp/matrix"]!, i));
    const view = mf2.warp(frame, matrix, columns, rows, "black");
    levels.push(apart(view.data, row(recorded["warp/view"]!, i)));
  }
  const similar = Math.max(...matrices) <= tolerance("matrix");
  return {
    max_difference: similar ? Math.max(...levels) : Infinity,
    tolerance: tolerance("align"),
    n: levels.length,
  };
}

/** What the arrays of a head are called. */
function goldenName(head: mf2.HeadSpec["name"]): string {
  return head === "action_units" ? "au" : head;
}

/** What each face says once its heads are decoded: intensity, visibility and reasons included. */
export async function answers(bundle: string, name: string): Promise<mf2.Answers[]> {
  const recorded = await goldens(name);
  const url = `${bundle}model.json`;
  const spec = mf2.parseModel(await (await fetch(url)).text(), url);
  const decoder = new mf2.Decoder(spec);
  const told: mf2.Answers[] = [];
  for (let i = 0; i < recorded["emotion_logits"]!.shape[0]!; i++) {
    const outputs: Float32Array[] = [];
    for (const head of spec.heads) {
      const logits = row(recorded[`${goldenName(head.name)}_logits`]!, i);
      outputs[head.output] = Float32Array.from(logits);
    }
    told.push(decoder.decode(outputs));
  }
  return told;
}

/** preprocess, run and decode on the goldens of a bundle. */
export async function network(bundle: string, name: string): Promise<Record<string, Figures>> {
  const recorded = await goldens(name);
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, { assets: ASSETS });
  const { spec, artifact } = analyzer.info;
  const [n, height, width] = recorded["aligned"]!.shape as [number, number, number];
  const decoder = new mf2.Decoder(spec);
  const most = { preprocess: 0, run: 0, decode: 0 };
  const { precision, format } = artifact;
  const logits = (key: string) =>
    recorded[`${key}/${precision}/${format}`] ?? recorded[`${key}/${precision}`] ?? recorded[key]!;
  for (let i = 0; i < n; i++) {
    const aligned = { width, height, data: row(recorded["aligned"]!, i) as Uint8Array };
    const input = mf2.toInput(aligned, spec.preprocessing, "NCHW");
    most.preprocess = Math.max(most.preprocess, apart(input, row(recorded["preprocess"]!, i)));
    const found = await analyzer.run(
      inLayout(row(recorded["preprocess"]!, i), spec, artifact.layout),
    );
    const outputs: Float32Array[] = [];
    for (const head of spec.heads) {
      const key = `${goldenName(head.name)}_logits`;
      most.run = Math.max(most.run, apart(found[head.output]!, row(logits(key), i)));
      outputs[head.output] = row(recorded[key]!, i) as Float32Array;
    }
    const scores = decoder.scores(outputs);
    for (const { name: head } of spec.heads) {
      const known = row(recorded[`${goldenName(head)}_scores`]!, i);
      most.decode = Math.max(most.decode, apart(scores[head]!, known));
    }
  }
  analyzer.close();
  const tolerance = (stage: string) =>
    (recorded[`tolerance/${stage}/${artifact.precision}`] ?? recorded[`tolerance/${stage}`]!)
      .data[0]!;
  return {
    preprocess: { max_difference: most.preprocess, tolerance: tolerance("preprocess"), n },
    run: { max_difference: most.run, tolerance: tolerance("model"), n },
    decode: { max_difference: most.decode, tolerance: tolerance("decode"), n },
  };
}

/** smooth, on a recorded series of scores. */
export async function smooth(bundle: string, name: string): Promise<Record<string, Figures>> {
  const recorded = await goldens(name);
  const url = `${bundle}model.json`;
  const spec = mf2.parseModel(await (await fetch(url)).text(), url);
  const emotions = labelsOf(spec, "emotion");
  const smoother = new mf2.Smoother(spec, 1);
  const times = recorded["smooth/timestamps_ms"]!.data;
  const series = (key: string, i: number) => row(recorded[`smooth/${key}`]!, i);
  let most = 0;
  for (let i = 0; i < times.length; i++) {
    const told = (key: string) => (recorded[`smooth/${key}`] ? series(key, i) : null);
    const raw = rawState(
      spec,
      series("emotion_scores", i),
      series("au_scores", i),
      told("strength_scores"),
      told("visibility_scores"),
    );
    const { state } = smoother.update(raw, times[i]!);
    const smoothed = Object.values(state.action_units);
    most = Math.max(
      most,
      apart(
        emotions.map((label) => state.emotion.scores[label]!),
        series("smoothed_emotion_scores", i),
      ),
      apart(
        smoothed.map((unit) => unit.score),
        series("smoothed_au_scores", i),
      ),
      told("smoothed_visibility_scores")
        ? apart(Object.values(state.visibility), told("smoothed_visibility_scores")!)
        : 0,
      told("smoothed_strength_scores")
        ? apart(
            smoothed.map((unit) => unit.strength!),
            told("smoothed_strength_scores")!,
          )
        : 0,
      // A decision that differs is beyond every tolerance.
      state.emotion.label === emotions[recorded["smooth/label"]!.data[i]!] ? 0 : Infinity,
      apart(
        smoothed.map((unit) => Number(unit.present)),
        series("present", i),
      ) && Infinity,
    );
  }
  const tolerance = recorded["tolerance/smooth"]!.data[0]!;
  return { smooth: { max_difference: most, tolerance, n: times.length } };
}

function labelsOf(spec: ModelSpec, head: mf2.HeadSpec["name"]): readonly string[] {
  return spec.heads.find((each) => each.name === head)?.labels ?? [];
}

function rawState(
  spec: ModelSpec,
  emotionScores: Numbers,
  unitScores: Numbers,
  strengths: Numbers | null,
  regions: Numbers | null,
): FaceState {
  const emotions = labelsOf(spec, "emotion");
  const units = labelsOf(spec, "action_units");
  const seen = regions === null ? [] : labelsOf(spec, "visibility");
  const best = emotions[emotionScores.indexOf(Math.max(...emotionScores) as never)]!;
  const scores = Object.fromEntries(emotions.map((label, i) => [label, emotionScores[i]!]));
  const states = units.map((label, i) => {
    const score = unitScores[i]!;
    const [present, strength] = [score >= mf2.PRESENT, strengths === null ? null : strengths[i]!];
    const how = mf2.intensityOf(score, present, strength);
    return [
      label,
      { name: label, score, present, reason: "confident", strength, ...how, reliability: null },
    ];
  });
  const [part, box] = [1, { x: 0, y: 0, width: 1, height: 1 }];
  return {
    box,
    landmarks: null,
    detection_score: 1,
    emotion: {
      label: best,
      raw_label: best,
      score: scores[best]!,
      scores,
      reason: "confident",
      reliability: null,
    },
    visibility: Object.fromEntries(seen.map((label, i) => [label, regions![i]!])),
    action_units: Object.fromEntries(states) as FaceState["action_units"],
    status: "ok",
    head_pose: null,
    quality: {
      overall: part,
      size: part,
      sharpness: part,
      pose: part,
      light: part,
      visibility: part,
    },
    track_id: null,
  };
}

function inLayout(
  planes: Numbers,
  { input }: ModelSpec,
  layout: "NCHW" | "NHWC",
): Float32Array<ArrayBuffer> {
  if (layout === "NCHW") return Float32Array.from(planes);
  const size = input.width * input.height;
  return Float32Array.from(planes, (_, i) => planes[(i % 3) * size + Math.floor(i / 3)]!);
}

function landmarksOf(points: Numbers): Landmarks {
  const named = mf2.LANDMARK_NAMES.map((name, i) => [
    name,
    { x: points[2 * i]!, y: points[2 * i + 1]! },
  ]);
  return Object.fromEntries(named) as Landmarks;
}

function matrixOf([a, b, tx, c, d, ty]: Numbers): Matrix {
  return { a: a!, b: b!, tx: tx!, c: c!, d: d!, ty: ty! };
}
