/** What page and worker say to each other. */
import type { ErrorMessage } from "./errors.js";
import type { FrameMessage } from "./frame.js";
import type { Info, Setup } from "./pipeline.js";
import type { FrameResult } from "./scene.js";
import type { Box, Detection, FaceState } from "./types.js";

/** Each call of the page: what it sends and what it gets. */
export interface Calls {
  open: { ask: Setup; answer: Info };
  predict: { ask: { frame: FrameMessage; boxes: readonly Box[] | undefined }; answer: FaceState[] };
  predictCrop: { ask: FrameMessage; answer: FaceState };
  detect: { ask: FrameMessage; answer: Detection[] };
  stream: {
    ask: { stream: number; frame: FrameMessage; timestamp: number; detectEveryMs: number };
    answer: FrameResult;
  };
  forget: { ask: number; answer: undefined };
  run: { ask: Float32Array<ArrayBuffer>; answer: Float32Array[] };
}

export type Question = {
  [Name in keyof Calls]: {
    readonly id: number;
    readonly name: Name;
    readonly ask: Calls[Name]["ask"];
  };
}[keyof Calls];

export type Answer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: ErrorMessage };
