/** What the tests do inside a page; `drive.mjs` calls these and hands the answers to pytest. */
import * as mf2 from "../dist/lib/index.js";
import type { Box, FaceState } from "../dist/lib/index.js";
import { ASSETS, listed } from "./arrays.js";
import { answers, geometry, network, smooth } from "./replay.js";

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
    [0, NaN].map((time) =>
      stream.update(image, time).then(
        () => "no error",
        (error: Error) => error.name,
      ),
    ),
  );
  stream.reset();
  const [again] = await stream.update(image, 0);
  analyzer.close();
  return { states, events, mistakes: [...mistakes, `track ${again!.track_id}`] };
}

/** Verdict on each `model.json` of the shared cases: null where it is accepted, else the error. */
export async function manifests(): Promise<({ name: string; message: string } | null)[]> {
  const texts = (await (await fetch("/data/manifests.json")).json()) as string[];
  return texts.map((text) => {
    try {
      mf2.parseModel(text, "case");
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
    clear: await analyzer.predict(await nothing(canvas)),
    pixels: await analyzer.predict(pixels),
    canvas: await analyzer.predict(canvas),
    element: await analyzer.predict(elementOf(pixels)),
    blob: await analyzer.predict(await (await fetch(image.src)).blob()),
    video: await analyzer.predict(new VideoFrame(canvas, { timestamp: 0 })),
    boxed: await analyzer.predict(pixels, { boxes }),
    nobody: await analyzer.predict(new ImageData(320, 240)),
  };
  analyzer.close();
  return states;
}

/** As large as another picture, and transparent everywhere. */
function nothing({ width, height }: OffscreenCanvas): Promise<ImageBitmap> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d");
  return createImageBitmap(canvas);
}

function elementOf(pixels: ImageData): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [pixels.width, pixels.height];
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}

/** The portrait from another origin of the same server, which sends no CORS headers. */
async function foreign(): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = `${location.origin.replace("127.0.0.1", "localhost")}/data/astronaut.jpg`;
  await image.decode();
  return image;
}

function canvasOf(image: HTMLImageElement): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d")!.drawImage(image, 0, 0);
  return canvas;
}

/** What each kind of bad input is answered with: the class and text of the error. */
export async function mistakes(bundle: string): Promise<Record<string, string>> {
  const load =
    (url: string, options: mf2.LoadOptions = {}) =>
    () =>
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
    "wrong model.json": load("/data/wrong/"),
    "labels that do not fit": load("/data/labels/"),
    "no such precision": load(bundle, { precision: "int8" }),
    "no assets": load(bundle, { assets: "/nowhere/" }),
    "other origin": load(bundle, { assets: "http://localhost:1/" }),
    "no threads": load(bundle, { numThreads: 0 }),
    "no face": load(bundle, { minFace: 0 }),
    "fast and small": load(bundle, { minFace: 40, fast: true }),
    "no faces": load(bundle, { maxFaces: 0 }),
    "beyond sure": load(bundle, { minDetectionScore: 1.5 }),
    "video without a frame": predict(document.createElement("video")),
    "image without a file": predict(new Image()),
    "closed bitmap": predict(closed),
    "one pixel": predict(new ImageData(1, 64)),
    "a string": predict("astronaut.jpg"),
    nothing: predict(null),
    "no picture": predict(new Blob(["text"], { type: "text/plain" })),
    "empty canvas": predict(new OffscreenCanvas(1, 1)),
    "another site's image": predict(await foreign()),
    "a canvas with it": predict(canvasOf(await foreign())),
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
      (error: Error) =>
        `${error instanceof mf2.Mf2EdgeError ? "" : "built-in "}${error.name}: ${error.message}`,
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
  video.srcObject = await navigator.mediaDevices.getUserMedia({
    video: { width: 640, height: 480 },
  });
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

Object.assign(globalThis, {
  page: { geometry, network, smooth, answers, film, manifests, crops, portrait, mistakes, loop },
});
