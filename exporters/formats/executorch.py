"""ExecuTorch, channels first, the whole network in one delegate: XNNPACK, Core ML or Vulkan.

XNNPACK takes PReLU and zero padding as they are (executorch 1.4.1). Rewriting PReLU as two ReLUs
was measured 1.3 to 1.7 times as slow; convolutions that need no padding were not faster. Programs
for Core ML and Vulkan are lowered on any machine, and run on phones alone.
"""

from __future__ import annotations

import operator
from collections import Counter
from pathlib import Path
from typing import Any

from exporters.errors import DelegationError
from exporters.formats.spec import ExportSource, Operators
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing


def export_executorch(source: ExportSource, path: Path) -> Operators:
    """Write `source` as .pte for XNNPACK; see `_export`."""
    xnnpack = require("executorch.backends.xnnpack.partition.xnnpack_partitioner", extra="export")
    return _export(source, path, xnnpack.XnnpackPartitioner(), "XNNPACK")


def export_executorch_coreml(source: ExportSource, path: Path) -> Operators:
    """Write `source` as .pte for Core ML, for the iOS of `source.artifact`.

    Its precision is that of `source.artifact`; see `_export`.
    """
    ct = require("coremltools", extra="export")
    coreml = require("executorch.backends.apple.coreml.partition", extra="export")
    compiler = require("executorch.backends.apple.coreml.compiler", extra="export")
    major = source.artifact.minimum_os["ios"].removesuffix(".0")
    half = source.artifact.precision == "fp16"
    settings = compiler.CoreMLBackend.generate_compile_specs(
        compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
        minimum_deployment_target=ct.target[f"iOS{major}"],
    )
    return _export(source, path, coreml.CoreMLPartitioner(compile_specs=settings), "Core ML")


def export_executorch_vulkan(source: ExportSource, path: Path) -> Operators:
    """Write `source` as .pte for GPUs with Vulkan; see `_export`."""
    vulkan = require("executorch.backends.vulkan.partitioner.vulkan_partitioner", extra="export")
    return _export(source, path, vulkan.VulkanPartitioner(), "Vulkan")


def _export(source: ExportSource, path: Path, partitioner: Any, delegate: str) -> Operators:
    """Write `source` as .pte with input float32 [1, channels, height, width].

    Outputs are in the order of `source.outputs`.

    Raises DelegationError with the list of operators if any would run outside the delegate, unless
    `source.partial`; MissingExtraError without ExecuTorch.
    """
    exir = require("executorch.exir", extra="export")
    import torch

    program = torch.export.export(source.network, (source.example(),))
    edge = exir.to_edge_transform_and_lower(program, partitioner=[partitioner])
    module = edge.exported_program().graph_module
    outside = check_delegation(module.graph, path.name, delegate, partial=source.partial)
    with replacing(path) as partial:
        partial.write_bytes(edge.to_executorch().buffer)
    return {f"in {delegate}": _count_delegated(module), **outside}


def check_delegation(
    graph: Any, name: str, delegate: str = "XNNPACK", *, partial: bool = False
) -> Operators:
    """The operators that a lowered `graph` calls outside `delegate`.

    Raises DelegationError, naming the model `name`, if nothing is inside it, or, unless `partial`,
    if anything is outside.
    """
    targets = [node.target for node in graph.nodes if node.op == "call_function"]
    calls = Counter(str(target) for target in targets if target is not operator.getitem)
    delegates = calls.pop("executorch_call_delegate", 0)
    if not delegates or (calls and not partial):
        left = ", ".join(f"{count} x {target}" for target, count in calls.items()) or "everything"
        raise DelegationError(
            f"{name}: outside the {delegate} delegate: {left}; expected nothing. Use operators "
            f"that {delegate} takes (in-place activations, for one, leave copies behind), or pass "
            "--allow-outside-delegate"
        )
    return calls


def _count_delegated(module: Any) -> int:
    """How many operators the delegates of a lowered module took."""
    inside = [
        node
        for lowered in module.graph.nodes
        if lowered.op == "get_attr" and hasattr(getattr(module, lowered.target), "original_module")
        for node in getattr(module, lowered.target).original_module.graph.nodes
    ]
    return sum(
        node.op == "call_function" and node.target is not operator.getitem for node in inside
    )
