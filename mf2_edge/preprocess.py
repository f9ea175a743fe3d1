"""Preprocess: from the pixels of an aligned face to the network's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mf2_edge.schema import Layout, PreprocessingSpec


def to_input(
    aligned: NDArray[np.uint8], spec: PreprocessingSpec, layout: Layout
) -> NDArray[np.float32]:
    """Normalise uint8 RGB [H, W, 3] to float32 [1, H, W, 3] ("NHWC") or [1, 3, H, W] ("NCHW").

    Each channel becomes (pixel - mean) / std, with the manifest's values in pixel units (0..255).
    """
    mean, std = np.asarray(spec.mean, np.float32), np.asarray(spec.std, np.float32)
    normalised = (aligned.astype(np.float32) - mean) / std
    if layout == "NCHW":
        normalised = normalised.transpose(2, 0, 1)
    return np.ascontiguousarray(normalised[None])
