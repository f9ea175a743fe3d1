"""Networks whose 8-bit rounding is simulated in training, and the integer programs made of them.

PyTorch's PT2E with XNNPACK's scheme: int8, weights symmetric a channel, activations affine a
tensor. The scales that training finds are those of every exported format.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import cast

import torch
from torch import nn

from distill.networks.export_net import ExportNet
from distill.networks.network import FaceStateNet
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

LARGEST_BATCH = 256

_MOVES = ("pad", "flatten")
"""Operators that move values and compute none."""


def prepare(network: FaceStateNet, shape: tuple[int, int, int, int]) -> nn.Module:
    """The network, traced, with simulated rounding and observers that find its ranges.

    shape: (2, 3, H, W), of an example. Raises MissingExtraError without ExecuTorch and torchao.
    """
    pt2e = require("torchao.quantization.pt2e", extra="export")
    steps = require("torchao.quantization.pt2e.quantize_pt2e", extra="export")
    scheme = require("executorch.backends.xnnpack.quantizer.xnnpack_quantizer", extra="export")
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    example = torch.zeros(shape)
    traced = torch.export.export(
        ExportNet(network).train(), (example,), dynamic_shapes=({0: batch},), strict=False
    ).module()
    settings = scheme.get_symmetric_quantization_config(is_per_channel=True, is_qat=True)
    quantizer = scheme.XNNPACKQuantizer().set_global(settings)
    simulated = steps.prepare_qat_pt2e(traced, quantizer)
    _share_ranges(simulated)
    # Traced modules refuse train() and eval() otherwise.
    return cast("nn.Module", pt2e.allow_exported_model_train_eval(simulated))


def _share_ranges(simulated: torch.fx.GraphModule) -> None:
    """Let a map keep its range when it is padded or flattened: that adds nothing to round."""
    for node in simulated.graph.nodes:
        if node.op != "call_function" or not any(word in str(node.target) for word in _MOVES):
            continue
        [before] = node.all_input_nodes
        if before.op == "call_module":  # not the image: nothing has rounded it yet
            for reader in node.users:
                reader.target = before.target
    simulated.graph.eliminate_dead_code()
    simulated.recompile()


def freeze_ranges(simulated: nn.Module) -> None:
    """Keep the ranges found so far; the weights go on learning."""
    pt2e = require("torchao.quantization.pt2e", extra="export")
    simulated.apply(pt2e.disable_observer)


def take_weights(network: FaceStateNet, simulated: nn.Module) -> FaceStateNet:
    """Give a network the weights that its trace, made by `prepare`, has learnt since; in float."""
    learnt = dict(simulated.named_parameters())
    with torch.no_grad():
        for name, _ in ExportNet(network).named_parameters():
            network.get_parameter(name).copy_(learnt[name])
    return network.eval()


def convert(simulated: nn.Module) -> nn.Module:
    """The integer network: real 8-bit weights, each operation between explicit quantizations."""
    steps = require("torchao.quantization.pt2e.quantize_pt2e", extra="export")
    pt2e = require("torchao.quantization.pt2e", extra="export")
    copied = deepcopy(simulated)
    copied.eval()
    converted = steps.convert_pt2e(copied)
    return cast("nn.Module", pt2e.allow_exported_model_train_eval(converted))


def save_program(converted: nn.Module, shape: tuple[int, int, int, int], path: Path) -> None:
    """Write an integer network as a PyTorch program (.pt2) for any number of images.

    shape: (2, 3, H, W), of an example.
    """
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    example = (torch.zeros(shape),)
    lean = _without_unused(cast("torch.fx.GraphModule", deepcopy(converted)))
    program = torch.export.export(lean, example, dynamic_shapes=({0: batch},))
    with replacing(path) as partial:
        torch.export.save(program, partial)


def _without_unused(converted: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Drop the floats that the integers were made of, four bytes for each of theirs."""
    converted.graph.eliminate_dead_code()
    used = {node.target for node in converted.graph.nodes if node.op == "get_attr"}
    for name, _ in list(converted.named_parameters()):
        if name not in used:
            owner, _, attribute = name.rpartition(".")
            delattr(converted.get_submodule(owner), attribute)
    converted.recompile()
    return converted
