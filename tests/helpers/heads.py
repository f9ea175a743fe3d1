"""Answers of heads on a network's features, as in training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.adapting.heads import Head
from distill.networks.features import FeatureNet


@torch.inference_mode()
def read_tasks(
    network: FeatureNet, heads: Mapping[str, Head], x: Tensor
) -> dict[str, NDArray[np.float64]]:
    """One forward pass of the faces (N, 3, 112, 112), then every head's answers, [N, labels]."""
    features = network.read(x)
    return {
        task: head.answers(
            head.dfn(features.stages, features.tokens[:, : head.card.layout.units]).numpy()
        )
        for task, head in heads.items()
    }
