"""Where on an aligned face each Action Unit shows: the prior that guides attention.

Centres follow the muscles and appearance changes of Ekman, Friesen & Hager, *FACS: The Manual*
(2002), placed by hand relative to the template's eyes and mouth.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.schema import AlignmentSpec

SPREAD: Final = 0.22
"""Standard deviation of a region's Gaussian, in distances between the eyes."""

FLOOR: Final = 0.02
"""Prior far away from every centre, as a part of its peak: attention may still go there."""

# (across, down): across from the midline, both in distances between the eyes; down from the line
# of the eyes, or from the centre of the mouth. Mirrored to the other half of the face.
FROM_EYES: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "AU1": ((0.20, -0.38), (0.12, -0.65)),
    "AU2": ((0.70, -0.38), (0.60, -0.65)),
    "AU4": ((0.18, -0.30), (0.00, -0.25)),
    "AU5": ((0.50, -0.12),),
    "AU6": ((0.85, 0.10), (0.60, 0.35)),
    "AU7": ((0.50, 0.08),),
    "AU9": ((0.00, 0.05), (0.15, 0.25)),
    "AU11": ((0.38, 0.45),),
    "AU43": ((0.50, 0.00),),
    "AU45": ((0.50, 0.00),),
    "AU46": ((0.50, 0.00),),
}
FROM_MOUTH: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "AU10": ((0.20, -0.22), (0.35, -0.40)),
    "AU12": ((0.58, -0.05), (0.65, -0.35)),
    "AU13": ((0.55, -0.10),),
    "AU14": ((0.62, 0.00),),
    "AU15": ((0.55, 0.15),),
    "AU16": ((0.15, 0.20),),
    "AU17": ((0.00, 0.50), (0.00, 0.20)),
    "AU18": ((0.00, 0.00),),
    "AU20": ((0.65, 0.10),),
    "AU22": ((0.00, 0.00),),
    "AU23": ((0.00, 0.00), (0.35, 0.00)),
    "AU24": ((0.00, 0.00), (0.35, 0.00)),
    "AU25": ((0.00, 0.02), (0.25, 0.02)),
    "AU26": ((0.00, 0.10), (0.00, 0.50)),
    "AU27": ((0.00, 0.15), (0.00, 0.60)),
    "AU28": ((0.00, 0.00),),
}


def region_priors(
    units: tuple[str, ...], alignment: AlignmentSpec, side: int
) -> NDArray[np.float32]:
    """Prior of each unit over a map of the aligned face, [units, side, side], each summing to 1.

    Raises ValueError for a unit without a region.
    """
    missing = [unit for unit in units if unit not in FROM_EYES and unit not in FROM_MOUTH]
    if missing:
        raise ValueError(f"no region for {', '.join(missing)}: add one to networks/regions.py")
    points = alignment.points
    eyes, mouth = np.array([points["right_eye"], points["left_eye"]]), points["mouth_center"]
    distance, (middle, level) = eyes[1][0] - eyes[0][0], eyes.mean(axis=0)
    y, x = np.mgrid[:side, :side] + 0.5
    x, y = x * alignment.width / side, y * alignment.height / side
    priors = np.empty((len(units), side, side), dtype=np.float32)
    for row, unit in enumerate(units):
        origin = level if unit in FROM_EYES else mouth[1]
        peak = np.zeros((side, side))
        for across, down in FROM_EYES.get(unit, ()) or FROM_MOUTH[unit]:
            for sign in (-1, 1):
                dx = (x - middle) / distance - sign * across
                dy = (y - origin) / distance - down
                peak = np.maximum(peak, np.exp(-(dx**2 + dy**2) / (2 * SPREAD**2)))
        peak = np.maximum(peak / peak.max(), FLOOR)
        priors[row] = peak / peak.sum()
    return priors
