/**
 * Face quality: how much the picture of a face lets one read.
 *
 * The parts and their ramps are those of mf2_edge/pipeline/quality.py.
 */
import { visiblePart, type Box, type FaceQuality, type HeadPose, type Pixels } from "./types.js";

/** Below this `overall` of the picture, answers bear the reason `low_quality`. */
export const LOW = 0.3;

/** Grey level from which a pixel counts as overexposed. */
const WHITE = 250;

/** Quality of one face from its aligned picture and its box in source pixels. */
export function faceQuality(aligned: Pixels, box: Box, pose: HeadPose | null): FaceQuality {
  const grey = toGrey(aligned);
  const { mean, deviation } = spread(grey);
  const edges = spread(laplacian(grey, aligned.width, aligned.height)).deviation;
  const parts = {
    size: ramp(Math.min(box.width, box.height), 16, 64),
    sharpness: ramp(edges ** 2 / Math.max(deviation, 1) ** 2, 0.003, 0.012),
    pose: pose ? ramp(Math.max(Math.abs(pose.yaw), Math.abs(pose.pitch)), 60, 25) : 0.5,
    light: Math.min(
      ramp(mean, 20, 60),
      ramp(mean, 250, 220),
      ramp(grey.filter((level) => level >= WHITE).length / grey.length, 0.55, 0.25),
      ramp(deviation, 5, 20),
    ),
    visibility: 1,
  };
  return { overall: Math.min(...Object.values(parts)), ...parts };
}

/** The same, with what the network says of the face's regions. */
export function withVisibility(
  quality: FaceQuality,
  regions: Readonly<Record<string, number>>,
): FaceQuality {
  const visibility = visiblePart(regions);
  return { ...quality, overall: Math.min(quality.overall, visibility), visibility };
}

/** Rec. 601 luma in the fixed point of OpenCV. */
function toGrey({ data }: Pixels): Float64Array {
  const grey = new Float64Array(data.length / 3);
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b] = [data[i * 3]!, data[i * 3 + 1]!, data[i * 3 + 2]!];
    grey[i] = (r * 9798 + g * 19235 + b * 3735 + 16384) >> 15;
  }
  return grey;
}

/** Sum of the 4 neighbours less 4 times the pixel; edges mirror, the edge pixel not repeated. */
function laplacian(grey: Float64Array, width: number, height: number): Float64Array {
  const made = new Float64Array(grey.length);
  const mirror = (at: number, length: number) => {
    const inside = at < 0 ? -at : at >= length ? 2 * length - 2 - at : at;
    return Math.max(inside, 0);
  };
  for (let y = 0; y < height; y++) {
    const [above, below] = [mirror(y - 1, height) * width, mirror(y + 1, height) * width];
    for (let x = 0; x < width; x++) {
      const [left, right] = [mirror(x - 1, width), mirror(x + 1, width)];
      const at = y * width;
      made[at + x] =
        grey[above + x]! +
        grey[below + x]! +
        grey[at + left]! +
        grey[at + right]! -
        4 * grey[at + x]!;
    }
  }
  return made;
}

function spread(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / values.length) };
}

function ramp(value: number, bad: number, good: number): number {
  return Math.min(Math.max((value - bad) / (good - bad), 0), 1);
}
