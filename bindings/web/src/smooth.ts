/**
 * Smooths one face's results over time and reports onset, apex and offset of its Action Units.
 *
 * The steps are those of mf2_edge/tracking/smoother.py; parameters are the manifest's `smoothing`.
 */
import { reliabilityOf } from "./model_spec.js";
import type { ModelSpec, Reason } from "./model_types.js";
import { OneEuro } from "./one_euro.js";
import {
  intensityOf,
  isCovered,
  isVisible,
  PRESENT,
  type ActionUnit,
  type ActionUnitEvent,
  type Emotion,
  type FaceState,
} from "./types.js";

/** Reasons that smoothing may replace; the others say that the picture itself is poor. */
const TRUSTED: readonly Reason[] = ["confident", "low_confidence"];

/** The memory of one face. Constant in size, whatever the length of the stream. */
export class Smoother {
  private readonly emotionFilter: OneEuro;
  private readonly unitFilter: OneEuro;
  private readonly strengthFilter: OneEuro;
  private readonly visibilityFilter: OneEuro;
  private readonly present = new Map<string, { score: number; timestamp_ms: number }>();
  private label: string | undefined;
  private last: number | undefined;

  constructor(
    private readonly spec: ModelSpec,
    private readonly trackId: number,
  ) {
    this.emotionFilter = new OneEuro(spec.smoothing.emotion, true);
    this.unitFilter = new OneEuro(spec.smoothing.action_units, false);
    this.strengthFilter = new OneEuro(spec.smoothing.action_units, false);
    this.visibilityFilter = new OneEuro(spec.smoothing.action_units, false);
  }

  /** The smoothed state, and what began or ended; `timestamp` is not before the last one. */
  update(state: FaceState, timestamp: number): { state: FaceState; events: ActionUnitEvent[] } {
    const first = this.last === undefined;
    const seconds = first ? 0 : (timestamp - this.last!) / 1e3;
    this.last = timestamp;
    const seen = this.visibilityFilter.update(Object.values(state.visibility), seconds);
    const regions = Object.keys(state.visibility);
    const visibility = Object.fromEntries(regions.map((label, i) => [label, seen[i]!]));
    const raw = { ...state, visibility, track_id: this.trackId };
    const emotion = this.smoothEmotion(raw, seconds);
    const { units, events } = this.smoothUnits(raw, seconds, timestamp, first);
    return { state: { ...raw, emotion, action_units: units }, events };
  }

  /** What ends because the face is gone: apex and offset of all that was present. */
  close(timestamp: number): ActionUnitEvent[] {
    return [...this.present.keys()].flatMap((label) => this.end(label, timestamp, 0));
  }

  private smoothEmotion({ emotion, visibility }: FaceState, seconds: number): Emotion {
    const labels = Object.keys(emotion.scores);
    const smoothed = this.emotionFilter.update(Object.values(emotion.scores), seconds);
    const scores = Object.fromEntries(labels.map((label, i) => [label, smoothed[i]!]));
    const best = labels[smoothed.indexOf(Math.max(...smoothed))]!;
    const { emotion_margin } = this.spec.smoothing;
    if (this.label === undefined || scores[best]! >= scores[this.label]! + emotion_margin) {
      this.label = best;
    }
    const score = scores[this.label]!;
    let { reason } = emotion;
    if (TRUSTED.includes(reason)) {
      const unsure = score < this.spec.decoding.min_emotion_score;
      reason = unsure ? "low_confidence" : "confident";
      if (this.label !== emotion.raw_label) reason = "smoothed";
    }
    reason = ofVisibility(reason, isCovered(visibility));
    const reliability = reliabilityOf(this.spec, this.label);
    return { label: this.label, raw_label: emotion.raw_label, score, scores, reason, reliability };
  }

  private smoothUnits(
    { action_units, visibility }: FaceState,
    seconds: number,
    timestamp: number,
    first: boolean,
  ): { units: Readonly<Record<string, ActionUnit>>; events: ActionUnitEvent[] } {
    const before = Object.entries(action_units);
    const smoothed = this.unitFilter.update(
      before.map(([, unit]) => unit.score),
      seconds,
    );
    const told = before.flatMap(([, { strength }]) => (strength === null ? [] : [strength]));
    const strengths = this.strengthFilter.update(told, seconds);
    const events: ActionUnitEvent[] = [];
    const units = before.map(([label, unit], i): [string, ActionUnit] => {
      const score = smoothed[i]!;
      const hidden = !isVisible(label, visibility);
      // While its region is hidden nobody sees whether a unit begins, grows or ends.
      const present = hidden ? this.present.has(label) : this.isPresent(label, score, first);
      if (present && !hidden) events.push(...this.hold(label, timestamp, score));
      else if (!hidden && this.present.has(label))
        events.push(...this.end(label, timestamp, score));
      const changed = TRUSTED.includes(unit.reason) && present !== unit.present;
      const reason = ofVisibility(changed ? "smoothed" : unit.reason, hidden);
      const strength = unit.strength === null ? null : strengths[i]!;
      const how = intensityOf(score, present, strength);
      return [label, { ...unit, score, present, reason, strength, ...how }];
    });
    return { units: Object.fromEntries(units), events };
  }

  private isPresent(label: string, score: number, first: boolean): boolean {
    const slack = this.spec.smoothing.au_hysteresis;
    if (first) return score >= PRESENT;
    return score >= PRESENT + (this.present.has(label) ? -slack : slack);
  }

  /** A unit that is present: its onset if it was not, its peak if it is higher than ever. */
  private hold(label: string, timestamp_ms: number, score: number): ActionUnitEvent[] {
    const peak = this.present.get(label);
    if (peak === undefined || score > peak.score) this.present.set(label, { score, timestamp_ms });
    if (peak !== undefined) return [];
    return [{ track_id: this.trackId, label, kind: "onset", timestamp_ms, score }];
  }

  private end(label: string, timestamp_ms: number, score: number): ActionUnitEvent[] {
    const peak = this.present.get(label)!;
    this.present.delete(label);
    const track_id = this.trackId;
    return [
      { track_id, label, kind: "apex", ...peak },
      { track_id, label, kind: "offset", timestamp_ms, score },
    ];
  }
}

/** The reason once the smoothed visibility is known. */
function ofVisibility(reason: Reason, hidden: boolean): Reason {
  if (hidden) return "not_visible";
  return reason === "not_visible" ? "smoothed" : reason;
}
