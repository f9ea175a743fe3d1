/** The demo page: a camera or a photo in, the state of every face on the screen. */
import {
  FaceStateAnalyzer,
  PRESENT,
  type FaceState,
  type FaceStateStream,
  type Precision,
} from "../dist/lib/index.js";
import { closeCamera, explain, listCameras, openCamera, type Trouble } from "./camera.js";
import { Bars, drawFaces, Timeline } from "./panels.js";

/** An entry of models.json, which the build writes. */
interface Choice {
  readonly name: string;
  readonly precision: Precision;
  readonly bytes: number;
  readonly url: string;
}

/** Everything that belongs to one loaded model. */
interface Loaded {
  readonly analyzer: FaceStateAnalyzer;
  readonly stream: FaceStateStream;
  readonly emotions: Bars;
  readonly units: Bars;
  readonly timeline: Timeline;
}

/** Frames whose latency the figures tell of. */
const MEASURED = 120;

const get = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const video = get<HTMLVideoElement>("video");
const overlay = get<HTMLCanvasElement>("overlay");
const view = get("view");
const notice = get("notice");
const start = get<HTMLButtonElement>("start");
const stop = get<HTMLButtonElement>("stop");
const camera = get<HTMLSelectElement>("camera");
const model = get<HTMLSelectElement>("model");
const mirror = get<HTMLInputElement>("mirror");
const photo = get<HTMLInputElement>("photo");

let choices: Choice[] = [];
let loaded: Loaded | undefined;
/** Counts what was started, so that a loop knows when another took its place. */
let session = 0;

async function main(): Promise<void> {
  choices = (await (await fetch("models/models.json")).json()) as Choice[];
  const title = ({ name, precision, bytes }: Choice) =>
    `${name}, ${precision}, ${(bytes / 1e6).toFixed(1)} MB`;
  model.replaceChildren(...choices.map((choice, i) => new Option(title(choice), String(i))));
  start.addEventListener("click", () => void startCamera());
  stop.addEventListener("click", () => end({ title: "Stopped", text: "The camera is off." }));
  camera.addEventListener("change", () => void startCamera(camera.value));
  model.addEventListener("change", () => void changeModel());
  mirror.addEventListener("change", showMirror);
  photo.addEventListener("change", () => void showPhoto());
  navigator.mediaDevices?.addEventListener(
    "devicechange",
    () => void listCameras(camera, camera.value),
  );
  showMirror();
}

/** Open a camera and go on until it is stopped, or gone, or another is opened. */
async function startCamera(deviceId?: string): Promise<void> {
  const mine = ++session;
  closeCamera(video);
  say({ title: "One moment", text: "Loading the model and opening the camera." });
  start.disabled = true;
  try {
    loaded ??= await load(choices[model.selectedIndex]!);
  } catch (error) {
    return end({ title: "The model does not load", text: String(error) });
  } finally {
    start.disabled = false;
  }
  let stream: MediaStream;
  try {
    stream = await openCamera(video, deviceId, () => {
      end({
        title: "The camera is gone",
        text: "It was unplugged or taken away. Plug it in and start again.",
      });
    });
  } catch (error) {
    return end(explain(error));
  }
  await listCameras(camera, stream.getVideoTracks()[0]!.getSettings().deviceId);
  notice.hidden = true;
  stop.disabled = false;
  stop.focus();
  await loop(mine);
}

async function loop(mine: number): Promise<void> {
  const [latencies, ends]: [number[], number[]] = [[], []];
  loaded!.stream.reset();
  while (mine === session) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    if (mine !== session) return;
    const began = performance.now();
    let faces: FaceState[];
    try {
      faces = await loaded!.stream.update(video, began);
    } catch (error) {
      // Of what was stopped meanwhile there is nothing to tell.
      if (mine === session) end({ title: "The model stopped", text: String(error) });
      return;
    }
    if (mine !== session) return;
    const now = performance.now();
    latencies.push(now - began);
    ends.push(now);
    if (latencies.length > MEASURED) (latencies.shift(), ends.shift());
    show(faces, video.videoWidth, video.videoHeight, mirror.checked);
    loaded!.timeline.add(now, faces[0]?.emotion.scores ?? null);
    showFigures(latencies, ends);
  }
}

