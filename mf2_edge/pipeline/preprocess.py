"""Preprocess: from the pixels of an aligned face to the network's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Layout, PreprocessingSpec


def to_input(
    aligned: NDArray[np.uint8], spec: PreprocessingSpec, layout: Layout
) -> NDArray[np.float32]:
    """Normalise uint8 RGB [H, W, 3] to float32 [1, H, W, 3] ("NHWC") or [1, 3, H, W] ("NCHW").

    Each channel becomes (pixel - mean) / std, with the manifest's values in pixel units (0..255).
    """
    height, width, _ = aligned.shape
    # Row by row, each with the channels' values repeated: arithmetic along an axis of 3 is slow.
    rows = aligned.reshape(height, -1).astype(np.float32)
    rows -= np.tile(np.asarray(spec.mean, np.float32), width)
    rows /= np.tile(np.asarray(spec.std, np.float32), width)
    normalised = rows.reshape(1, *aligned.shape)
    if layout == "NCHW":
        normalised = normalised.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(normalised)
