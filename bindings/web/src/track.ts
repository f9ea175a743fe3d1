/**
 * Track: which face of a frame is which of the frames before, as mf2_edge/tracking/tracker.py does it.
 *
 * Known faces are followed by one look of the detector at where each is expected; the whole frame
 * is searched now and then, and when a face was lost. A new face is told of, and numbered, when the
 * next search finds it as well; those of the first search at once. Nothing here recognises people.
 */
import { iou } from "./blazeface.js";
import type { YuNetDetector } from "./detect.js";
import { LANDMARK_NAMES } from "./model_types.js";
import type { Box, Detection, Frame, Landmarks } from "./types.js";

/** A face that was lost for longer is gone. */
const FORGET_MS = 1000;
/** Intersection over union from which two boxes are one face. */
const SAME_FACE = 0.3;
/** Largest distance of a face that comes back from where it is expected, in its widths. */
const NEAR = 1;
/** Time over which the velocity of a face is averaged. */
const STEADY_MS = 150;

/** One face through the frames; its number is 0 as long as one search alone has found it. */
class Track {
  id = 0;
  visible = true;
  /** Pixels a millisecond. */
  private velocity = { x: 0, y: 0 };

  constructor(
    public face: Detection,
    public seen: number,
  ) {}

  /** The face, moved on as it moved until now. */
  expected(timestamp: number): Detection {
    const elapsed = timestamp - this.seen;
    return shifted(this.face, this.velocity.x * elapsed, this.velocity.y * elapsed);
  }

  /** Take the face's new place. */
  see(face: Detection, timestamp: number): void {
    const elapsed = timestamp - this.seen;
    if (elapsed > 0) {
      const [from, to] = [centreOf(this.face.box), centreOf(face.box)];
      const { x, y } = this.velocity;
      // Never divided by `elapsed`, which may be next to nothing.
      this.velocity = {
        x: x + (to.x - from.x - x * elapsed) / (elapsed + STEADY_MS),
        y: y + (to.y - from.y - y * elapsed) / (elapsed + STEADY_MS),
      };
    }
    this.face = face;
    this.seen = timestamp;
    this.visible = true;
  }
}

/** The faces of one scene. Its memory is that of the faces of the last second. */
export class Tracker {
  private tracks: Track[] = [];
  private nextId = 1;
  private searched: number | undefined;

  constructor(
    private readonly detector: YuNetDetector,
    private readonly detectEveryMs: number,
  ) {}

  /** Visible faces with their ids, and ids of those that are gone for good. */
  async update(
    frame: Frame,
    timestamp: number,
  ): Promise<{ faces: { id: number; face: Detection }[]; gone: number[] }> {
    const lost = await this.follow(frame, timestamp);
    if (this.isSearchDue(timestamp, lost)) {
      this.match(await this.detector.detect(frame), timestamp);
      this.searched = timestamp;
    }
    const stays = (track: Track) => track.visible || timestamp - track.seen <= FORGET_MS;
    const gone = this.tracks.filter((track) => track.id && !stays(track)).map(({ id }) => id);
    this.tracks = this.tracks.filter(stays);
    return { faces: this.tracks.filter(({ id, visible }) => id && visible), gone };
  }

  /** Look for each visible face where it is expected; whether one was lost. */
  private async follow(frame: Frame, timestamp: number): Promise<boolean> {
    const visible = this.tracks.filter((track) => track.visible);
    const taken: Box[] = [];
    // The longest known first: of two on one face, it stays.
    for (const track of visible) {
      const expected = track.expected(timestamp);
      // Outside the frame, as after a clock's jump, there is nothing to look at.
      const face = isInside(expected.box, frame)
        ? await this.detector.follow(frame, expected)
        : null;
      const found = face !== null && iou(face.box, expected.box) > SAME_FACE;
      if (!found || taken.some((box) => iou(face.box, box) > SAME_FACE)) {
        track.visible = false;
        continue;
      }
      taken.push(face.box);
      track.see(face, timestamp);
    }
    return visible.some((track) => !track.visible);
  }

  private isSearchDue(timestamp: number, lost: boolean): boolean {
    if (this.searched === undefined) return true;
    return timestamp - this.searched >= (lost ? this.detectEveryMs / 4 : this.detectEveryMs);
  }

  /** Each found face is one that is followed, one that was lost, or a new one. */
  private match(faces: readonly Detection[], timestamp: number): void {
    const followed = this.tracks.filter(({ visible }) => visible);
    const waiting = this.tracks.filter(({ id }) => !id);
    for (const face of faces) {
      let track = followed.find((known) => iou(face.box, known.face.box) > SAME_FACE);
      if (track === undefined) {
        track = this.nearestLost(face, timestamp);
        if (track === undefined) {
          track = new Track(face, timestamp);
          this.tracks.push(track);
        }
        track.see(face, timestamp);
      }
      if (!track.id && (waiting.includes(track) || this.searched === undefined)) {
        track.id = this.nextId++;
      }
    }
    this.tracks = this.tracks.filter((track) => track.id || !waiting.includes(track));
  }

  /** The lost track whose face is expected nearest to this one, if any is near. */
  private nearestLost(face: Detection, timestamp: number): Track | undefined {
    const to = centreOf(face.box);
    let [best, least]: [Track | undefined, number] = [undefined, NEAR];
    for (const track of this.tracks) {
      if (track.visible) continue;
      const from = centreOf(track.expected(timestamp).box);
      const width = Math.max(face.box.width, track.face.box.width);
      const apart = Math.hypot(to.x - from.x, to.y - from.y) / width;
      if (apart < least || (apart === least && best === undefined)) [best, least] = [track, apart];
    }
    return best;
  }
}

/** Whether any of it is; not so if a number of it is none. */
function isInside({ x, y, width, height }: Box, frame: Frame): boolean {
  return x < frame.width && x + width > 0 && y < frame.height && y + height > 0;
}

function shifted({ box, score, landmarks }: Detection, x: number, y: number): Detection {
  const points = LANDMARK_NAMES.map((name) => {
    const point = landmarks![name];
    return [name, { x: point.x + x, y: point.y + y }];
  });
  const moved = { ...box, x: box.x + x, y: box.y + y };
  return { box: moved, score, landmarks: Object.fromEntries(points) as Landmarks };
}

function centreOf(box: Box): { x: number; y: number } {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
