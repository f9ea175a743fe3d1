/** Which way up a face is, and whether it is one: the rules of mf2_edge/pipeline/finder.py. */
import type { Candidate, DetectionRules } from "./candidates.js";
import type { Detection } from "./types.js";

/** Looks at a face turned by so many radians, clockwise. */
export type Look = (turn: number) => Promise<Detection | null>;

/** The look that shows a candidate upright; null where no look shows a face. */
export async function orient(
  { right_eye: right, left_eye: left }: Candidate,
  rules: DetectionRules,
  look: Look,
): Promise<Detection | null> {
  const turn = Math.atan2(left.y - right.y, left.x - right.x);
  let best = await look(turn);
  const first = best?.score ?? 0;
  if (first >= rules.opposite_below) return best;
  const opposite = await look(turn + Math.PI);
  if (isBetter(opposite, first, rules)) return opposite;
  if (first < rules.quarters_below) {
    for (const quarter of [Math.PI / 2, -Math.PI / 2]) {
      const turned = await look(turn + quarter);
      if (isBetter(turned, best?.score ?? 0, rules)) best = turned;
    }
  }
  if (best === null || best.score >= rules.turned_look) return best;
  return { ...best, doubtful: (opposite?.score ?? 0) > best.score - rules.turned_gain };
}

/** The rule of acceptance: a candidate's score and that of the look at it. */
export function isFace(score: number, look: number, rules: DetectionRules): boolean {
  if (look >= rules.doubtful_look) return true;
  return score >= rules.sure_score && look >= rules.sure_look;
}

function isBetter(turned: Detection | null, first: number, rules: DetectionRules): boolean {
  const score = turned?.score ?? 0;
  return score >= rules.turned_look && score > first + rules.turned_gain;
}
