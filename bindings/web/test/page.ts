/** What the tests do inside a page; `drive.mjs` calls these and hands the answers to pytest. */
import * as mf2 from "../dist/lib/index.js";
import type { Box, FaceState, Landmarks, Manifest, Matrix } from "../dist/lib/index.js";

/** An array of a golden file, as check.py lays it out. */
interface Stored {
  readonly file: string;
  readonly dtype: "uint8" | "float32" | "float64";
  readonly shape: readonly number[];
}

type Numbers = Uint8Array | Float32Array | Float64Array;
type Goldens = Record<string, { readonly shape: readonly number[]; readonly data: Numbers }>;

/** Largest difference found, what is allowed, and how many cases were compared. */
interface Figures {
  readonly max_difference: number;
  readonly tolerance: number;
  readonly n: number;
}

const KINDS = { uint8: Uint8Array, float32: Float32Array, float64: Float64Array };
const ASSETS = "/assets/";

async function goldens(name: string): Promise<Goldens> {
  const index = (await (await fetch(`/data/${name}.json`)).json()) as Record<string, Stored>;
  const read = async ([key, { file, dtype, shape }]: [string, Stored]) => {
    const buffer = await (await fetch(`/data/${file}`)).arrayBuffer();
    return [key, { shape, data: new KINDS[dtype](buffer) }] as const;
  };
  return Object.fromEntries(await Promise.all(Object.entries(index).map(read)));
}

/** Row `i` of an array, along its first axis. */
function row({ shape, data }: Goldens[string], i: number): Numbers {
  const size = shape.slice(1).reduce((product, length) => product * length, 1);
  return data.subarray(i * size, (i + 1) * size);
}

function apart(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    // NaN is beyond every tolerance.
    most = difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}

function rgba(rgb: Numbers, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set([rgb[i * 3]!, rgb[i * 3 + 1]!, rgb[i * 3 + 2]!, 255], i * 4);
  }
  return image;
}

function landmarksOf(points: Numbers): Landmarks {
  const named = mf2.LANDMARK_NAMES.map((name, i) => [name, { x: points[2 * i]!, y: points[2 * i + 1]! }]);
  return Object.fromEntries(named) as Landmarks;
}

function matrixOf([a, b, tx, c, d, ty]: Numbers): Matrix {
  return { a: a!, b: b!, tx: tx!, c: c!, d: d!, ty: ty! };
}

/** detect and align on the goldens of all bindings. */
export async function geometry(bundle: string): Promise<Record<string, Figures>> {
  const recorded = await goldens("stages");
  const tolerance = (name: string) => recorded[`tolerance/${name}`]!.data[0]!;
  const [height, width] = recorded["frame"]!.shape as [number, number];
  const frame = rgba(recorded["frame"]!.data, width, height);
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, { assets: ASSETS, search: "single" });
  const faces = await analyzer.detect(frame);
  const spec = analyzer.info.manifest.alignment;
  analyzer.close();
  const [{ box, score, landmarks }] = faces as [(typeof faces)[0]];
  const points = mf2.LANDMARK_NAMES.flatMap((name) => [landmarks![name].x, landmarks![name].y]);
  const positions = Math.max(
    faces.length === 1 ? 0 : Infinity,
    apart([box.x, box.y, box.width, box.height], recorded["detect/box"]!.data),
    apart(points, recorded["detect/landmarks"]!.data),
  );
  const sure = Math.abs(score - recorded["detect/score"]!.data[0]!) <= tolerance("score");
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
    detect: { max_difference: sure ? positions : Infinity, tolerance: tolerance("detect"), n: 1 },
    align: {
      max_difference: similar ? Math.max(...levels) : Infinity,
      tolerance: tolerance("align"),
      n: levels.length,
    },
  };
}

