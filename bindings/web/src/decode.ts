/**
 * Decode: from logits to what a face shows, with the manifest's calibration.
 *
 *     emotion       scores = softmax(logits / temperature)
 *     action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
 *     strength      score  = sigmoid(scale * logit + bias), of the same units, marked
 *     visibility    score  = sigmoid(logit + bias), of regions; below 0.5 one cannot be judged
 */
import { findHead, headOf, reliabilityOf } from "./model_spec.js";
import {
  ACTION_UNIT_NAMES,
  type ActionUnitCalibration,
  type HeadSpec,
  type ModelSpec,
  type Reason,
  type Status,
} from "./model_types.js";
import {
  intensityOf,
  isCovered,
  isVisible,
  PRESENT,
  type ActionUnit,
  type Emotion,
} from "./types.js";

const CAUSE: Partial<Record<Status, Reason>> = { unaligned: "unaligned", small: "face_too_small" };

/** What the heads say of one face. */
export interface Answers {
  readonly emotion: Emotion;
  readonly action_units: Readonly<Record<string, ActionUnit>>;
  readonly visibility: Readonly<Record<string, number>>;
}

/** Calibrated scores by head, in the order of its labels, each 0..1. */
export type Scores = Readonly<Partial<Record<HeadSpec["name"], number[]>>>;

/** What the outputs of one model mean. */
export class Decoder {
  /** `includeExperimental` tells also the units that the manifest calls experimental. */
  constructor(
    private readonly spec: ModelSpec,
    private readonly includeExperimental = false,
  ) {}

  /** The results for one face; a status other than ok is the reason of each, else `doubt`. */
  decode(outputs: readonly Float32Array[], status: Status = "ok", doubt?: Reason): Answers {
    const scores = this.scores(outputs);
    const cause = CAUSE[status] ?? doubt;
    const regions = findHead(this.spec, "visibility")?.labels ?? [];
    const seen = scores.visibility ?? [];
    const visibility = Object.fromEntries(regions.map((label, i) => [label, seen[i]!]));
    return {
      emotion: this.emotion(scores.emotion!, cause, visibility),
      action_units: this.units(scores, cause, visibility),
      visibility,
    };
  }

  /** The scores of every head that the network has, experimental units among them. */
  scores(outputs: readonly Float32Array[]): Scores {
    const { calibration } = this.spec;
    const found = this.spec.heads.map((head): [HeadSpec["name"], number[]] => {
      const logits = outputs[head.output]!;
      switch (head.name) {
        case "emotion":
          return [head.name, softmax(logits, calibration.emotion.temperature)];
        case "visibility":
          return [
            head.name,
            head.labels.map((label, i) =>
              sigmoid(logits[i]! + calibration.visibility[label]!.bias),
            ),
          ];
        default:
          return [head.name, scaled(logits, head.labels, calibration[head.name])];
      }
    });
    return Object.fromEntries(found);
  }

  private emotion(
    scores: readonly number[],
    cause: Reason | undefined,
    visibility: Readonly<Record<string, number>>,
  ): Emotion {
    const { labels } = headOf(this.spec, "emotion");
    const score = Math.max(...scores);
    const label = labels[scores.indexOf(score)]!;
    const unsure = score < this.spec.decoding.min_emotion_score;
    let reason = cause ?? (unsure ? "low_confidence" : "confident");
    if (isCovered(visibility)) reason = "not_visible";
    const named = Object.fromEntries(labels.map((each, i) => [each, scores[i]!]));
    const reliability = reliabilityOf(this.spec, label);
    return { label, raw_label: label, score, scores: named, reason, reliability };
  }

  private units(
    scores: Scores,
    cause: Reason | undefined,
    visibility: Readonly<Record<string, number>>,
  ): Readonly<Record<string, ActionUnit>> {
    const { decoding, experimental } = this.spec;
    const named = headOf(this.spec, "action_units").labels.map((label, i) => {
      const score = scores.action_units![i]!;
      const strength = scores.strength?.[i] ?? null;
      const present = score >= PRESENT;
      const unsure = Math.abs(score - PRESENT) < decoding.au_margin;
      let reason = cause ?? (unsure ? "low_confidence" : "confident");
      if (!isVisible(label, visibility)) reason = "not_visible";
      const name = ACTION_UNIT_NAMES[label]!;
      const reliability = reliabilityOf(this.spec, label);
      const how = intensityOf(score, present, strength);
      return [label, { name, score, present, reason, strength, ...how, reliability }] as const;
    });
    const told = named.filter(
      ([label]) => this.includeExperimental || !experimental.includes(label),
    );
    return Object.fromEntries(told);
  }
}

function softmax(logits: Float32Array, temperature: number): number[] {
  const scaled = Array.from(logits, (x) => x / temperature);
  const largest = Math.max(...scaled);
  const powers = scaled.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function scaled(
  logits: Float32Array,
  labels: readonly string[],
  calibration: Readonly<Record<string, ActionUnitCalibration>>,
): number[] {
  return labels.map((label, i) => {
    const { scale, bias } = calibration[label]!;
    return sigmoid(logits[i]! * scale + bias);
  });
}

function sigmoid(z: number): number {
  const power = Math.exp(-Math.abs(z));
  return (z >= 0 ? 1 : power) / (1 + power);
}