/** Show a photo in place of the camera. */
async function showPhoto(): Promise<void> {
  const [file] = photo.files ?? [];
  if (!file) return;
  end({ title: "One moment", text: "Looking at the photo." });
  try {
    loaded ??= await load(choices[model.selectedIndex]!);
    const bitmap = await createImageBitmap(file);
    const faces = await loaded.analyzer.predict(bitmap);
    view.classList.remove("mirrored");
    notice.hidden = true;
    show(faces, bitmap.width, bitmap.height, false);
    const context = overlay.getContext("2d")!;
    context.globalCompositeOperation = "destination-over";
    context.drawImage(bitmap, 0, 0);
    context.globalCompositeOperation = "source-over";
    stop.disabled = false;
  } catch (error) {
    end({ title: "The photo cannot be used", text: String(error) });
  }
  photo.value = "";
}

async function load({ url, precision }: Choice): Promise<Loaded> {
  const analyzer = await FaceStateAnalyzer.load(url, { precision, assets: "assets/" });
  const { spec } = analyzer.info;
  const [emotion] = spec.heads.filter((head) => head.name === "emotion");
  const [units] = spec.heads.filter((head) => head.name === "action_units");
  const shown = units!.labels.filter((label) => !spec.experimental.includes(label));
  get("license").textContent = `Weights of ${spec.name}: ${spec.license}`;
  return {
    analyzer,
    stream: analyzer.stream(),
    emotions: new Bars(get("emotions"), emotion!.labels, spec),
    units: new Bars(get("units"), shown, spec, PRESENT),
    timeline: new Timeline(get("timeline"), get("legend"), spec),
  };
}

async function changeModel(): Promise<void> {
  const running = video.srcObject !== null;
  session++;
  loaded?.analyzer.close();
  loaded = undefined;
  if (running) await startCamera(camera.value);
}

function show(faces: readonly FaceState[], width: number, height: number, mirrored: boolean): void {
  drawFaces(overlay, faces, width, height, mirrored);
  const [face] = faces;
  get("faces").textContent = String(faces.length);
  get("emotion").textContent = face ? face.emotion.label : "Nobody there";
  const confident = !face || face.emotion.reason === "confident";
  get("reason").textContent = confident ? "" : face.emotion.reason.replaceAll("_", " ");
  loaded!.emotions.show(face?.emotion.scores ?? {}, (label) => label === face?.emotion.label);
  const units = face?.action_units ?? {};
  const scores = Object.fromEntries(
    Object.entries(units).map(([label, unit]) => [label, unit.score]),
  );
  loaded!.units.show(scores, (label) => units[label]?.present ?? false);
}

function showFigures(latencies: readonly number[], ends: readonly number[]): void {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (part: number) => `${sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(0)} ms`;
  get("latency").textContent = at(0.5);
  get("slow").textContent = at(0.95);
  const seconds = (ends.at(-1)! - ends[0]!) / 1000;
  if (seconds > 0) get("fps").textContent = ((ends.length - 1) / seconds).toFixed(0);
}

/** Stop whatever runs and say why. */
function end(why: Trouble): void {
  session++;
  closeCamera(video);
  overlay.getContext("2d")!.clearRect(0, 0, overlay.width, overlay.height);
  showMirror();
  stop.disabled = true;
  say(why);
  start.focus();
}

function say({ title, text }: Trouble): void {
  get("notice-title").textContent = title;
  get("notice-text").textContent = text;
  notice.hidden = false;
}

function showMirror(): void {
  view.classList.toggle("mirrored", mirror.checked);
}

void main().catch((error: unknown) =>
  say({ title: "The page does not start", text: String(error) }),
);