/** preprocess, run and decode on the goldens of a bundle. */
export async function network(bundle: string, name: string): Promise<Record<string, Figures>> {
  const recorded = await goldens(name);
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, { assets: ASSETS });
  const { manifest, artifact } = analyzer.info;
  const [n, height, width] = recorded["aligned"]!.shape as [number, number, number];
  const decoder = new mf2.Decoder(manifest);
  const most = { preprocess: 0, run: 0, decode: 0 };
  const logits = (key: string) => recorded[`${key}/${artifact.precision}`] ?? recorded[key]!;
  const output = (head: string) => manifest.heads.find((each) => each.name === head)!.output;
  for (let i = 0; i < n; i++) {
    const aligned = { width, height, data: row(recorded["aligned"]!, i) as Uint8Array };
    const input = mf2.toInput(aligned, manifest.preprocessing, "NCHW");
    most.preprocess = Math.max(most.preprocess, apart(input, row(recorded["preprocess"]!, i)));
    const found = await analyzer.run(inLayout(row(recorded["preprocess"]!, i), manifest, artifact.layout));
    const outputs: Float32Array[] = [];
    for (const [head, key] of [["emotion", "emotion_logits"], ["action_units", "au_logits"]] as const) {
      most.run = Math.max(most.run, apart(found[output(head)]!, row(logits(key), i)));
      outputs[output(head)] = row(recorded[key]!, i) as Float32Array;
    }
    const [emotion, units] = decoder.scores(outputs);
    most.decode = Math.max(
      most.decode,
      apart(emotion, row(recorded["emotion_scores"]!, i)),
      apart(units, row(recorded["au_scores"]!, i)),
    );
  }
  analyzer.close();
  const tolerance = (stage: string) =>
    (recorded[`tolerance/${stage}/${artifact.precision}`] ?? recorded[`tolerance/${stage}`]!).data[0]!;
  return {
    preprocess: { max_difference: most.preprocess, tolerance: tolerance("preprocess"), n },
    run: { max_difference: most.run, tolerance: tolerance("model"), n },
    decode: { max_difference: most.decode, tolerance: tolerance("decode"), n },
  };
}

/** smooth, on a recorded series of scores. */
export async function smooth(bundle: string, name: string): Promise<Record<string, Figures>> {
  const recorded = await goldens(name);
  const url = `${bundle}manifest.json`;
  const manifest = mf2.parseManifest(await (await fetch(url)).text(), url);
  const [emotions, units] = (["emotion", "action_units"] as const).map(
    (head) => manifest.heads.find((each) => each.name === head)!.labels,
  ) as [readonly string[], readonly string[]];
  const smoother = new mf2.Smoother(manifest, 1);
  const times = recorded["smooth/timestamps_ms"]!.data;
  const series = (key: string, i: number) => row(recorded[`smooth/${key}`]!, i);
  let most = 0;
  for (let i = 0; i < times.length; i++) {
    const raw = rawState(manifest, emotions, units, series("emotion_scores", i), series("au_scores", i));
    const { state } = smoother.update(raw, times[i]!);
    const calm = Object.values(state.action_units);
    most = Math.max(
      most,
      apart(emotions.map((label) => state.emotion.scores[label]!), series("smoothed_emotion_scores", i)),
      apart(calm.map((unit) => unit.score), series("smoothed_au_scores", i)),
      // A decision that differs is beyond every tolerance.
      state.emotion.label === emotions[recorded["smooth/label"]!.data[i]!] ? 0 : Infinity,
      apart(calm.map((unit) => Number(unit.present)), series("present", i)) && Infinity,
    );
  }
  const tolerance = recorded["tolerance/smooth"]!.data[0]!;
  return { smooth: { max_difference: most, tolerance, n: times.length } };
}

function rawState(
  manifest: Manifest,
  emotions: readonly string[],
  units: readonly string[],
  emotionScores: Numbers,
  unitScores: Numbers,
): FaceState {
  const best = emotions[emotionScores.indexOf(Math.max(...emotionScores) as never)]!;
  const scores = Object.fromEntries(emotions.map((label, i) => [label, emotionScores[i]!]));
  const states = units.map((label, i) => {
    const [score, { threshold }] = [unitScores[i]!, manifest.calibration.action_units[label]!];
    return [label, { name: label, score, present: score >= threshold, reason: "confident" }];
  });
  const [part, box] = [1, { x: 0, y: 0, width: 1, height: 1 }];
  return {
    box,
    landmarks: null,
    detection_score: 1,
    emotion: { label: best, raw_label: best, score: scores[best]!, scores, reason: "confident" },
    action_units: Object.fromEntries(states) as FaceState["action_units"],
    status: "ok",
    head_pose: null,
    quality: { overall: part, size: part, sharpness: part, pose: part, light: part },
    track_id: null,
  };
}

