/**
 * Decode: from logits to emotion and Action Units, with the manifest's calibration.
 *
 *     emotion       scores = softmax(logits / temperature)
 *     action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
 */
import { headOf } from "./manifest.js";
import { ACTION_UNIT_NAMES, type Manifest, type Reason, type Status } from "./manifest_types.js";
import { PRESENT, type ActionUnit, type Emotion } from "./types.js";

const CAUSE: Partial<Record<Status, Reason>> = { unaligned: "unaligned", small: "face_too_small" };

/** What the outputs of one model mean. */
export class Decoder {
  constructor(private readonly manifest: Manifest) {}

  /** The results for one face; a status other than ok is the reason of each, else `doubt`. */
  decode(
    outputs: readonly Float32Array[],
    status: Status = "ok",
    doubt?: Reason,
  ): { emotion: Emotion; action_units: Readonly<Record<string, ActionUnit>> } {
    const [emotion, units] = this.scores(outputs);
    const cause = CAUSE[status] ?? doubt;
    return { emotion: this.emotion(emotion, cause), action_units: this.units(units, cause) };
  }

  /** Calibrated scores of both heads, in the order of their labels, each 0..1. */
  scores(outputs: readonly Float32Array[]): [number[], number[]] {
    const { calibration } = this.manifest;
    const emotion = headOf(this.manifest, "emotion");
    const units = headOf(this.manifest, "action_units");
    const scaled = Array.from(outputs[emotion.output]!, (x) => x / calibration.emotion.temperature);
    const largest = Math.max(...scaled);
    const powers = scaled.map((x) => Math.exp(x - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    const scores = units.labels.map((label, i) => {
      const { scale, bias } = calibration.action_units[label]!;
      return sigmoid(outputs[units.output]![i]! * scale + bias);
    });
    return [powers.map((power) => power / sum), scores];
  }

  private emotion(scores: readonly number[], cause: Reason | undefined): Emotion {
    const { labels } = headOf(this.manifest, "emotion");
    const score = Math.max(...scores);
    const label = labels[scores.indexOf(score)]!;
    const unsure = score < this.manifest.decoding.min_emotion_score;
    const reason = cause ?? (unsure ? "low_confidence" : "confident");
    const named = Object.fromEntries(labels.map((each, i) => [each, scores[i]!]));
    return { label, raw_label: label, score, scores: named, reason };
  }

  private units(
    scores: readonly number[],
    cause: Reason | undefined,
  ): Readonly<Record<string, ActionUnit>> {
    const { decoding } = this.manifest;
    const named = headOf(this.manifest, "action_units").labels.map((label, i) => {
      const score = scores[i]!;
      const unsure = Math.abs(score - PRESENT) < decoding.au_margin;
      const reason = cause ?? (unsure ? "low_confidence" : "confident");
      const name = ACTION_UNIT_NAMES[label]!;
      return [label, { name, score, present: score >= PRESENT, reason }] as const;
    });
    return Object.fromEntries(named);
  }
}

function sigmoid(z: number): number {
  const power = Math.exp(-Math.abs(z));
  return (z >= 0 ? 1 : power) / (1 + power);
}
