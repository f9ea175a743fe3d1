"""Softmax and sigmoid in float64, without overflow for any logit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Scores 0..1 over the last axis, which sum to 1; of the shape of the logits."""
    values = logits.astype(np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Scores 0..1, element by element."""
    return np.asarray(np.exp(-np.logaddexp(0, -logits.astype(np.float64))))
