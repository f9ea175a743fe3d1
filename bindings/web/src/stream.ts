/** A stream as a page sees it: frame after frame of one scene. */
import { TimestampError } from "./errors.js";
import type { FrameSource } from "./frame.js";
import type { FrameResult } from "./scene.js";
import type { ActionUnitEvent, FaceState } from "./types.js";

/** Events that nobody takes are forgotten beyond these, oldest first. */
const KEPT_EVENTS = 10_000;

/** What a stream asks of the worker; the analyzer makes it. */
export interface Line {
  update(source: FrameSource, timestamp: number): Promise<FrameResult>;
  reset(): void;
}

/** The states of the faces of one scene over time; made by `FaceStateAnalyzer.stream`. */
export class FaceStateStream {
  private events: ActionUnitEvent[] = [];
  private last: number | undefined;

  constructor(private readonly line: Line) {}

  /**
   * The state of every face in the next frame, largest first, each with its `track_id`.
   *
   * `timestampMs` on any clock that does not run backwards. Throws TimestampError for a frame older
   * than the one before, and as `predict`.
   */
  async update(source: FrameSource, timestampMs: number): Promise<FaceState[]> {
    if (!Number.isFinite(timestampMs)) {
      throw new TimestampError(`timestampMs is ${timestampMs}; expected finite milliseconds`);
    }
    if (this.last !== undefined && timestampMs < this.last) {
      throw new TimestampError(
        `timestampMs went back from ${this.last} to ${timestampMs}; expected frames in order: ` +
          "drop the late one, or call reset() for another scene",
      );
    }
    this.last = timestampMs;
    const { faces, events } = await this.line.update(source, timestampMs);
    this.events = [...this.events, ...events].slice(-KEPT_EVENTS);
    return faces;
  }

  /** What began or ended since the last call, in the order in which it was told. */
  takeEvents(): ActionUnitEvent[] {
    const taken = this.events;
    this.events = [];
    return taken;
  }

  /** Forget all faces and events, as for another scene; time may begin anew. */
  reset(): void {
    this.events = [];
    this.last = undefined;
    this.line.reset();
  }
}
