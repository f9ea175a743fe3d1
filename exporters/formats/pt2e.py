"""Integer networks as `python -m distill quantize` saves them, their weights unfolded."""

from __future__ import annotations

from copy import deepcopy
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

from exporters.errors import ConversionError

if TYPE_CHECKING:
    from torch import Tensor, fx, nn


def unfold_weights(network: nn.Module) -> nn.Module:
    """The same network, every stored integer weight as the float it stands for, then quantized.

    Converters that bring their own quantizer look for that pattern. Raises ConversionError if a
    weight would not come back as the same integers.
    """
    unfolded = cast("fx.GraphModule", deepcopy(network))
    graph = unfolded.graph
    weights = [
        node
        for node in graph.nodes
        if node.op == "call_function"
        and "dequantize" in str(node.target)
        and node.args[0].op == "get_attr"
    ]
    for number, node in enumerate(weights):
        stored = node.args[0]
        integers, *how = (_constant(unfolded, argument) for argument in node.args)
        floats = node.target(integers, *how)
        quantize = _quantizing(node)
        if not bool((quantize(floats, *how) == integers).all()):
            raise ConversionError(f"weight {stored.target} does not survive being a float")
        name = f"unfolded_{number}"
        unfolded.register_buffer(name, floats)
        with graph.inserting_before(node):
            rounded = graph.call_function(quantize, (graph.get_attr(name), *node.args[1:]))
        node.replace_input_with(stored, rounded)
    graph.eliminate_dead_code()
    unfolded.recompile()
    return unfolded


def _quantizing(node: fx.Node) -> Any:
    """The operator that undoes a dequantization."""
    import torch

    operators = torch.ops.quantized_decomposed
    if "per_channel" in str(node.target):
        return operators.quantize_per_channel.default
    return operators.quantize_per_tensor.default


def _constant(network: nn.Module, argument: Any) -> Tensor | Any:
    """The tensor of a `get_attr` node of the graph; any other argument unchanged."""
    if hasattr(argument, "target"):
        return reduce(getattr, str(argument.target).split("."), network)
    return argument
