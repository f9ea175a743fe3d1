/** The stages strung together, in the worker: a frame in, the state of every face in it out. */
import { align, resizeCrop } from "./align.js";
import { BlazeFace } from "./blazeface.js";
import { Bundle, type Precision } from "./bundle.js";
import { Decoder } from "./decode.js";
import { YuNetDetector } from "./detect.js";
import type { ArtifactSpec, ModelSpec, Status } from "./model_types.js";
import { headPose } from "./pose.js";
import { asInput, toInput } from "./preprocess.js";
import { faceQuality, LOW, withVisibility } from "./quality.js";
import { openArtifact, startEngine, type Model } from "./run.js";
import type {
  Box,
  Detection,
  DetectionOptions,
  FaceState,
  Frame,
  Landmarks,
  Pixels,
} from "./types.js";
import { YuNet } from "./yunet.js";

/** What the worker needs to know before it can start. */
export interface Setup {
  /** Folder of the bundle, absolute. */
  readonly bundle: string;
  /** Folder of this package's assets, absolute, ending in a slash. */
  readonly assets: string;
  readonly precision: Precision | undefined;
  readonly detection: DetectionOptions;
  readonly threads: number;
  readonly includeExperimental: boolean;
}

/** What the page learns about a loaded model. */
export interface Info {
  readonly spec: ModelSpec;
  readonly manifest_sha256: string;
  readonly artifact: ArtifactSpec;
}

export class Pipeline {
  private readonly decoder: Decoder;

  private constructor(
    readonly info: Info,
    readonly detector: YuNetDetector,
    readonly model: Model,
    includeExperimental: boolean,
  ) {
    this.decoder = new Decoder(info.spec, includeExperimental);
  }

  /** Fetch, check and load everything; afterwards the network is not used again. */
  static async open(setup: Setup): Promise<Pipeline> {
    const bundle = await Bundle.load(setup.bundle);
    const { spec } = bundle;
    const artifact = bundle.select(setup.precision);
    const bytes = await bundle.read(artifact);
    await startEngine(new URL("wasm/", setup.assets).href, setup.threads);
    const model = await openArtifact(bytes, artifact, spec, setup.threads);
    const folder = (name: string) => new URL(`detectors/${name}/`, setup.assets).href;
    const finder = await YuNet.load(folder("yunet_n"), setup.threads);
    const landmarks = await BlazeFace.load(folder("blazeface_short_range"), setup.threads);
    const info = { spec, manifest_sha256: spec.manifest_sha256, artifact };
    const detector = new YuNetDetector(finder, landmarks, setup.detection);
    return new Pipeline(info, detector, model, setup.includeExperimental);
  }

  /** The state of every face, largest first; one a box, in their order, where boxes are given. */
  async predict(frame: Frame, boxes?: readonly Box[]): Promise<FaceState[]> {
    const faces: Detection[] = boxes
      ? boxes.map((box) => ({ box, score: 1, landmarks: null }))
      : await this.detector.detect(frame);
    const states: FaceState[] = [];
    for (const face of faces) states.push(await this.analyze(frame, face));
    return states;
  }

  /** The state of the one face in a crop, whose landmarks are looked for in all of it. */
  async predictCrop(crop: Frame): Promise<FaceState> {
    const box = { x: 0, y: 0, width: crop.width, height: crop.height };
    const found = await this.detector.refine(crop, box);
    return this.readFace(crop, found ?? { box, score: 1, landmarks: null });
  }

  /** A detected face; its landmarks are looked for if there are none. */
  async analyze(frame: Frame, face: Detection): Promise<FaceState> {
    if (face.landmarks !== null) return this.readFace(frame, face);
    const found = await this.detector.refine(frame, face.box);
    return this.readFace(frame, { ...face, landmarks: found?.landmarks ?? null });
  }

  private async readFace(frame: Frame, face: Detection): Promise<FaceState> {
    const [aligned, status] = this.align(frame, face);
    const { box, landmarks, score } = face;
    const head_pose = usable(landmarks) ? headPose(landmarks) : null;
    const picture = faceQuality(aligned, box, head_pose);
    const doubt = picture.overall < LOW || face.doubtful ? "low_quality" : undefined;
    const outputs = await this.model.run(this.preprocess(aligned));
    const answers = this.decoder.decode(outputs, status, doubt);
    const quality = withVisibility(picture, answers.visibility);
    const seen = { head_pose, quality, track_id: null };
    return { box, landmarks, detection_score: score, ...answers, status, ...seen };
  }

  /** One face brought to the template; without usable landmarks the box is resized as it is. */
  private align(frame: Frame, { box, landmarks }: Detection): [Pixels, Status] {
    const { alignment, decoding } = this.info.spec;
    if (!usable(landmarks)) return [resizeCrop(frame, box, alignment), "unaligned"];
    const small = Math.min(box.width, box.height) < decoding.min_face_size;
    return [align(frame, landmarks, alignment), small ? "small" : "ok"];
  }

  private preprocess(aligned: Pixels): Float32Array<ArrayBuffer> {
    const { artifact, spec } = this.info;
    if (artifact.input === "image") return asInput(aligned, artifact.layout);
    return toInput(aligned, spec.preprocessing, artifact.layout);
  }
}

/** Whether landmarks can carry an alignment: finite, eyes apart. */
function usable(landmarks: Landmarks | null): landmarks is Landmarks {
  if (landmarks === null) return false;
  const { right_eye: right, left_eye: left } = landmarks;
  const finite = [right.x, right.y, left.x, left.y].every(Number.isFinite);
  return finite && (right.x !== left.x || right.y !== left.y);
}