/** The states of a short film, frame by frame, and its events. */
export async function film(
  bundle: string,
): Promise<{ states: FaceState[][]; events: mf2.ActionUnitEvent[]; mistakes: string[] }> {
  const stored = await listed("film");
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, { assets: ASSETS });
  const stream = analyzer.stream();
  const states: FaceState[][] = [];
  for (const { image, timestamp } of stored) states.push(await stream.update(image, timestamp!));
  const events = stream.takeEvents();
  const { image } = stored[0]!;
  const mistakes = await Promise.all(
    [0, NaN].map((time) => stream.update(image, time).then(() => "no error", (error: Error) => error.name)),
  );
  stream.reset();
  const [again] = await stream.update(image, 0);
  analyzer.close();
  return { states, events, mistakes: [...mistakes, `track ${again!.track_id}`] };
}

interface Picture {
  readonly image: ImageData;
  readonly timestamp?: number;
}

/** The pictures that check.py laid out under a name. */
async function listed(name: string): Promise<Picture[]> {
  type Entry = { width: number; height: number; file: string; timestamp?: number };
  const entries = (await (await fetch(`/data/${name}.json`)).json()) as Entry[];
  return Promise.all(
    entries.map(async ({ file, width, height, ...rest }) => {
      const pixels = new Uint8Array(await (await fetch(`/data/${file}`)).arrayBuffer());
      return { image: rgba(pixels, width, height), ...rest };
    }),
  );
}

function inLayout(planes: Numbers, { input }: Manifest, layout: "NCHW" | "NHWC"): Float32Array<ArrayBuffer> {
  if (layout === "NCHW") return Float32Array.from(planes);
  const size = input.width * input.height;
  return Float32Array.from(planes, (_, i) => planes[(i % 3) * size + Math.floor(i / 3)]!);
}

/** Verdict on each manifest of the shared cases: null where it is accepted, else the error. */
export async function manifests(): Promise<({ name: string; message: string } | null)[]> {
  const texts = (await (await fetch("/data/manifests.json")).json()) as string[];
  return texts.map((text) => {
    try {
      mf2.parseManifest(text, "case");
      return null;
    } catch (error) {
      const { name, message } = error as Error;
      return { name, message };
    }
  });
}

/** Each crop's state. */
export async function crops(bundle: string): Promise<FaceState[]> {
  const images = (await listed("crops")).map(({ image }) => image);
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, { assets: ASSETS });
  const states = await analyzer.predictCrops(images);
  analyzer.close();
  return states;
}

/** The portrait in each form that `predict` takes, and in given boxes. */
export async function portrait(bundle: string): Promise<Record<string, FaceState[]>> {
  const image = new Image();
  image.src = "/data/astronaut.jpg";
  await image.decode();
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, { assets: ASSETS });
  const bitmap = await createImageBitmap(image);
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d")!;
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = await analyzer.predict(image);
  const boxes: Box[] = [found[0]!.box];
  const states = {
    image: found,
    bitmap: await analyzer.predict(bitmap),
    again: await analyzer.predict(bitmap),
    pixels: await analyzer.predict(pixels),
    boxed: await analyzer.predict(pixels, { boxes }),
    nobody: await analyzer.predict(new ImageData(320, 240)),
  };
  analyzer.close();
  return states;
}

