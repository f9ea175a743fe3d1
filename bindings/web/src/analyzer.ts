/** The analyzer as a page sees it; everything heavy happens in a worker of its own. */
import type { Precision } from "./bundle.js";
import { BoxError, Mf2EdgeError, reviveError, RuntimeUnavailableError, said } from "./errors.js";
import { toMessage, transferOf, type FrameSource } from "./frame.js";
import type { Answer, Calls, Question } from "./messages.js";
import { detectionOf } from "./options.js";
import type { Info } from "./pipeline.js";
import { FaceStateStream } from "./stream.js";
import type { Box, Detection, DetectionOptions, FaceState } from "./types.js";

export interface LoadOptions extends DetectionOptions {
  /**
   * Where this package's `dist/lib/assets` folder is served: worker, WebAssembly and detector. By
   * default beside the module itself, which is right where no bundler moves it.
   */
  readonly assets?: string | URL;
  /** Of the weights; by default the bundle's first .tflite. */
  readonly precision?: Precision;
  /** Threads for each network, 1 by default; more need a cross-origin isolated page. */
  readonly numThreads?: number;
  /** Whether to tell also the Action Units that could not be shown reliable; false by default. */
  readonly includeExperimental?: boolean;
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** Emotion and Action Units of the faces in single images. Stateless between calls. */
export class FaceStateAnalyzer {
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;
  private streams = 0;
  private stopped: Error | undefined;
  private loaded: Info | undefined;

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      const message = event.message || "its script cannot be loaded; is `assets` right?";
      this.stop(new RuntimeUnavailableError(`the worker failed: ${message}`));
    };
  }

  /**
   * Load the bundle (a folder with model.json) at `url`, each file checked before it is used.
   *
   * Throws BundleError (ManifestError, ChecksumError) if the bundle cannot be used and
   * RuntimeUnavailableError if this browser, or this page, cannot run it.
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<FaceStateAnalyzer> {
    const here = globalThis.location?.href;
    const given = String(options.assets ?? new URL("./assets/", import.meta.url));
    const assets = new URL(given.endsWith("/") ? given : `${given}/`, here).href;
    const threads = options.numThreads ?? 1;
    if (!Number.isInteger(threads) || threads < 1) {
      throw new RangeError(`numThreads is ${threads}; expected 1 or more`);
    }
    const detection = detectionOf(options);
    if (threads > 1 && !globalThis.crossOriginIsolated) {
      throw new RuntimeUnavailableError(
        `numThreads is ${threads}, but the page is not cross-origin isolated; serve it with the ` +
          "headers COOP same-origin and COEP require-corp, or take 1",
      );
    }
    const analyzer = new FaceStateAnalyzer(startWorker(new URL("worker.js", assets)));
    try {
      analyzer.loaded = await analyzer.ask("open", {
        bundle: new URL(String(url), here).href,
        assets,
        precision: options.precision,
        detection,
        threads,
        includeExperimental: options.includeExperimental ?? false,
      });
    } catch (error) {
      analyzer.close();
      throw error;
    }
    return analyzer;
  }

  /** What is running: `model.json`, the sha256 of its manifest, and which artifact. */
  get info(): Info {
    return this.loaded!;
  }

  /**
   * The state of every face in a frame, largest face first; `[]` when nobody is there.
   *
   * `boxes` (pixels of the frame) skip detection: then there is one result a box, in their order.
   * Throws FrameError or BoxError for input that cannot be analysed.
   */
  async predict(
    source: FrameSource,
    options: { boxes?: readonly Box[] } = {},
  ): Promise<FaceState[]> {
    const frame = await toMessage(source);
    const boxes = options.boxes?.map((box, i) => checkBox(box, i, frame.width, frame.height));
    return this.ask("predict", { frame, boxes }, transferOf(frame));
  }

  /** The state of the one face in each crop: exactly one result a crop, in order. */
  async predictCrops(crops: readonly FrameSource[]): Promise<FaceState[]> {
    const states: FaceState[] = [];
    for (const crop of crops) {
      const frame = await toMessage(crop);
      states.push(await this.ask("predictCrop", frame, transferOf(frame)));
    }
    return states;
  }

  /**
   * A stream of frames of one scene: track ids, smoothed answers, events of Action Units.
   *
   * Between searches for new faces, `detectEveryMs` apart, known ones are followed by one cheap look.
   */
  stream({ detectEveryMs = 200 }: { detectEveryMs?: number } = {}): FaceStateStream {
    if (!(detectEveryMs >= 0)) {
      throw new RangeError(`detectEveryMs is ${detectEveryMs}; expected 0 or more milliseconds`);
    }
    const stream = this.streams++;
    return new FaceStateStream({
      update: async (source, timestamp) => {
        const frame = await toMessage(source);
        return this.ask("stream", { stream, frame, timestamp, detectEveryMs }, transferOf(frame));
      },
      // Of a closed analyzer there is nothing left to forget.
      reset: () => void this.ask("forget", stream).catch(() => undefined),
    });
  }

  /** The faces of a frame and their landmarks, largest first. */
  async detect(source: FrameSource): Promise<Detection[]> {
    const frame = await toMessage(source);
    return this.ask("detect", frame, transferOf(frame));
  }

  /** The raw outputs of the network for one preprocessed input, in the order of `HeadSpec.output`. */
  async run(input: Float32Array<ArrayBuffer>): Promise<Float32Array[]> {
    return this.ask("run", input);
  }

  /** End the worker and free its memory; calls that are waiting, and later ones, are refused. */
  close(): void {
    this.stop(new RuntimeUnavailableError("the analyzer was closed; load another"));
  }

  private ask<Name extends keyof Calls>(
    name: Name,
    ask: Calls[Name]["ask"],
    transfer: Transferable[] = [],
  ): Promise<Calls[Name]["answer"]> {
    if (this.stopped) return Promise.reject(this.stopped);
    const id = this.asked++;
    return new Promise<Calls[Name]["answer"]>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, name, ask } as Question, transfer);
    });
  }

  private hear(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(reviveError(answer.error));
    else waiting?.resolve(answer.answer as never);
  }

  private stop(reason: Mf2EdgeError): void {
    this.stopped ??= reason;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(this.stopped);
    this.waiting.clear();
  }
}

function startWorker(url: URL): Worker {
  try {
    // A classic worker: LiteRT.js loads its WebAssembly by importScripts, which modules lack.
    return new Worker(url);
  } catch (error) {
    throw new RuntimeUnavailableError(
      `${url.href}: no worker can be started (${said(error)}); serve the package's assets from ` +
        "the page's own origin",
    );
  }
}

/** Pixels; far beyond any frame the arithmetic of positions is no longer exact. */
const LARGEST_POSITION = 1e6;

function checkBox(box: Box, number: number, width: number, height: number): Box {
  const { x, y, width: w, height: h } = box;
  const what = `box ${number} (x=${x}, y=${y}, width=${w}, height=${h})`;
  if (![x, y, w, h].every((value) => Math.abs(value) < LARGEST_POSITION)) {
    throw new BoxError(`${what}: expected finite numbers below ${LARGEST_POSITION}`);
  }
  if (w <= 0 || h <= 0) throw new BoxError(`${what}: expected a positive width and height`);
  if (x >= width || y >= height || x + w <= 0 || y + h <= 0) {
    throw new BoxError(`${what} lies outside the frame of ${width} x ${height} px`);
  }
  return { x, y, width: w, height: h };
}
