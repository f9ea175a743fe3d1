/**
 * A low-pass filter that smooths strongly where a value rests and little where it moves.
 *
 * After the 1 EUR filter (Casiez, Roussel and Vogel 2012, doi:10.1145/2207676.2208639), in the form
 * that mf2_edge/tracking/one_euro.py specifies, the same at any frame rate.
 */
import type { OneEuroSpec } from "./model_types.js";

/** The filter of a row of values, with its memory; `together` makes them share one speed. */
export class OneEuro {
  private slow: number[] | undefined;
  private value: number[] | undefined;

  constructor(
    private readonly spec: OneEuroSpec,
    private readonly together: boolean,
  ) {}

  /** The smoothed values; `unit` is what speed counts in, for pixels the width of the face. */
  update(x: readonly number[], seconds: number, unit = 1): number[] {
    const { slow, value } = this;
    if (slow === undefined || value === undefined) {
      this.slow = [...x];
      this.value = [...x];
      return [...x];
    }
    const { min_cutoff_hz, beta, speed_cutoff_hz } = this.spec;
    const share = gain(speed_cutoff_hz, seconds);
    const recent = slow.map((mean, i) => mean + share * (x[i]! - mean));
    const factor = (2 * Math.PI * speed_cutoff_hz) / unit;
    const speeds = x.map((each, i) => Math.abs(each - recent[i]!) * factor);
    const fastest = Math.max(...speeds);
    const smoothed = value.map((each, i) => {
      const speed = this.together ? fastest : speeds[i]!;
      return each + gain(min_cutoff_hz + beta * speed, seconds) * (x[i]! - each);
    });
    this.slow = recent;
    this.value = smoothed;
    return [...smoothed];
  }
}

/** How much of the way a first-order low pass goes towards a value held for so long. */
function gain(cutoff: number, seconds: number): number {
  return 1 - Math.exp(-2 * Math.PI * seconds * cutoff);
}