/** What each kind of bad input is answered with: the class and text of the error. */
export async function mistakes(bundle: string): Promise<Record<string, string>> {
  const load = (url: string, options: mf2.LoadOptions = {}) => () =>
    mf2.FaceStateAnalyzer.load(url, { assets: ASSETS, ...options });
  const analyzer = await load(bundle)();
  const predict = (source: unknown, boxes?: Box[]) => () =>
    analyzer.predict(source as ImageData, boxes ? { boxes } : {});
  const closed = await createImageBitmap(new ImageData(8, 8));
  closed.close();
  const ended = await load(bundle)();
  const pending = ended.predict(new ImageData(640, 480)).then(
    () => "no error",
    (error: Error) => error,
  );
  ended.close();
  const frame = new ImageData(64, 64);
  const tries: Record<string, () => Promise<unknown>> = {
    "no bundle": load("/nowhere/"),
    "damaged model": load("/data/damaged/"),
    "truncated model": load("/data/truncated/"),
    "no model": load("/data/garbage/"),
    "newer schema": load("/data/newer/"),
    "wrong manifest": load("/data/wrong/"),
    "labels that do not fit": load("/data/labels/"),
    "no such precision": load(bundle, { precision: "int8" }),
    "no assets": load(bundle, { assets: "/nowhere/" }),
    "other origin": load(bundle, { assets: "http://localhost:1/" }),
    "no threads": load(bundle, { numThreads: 0 }),
    "video without a frame": predict(document.createElement("video")),
    "image without a file": predict(new Image()),
    "closed bitmap": predict(closed),
    "one pixel": predict(new ImageData(1, 64)),
    "a string": predict("astronaut.jpg"),
    nothing: predict(null),
    "box outside": predict(frame, [{ x: 90, y: 0, width: 9, height: 9 }]),
    "box without size": predict(frame, [{ x: 0, y: 0, width: 0, height: 9 }]),
    "box of NaN": predict(frame, [{ x: NaN, y: 0, width: 9, height: 9 }]),
    "wrong input": () => analyzer.run(new Float32Array(5)),
    "pending when closed": async () => {
      const outcome = await pending;
      if (outcome instanceof Error) throw outcome;
    },
    "closed analyzer": () => ended.predict(frame),
  };
  const said: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(tries)) {
    said[name] = await attempt().then(
      () => "no error",
      (error: Error) => `${error instanceof mf2.Mf2EdgeError ? "" : "built-in "}${error.name}: ${error.message}`,
    );
  }
  // After all that, the analyzer still works.
  said["afterwards"] = `${(await analyzer.predict(frame)).length} faces`;
  analyzer.close();
  return said;
}

/** Milliseconds of each turn of a camera loop, and between the pulses of a 4 ms timer meanwhile. */
export async function loop(
  bundle: string,
  turns: number,
  numThreads: number,
  precision?: mf2.Precision,
): Promise<{ milliseconds: number[]; pulses: number[]; frame: string; faces: FaceState[] }> {
  const analyzer = await mf2.FaceStateAnalyzer.load(bundle, {
    assets: ASSETS,
    numThreads,
    ...(precision ? { precision } : {}),
  });
  const stream = analyzer.stream();
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  await video.play();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d")!;
  const milliseconds: number[] = [];
  let faces: FaceState[] = [];
  const pulses: number[] = [];
  let before = performance.now();
  const pulse = setInterval(() => {
    const now = performance.now();
    pulses.push(now - before);
    before = now;
  }, 4);
  for (let turn = -20; turn < turns; turn++) {
    if (turn === 0) pulses.length = 0;
    // A new frame each time, as a camera gives them.
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const start = performance.now();
    faces = await stream.update(video, start);
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const { box } of faces) context.strokeRect(box.x, box.y, box.width, box.height);
    if (turn >= 0) milliseconds.push(performance.now() - start);
  }
  clearInterval(pulse);
  (video.srcObject as MediaStream).getTracks().forEach((track) => track.stop());
  const frame = `${canvas.width}x${canvas.height}`;
  analyzer.close();
  return { milliseconds, pulses, frame, faces };
}


Object.assign(globalThis, { page: { geometry, network, smooth, film, manifests, crops, portrait, mistakes, loop } });
