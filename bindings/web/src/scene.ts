/** A stream's memory, in the worker: track -> read each face -> smooth, as mf2_edge/stream.py. */
import { LANDMARK_NAMES, type ModelSpec } from "./model_types.js";
import { OneEuro } from "./one_euro.js";
import type { Pipeline } from "./pipeline.js";
import { Smoother } from "./smooth.js";
import { Tracker } from "./track.js";
import type { ActionUnitEvent, Detection, FaceState, Frame, Landmarks } from "./types.js";

/** What one frame of a stream gives. */
export interface FrameResult {
  readonly faces: FaceState[];
  readonly events: ActionUnitEvent[];
}

/** The faces of one scene over time. */
export class Scene {
  private readonly tracker: Tracker;
  private readonly people = new Map<number, Person>();

  constructor(
    private readonly pipeline: Pipeline,
    detectEveryMs: number,
  ) {
    this.tracker = new Tracker(pipeline.detector.forStream(), detectEveryMs);
  }

  /** The state of every face in the next frame, largest first, and what began or ended. */
  async update(frame: Frame, timestamp: number): Promise<FrameResult> {
    const { faces, gone } = await this.tracker.update(frame, timestamp);
    const events: ActionUnitEvent[] = [];
    for (const id of gone) {
      events.push(...this.people.get(id)!.smoother.close(timestamp));
      this.people.delete(id);
    }
    const states: FaceState[] = [];
    for (const { id, face } of faces) {
      const person = this.people.get(id) ?? new Person(this.pipeline.info.spec, id);
      this.people.set(id, person);
      const raw = await this.pipeline.analyze(frame, person.smooth(face, timestamp));
      const smoothed = person.smoother.update(raw, timestamp);
      states.push(smoothed.state);
      events.push(...smoothed.events);
    }
    const area = ({ box }: FaceState) => box.width * box.height;
    return { faces: states.sort((a, b) => area(b) - area(a)), events };
  }
}

/** What a stream remembers of one face. */
class Person {
  readonly smoother: Smoother;
  private readonly points: OneEuro;
  private last: number | undefined;

  constructor(spec: ModelSpec, id: number) {
    this.smoother = new Smoother(spec, id);
    this.points = new OneEuro(spec.smoothing.landmarks, true);
  }

  /** The face with its box and landmarks smoothed, so that the crop does not jitter. */
  smooth({ box, score, landmarks }: Detection, timestamp: number): Detection {
    const seconds = this.last === undefined ? 0 : (timestamp - this.last) / 1e3;
    this.last = timestamp;
    const corners = [box.x, box.y, box.x + box.width, box.y + box.height];
    const points = LANDMARK_NAMES.flatMap((name) => [landmarks![name].x, landmarks![name].y]);
    const smoothed = this.points.update([...corners, ...points], seconds, box.width);
    const [x0, y0, x1, y1] = smoothed as [number, number, number, number];
    const moved = LANDMARK_NAMES.map((name, i) => [
      name,
      { x: smoothed[4 + 2 * i]!, y: smoothed[5 + 2 * i]! },
    ]);
    return {
      box: { x: x0, y: y0, width: x1 - x0, height: y1 - y0 },
      score,
      landmarks: Object.fromEntries(moved) as Landmarks,
    };
  }
}
