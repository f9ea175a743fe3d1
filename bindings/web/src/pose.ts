/**
 * Head pose from the six landmarks of the detector, as mf2_edge/pipeline/pose.py estimates it: the rotation
 * that a weak-perspective camera sees an average head turned by (Horn et al. 1988,
 * doi:10.1364/JOSAA.5.001127).
 */
import type { LandmarkName } from "./model_types.js";
import type { HeadPose, Landmarks } from "./types.js";

/** An adult's average head, millimetres: x to the head's left, y down, z away from the viewer. */
const HEAD: Readonly<Record<LandmarkName, readonly [number, number, number]>> = {
  right_eye: [-32, 0, 0],
  left_eye: [32, 0, 0],
  nose_tip: [0, 42, -32],
  mouth_center: [0, 72, -14],
  right_ear: [-72, 14, 88],
  left_ear: [72, 14, 88],
};

type Triple = [number, number, number];

const NAMES = Object.keys(HEAD) as LandmarkName[];

/** Yaw, pitch and roll in degrees; null where the landmarks are degenerate. */
export function headPose(landmarks: Landmarks): HeadPose | null {
  const points = NAMES.map((name) => landmarks[name]);
  if (!points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))) return null;
  const [a, b] = leastSquares(
    points.map(({ x }) => x),
    points.map(({ y }) => y),
  );
  // The nearest orthonormal rows: (A Aᵀ)^(-1/2) A, whose root has a closed form for two rows.
  const [p, q, r] = [dot(a, a), dot(a, b), dot(b, b)];
  const root = Math.sqrt(Math.max(p * r - q * q, 0));
  const smallest = (p + r - Math.sqrt((p - r) ** 2 + 4 * q * q)) / 2;
  if (!(Math.sqrt(Math.max(smallest, 0)) >= 1e-6)) return null;
  const scale = 1 / (root * Math.sqrt(p + r + 2 * root));
  const mix = (u: number, v: number) => a.map((_, i) => scale * (u * a[i]! + v * b[i]!)) as Triple;
  const across = mix(r + root, -q);
  const down = mix(-q, p + root);
  const away = across[0] * down[1] - across[1] * down[0];
  const degrees = (radians: number) => (radians * 180) / Math.PI;
  // R = yaw * pitch * roll, turns about the camera's axes: y down, x right, z away.
  return {
    yaw: degrees(Math.atan2(-across[2], away)),
    pitch: degrees(Math.asin(Math.min(Math.max(down[2], -1), 1))),
    roll: degrees(Math.atan2(down[0], down[1])),
  };
}

/** The two rows of the camera's matrix, by the normal equations of the head's points. */
function leastSquares(x: readonly number[], y: readonly number[]): [Triple, Triple] {
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / NAMES.length;
  const axes = [0, 1, 2].map((k) => NAMES.map((name) => HEAD[name][k]!));
  const centred = axes.map((values) => values.map((value) => value - mean(values)));
  const square = centred.map((u) => centred.map((v) => dot(u, v)));
  const solve = (values: readonly number[]) => {
    const middle = mean(values);
    return solved(
      square,
      centred.map((u) =>
        dot(
          u,
          values.map((value) => value - middle),
        ),
      ),
    );
  };
  return [solve(x), solve(y)];
}

/** The solution of a regular 3 x 3 system, by Cramer's rule. */
function solved(rows: readonly number[][], right: readonly number[]): Triple {
  const whole = determinant(rows);
  return [0, 1, 2].map((k) => {
    const put = rows.map((row, i) => row.map((value, j) => (j === k ? right[i]! : value)));
    return determinant(put) / whole;
  }) as Triple;
}

function determinant([u, v, w]: readonly number[][]): number {
  return (
    u![0]! * (v![1]! * w![2]! - v![2]! * w![1]!) -
    u![1]! * (v![0]! * w![2]! - v![2]! * w![0]!) +
    u![2]! * (v![0]! * w![1]! - v![1]! * w![0]!)
  );
}

function dot(u: readonly number[], v: readonly number[]): number {
  return u.reduce((sum, value, i) => sum + value * v[i]!, 0);
}
