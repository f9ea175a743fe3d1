"""Small networks from a vector to a vector, such as a head of another task, as ML programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporters.formats.coreml.package import taken_apart, zip_package
from mf2_edge.extras import require

if TYPE_CHECKING:
    from torch import nn

INPUT: Final = "embeddings"
OUTPUT: Final = "outputs"
OLDEST_IOS: Final = 16
"""Weights that are stored as integers exist from there on."""


def export_vectors(network: nn.Module, width: int, path: Path, *, int8_weights: bool) -> None:
    """Write a network (1, width) -> (1, labels) as `.mlpackage.zip`, computing in float32.

    int8_weights: store the matrices as integers times a step for each row; those of the network
    are such multiples already, so nothing is rounded anew. Raises MissingExtraError without
    coremltools.
    """
    ct = require("coremltools", extra="export")
    import numpy as np
    import torch

    program = torch.export.export(network, (torch.zeros(1, width),)).run_decompositions({})
    model = ct.convert(
        program,
        inputs=[ct.TensorType(name=INPUT, shape=(1, width), dtype=np.float32)],
        outputs=[ct.TensorType(name=OUTPUT, dtype=np.float32)],
        minimum_deployment_target=ct.target[f"iOS{OLDEST_IOS}"],
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    if int8_weights:
        optimize = require("coremltools.optimize.coreml", extra="export")
        symmetric = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0)
        model = optimize.linear_quantize_weights(
            model, optimize.OptimizationConfig(global_config=symmetric)
        )
    spec, weights = taken_apart(model)
    zip_package(path, spec.SerializeToString(deterministic=True), weights)
