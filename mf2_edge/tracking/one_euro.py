"""A low-pass filter that smooths strongly where a value rests and little where it moves.

After the 1 EUR filter (Casiez, Roussel and Vogel 2012, doi:10.1145/2207676.2208639), in a form that
is the same at any frame rate. For values `x` that hold for `dt` seconds, in this order:

    gain(cutoff) = 1 - exp(-2 pi cutoff dt)
    slow  = slow + gain(speed_cutoff) (x - slow)
    speed = |x - slow| 2 pi speed_cutoff / unit       how fast x leaves its own recent mean
    value = value + gain(min_cutoff + beta speed) (x - value)

Each value has its own speed; values that belong together (scores that sum to 1, the points of a
face) share the largest, so that sums and shapes are kept. The first values set `slow` and `value`;
`dt` = 0 changes nothing. Every implementation follows these four lines, in float64.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import OneEuroSpec


class OneEuro:
    """The filter of a row of values, with its memory; `together` makes them share one speed."""

    def __init__(self, spec: OneEuroSpec, *, together: bool) -> None:
        self.spec, self.together = spec, together
        self._slow: NDArray[np.float64] | None = None
        self._value: NDArray[np.float64] | None = None

    def update(
        self, x: NDArray[np.float64], seconds: float, unit: float = 1.0
    ) -> NDArray[np.float64]:
        """The smoothed values, [n], from new ones, [n], `seconds` after those before.

        `unit`: in what speed counts, a second; for pixels the width of the face.
        """
        if self._slow is None or self._value is None:
            self._slow, self._value = x.copy(), x.copy()
            return x.copy()
        spec = self.spec
        self._slow = self._slow + _gain(spec.speed_cutoff_hz, seconds) * (x - self._slow)
        speed = np.abs(x - self._slow) * (2 * pi * spec.speed_cutoff_hz / unit)
        cutoff = spec.min_cutoff_hz + spec.beta * (speed.max() if self.together else speed)
        self._value = self._value + _gain(cutoff, seconds) * (x - self._value)
        return self._value.copy()


def _gain(cutoff_hz: float | NDArray[np.float64], seconds: float) -> float | NDArray[np.float64]:
    """How much of the way a first-order low pass goes towards a value held for so long."""
    return 1 - np.exp(-2 * pi * seconds * cutoff_hz)
