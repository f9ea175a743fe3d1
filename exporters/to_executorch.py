"""ExecuTorch, for its XNNPACK delegate: fp32, channels first, the whole network in one delegate.

XNNPACK takes PReLU and zero padding as they are (executorch 1.4.1). Rewriting PReLU as two ReLUs
was measured 1.3 to 1.7 times as slow; convolutions that need no padding were not faster.
"""

from __future__ import annotations

import operator
from collections import Counter
from pathlib import Path
from typing import Any

from exporters.errors import DelegationError
from exporters.spec import ExportSource, Operators
from mf2_edge.atomic import replacing
from mf2_edge.extras import require


def export_executorch(source: ExportSource, path: Path) -> Operators:
    """Write `source` as float32 .pte with input [1, channels, height, width].

    Outputs stand in the order of `source.outputs`.

    Raises DelegationError with the list of operators if any would run outside XNNPACK,
    MissingExtraError without ExecuTorch.
    """
    exir = require("executorch.exir", extra="export")
    xnnpack = require("executorch.backends.xnnpack.partition.xnnpack_partitioner", extra="export")
    import torch

    program = torch.export.export(source.network, (source.example(),))
    edge = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    delegates = check_delegation(edge.exported_program().graph, path.name)
    with replacing(path) as partial:
        partial.write_bytes(edge.to_executorch().buffer)
    return {"XNNPACK delegate": delegates}


def check_delegation(graph: Any, name: str) -> int:
    """The number of delegates that a lowered `graph` calls.

    Raises DelegationError, naming the model `name`, if it calls anything else, or none.
    """
    targets = [node.target for node in graph.nodes if node.op == "call_function"]
    calls = Counter(str(target) for target in targets if target is not operator.getitem)
    delegates = calls.pop("executorch_call_delegate", 0)
    if calls or not delegates:
        left = ", ".join(f"{count} x {target}" for target, count in calls.items()) or "everything"
        raise DelegationError(
            f"{name}: outside the XNNPACK delegate: {left}; expected nothing. Use operators that "
            "XNNPACK takes (in-place activations, for one, leave copies behind)"
        )
    return delegates
