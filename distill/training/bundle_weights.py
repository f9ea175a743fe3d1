"""Weights of an exported bundle as the start of a training: read from its .tflite, dequantized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from distill.config import ConfigError, Recipe
from distill.networks.architectures import build_network
from distill.networks.network import FaceStateNet
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import Manifest
from mf2_edge.extras import require
from mf2_edge.runtime.litert import in_model_order

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_ORDER = {"fp32": 0, "fp16": 1, "int8": 2}


def from_bundle(recipe: Recipe, bundle: str) -> FaceStateNet:
    """The recipe's network with the weights of a bundle, by name or folder; rows of heads by label.

    The most precise .tflite is read. Heads and labels that the bundle does not have start anew.
    Raises ConfigError if its layers are not those of the recipe's network, BundleError if it is not
    there or damaged.
    """
    loaded = load_bundle(bundle)
    files = [a for a in loaded.manifest.artifacts if a.format == "tflite" and a.delegate is None]
    if not files:
        raise ConfigError(f"bundle {loaded.manifest.name} has no .tflite to start from")
    best = min(files, key=lambda each: _ORDER[each.precision])
    labels = {head.name: head.labels for head in loaded.manifest.heads}
    replace = msgspec.structs.replace
    known = tuple(head for head in recipe.network.heads if head in labels)
    theirs = replace(
        recipe,
        emotions=labels["emotion"],
        action_units=labels["action_units"],
        network=replace(recipe.network, heads=known),
    )
    network = build_network(theirs)
    try:
        _fill(network, _Graph(loaded.path / best.file), loaded.manifest)
    except _MismatchError as error:
        raise ConfigError(
            f"{best.file} of bundle {loaded.manifest.name} is not the network of {recipe.name}: "
            f"{error}. Expected the same backbone, width, drop_blocks and activation"
        ) from error
    started = build_network(recipe)
    copy_labelled(network, theirs, started, recipe)
    return started


@torch.no_grad()
def copy_labelled(
    source: FaceStateNet, source_recipe: Recipe, target: FaceStateNet, recipe: Recipe
) -> None:
    """Copy every weight that both have; rows of the linear heads by their labels.

    What only `target` has, and rows of labels that only it has, keep their start.
    """
    heads = {"emotion.head": "emotion", "action_units.head": "action_units"}
    heads |= {name: name for name in target.extra}
    theirs, ours = source.state_dict(), target.state_dict()
    for name, value in ours.items():
        module = name.rpartition(".")[0]
        if module in heads and name in theirs:
            known = source_recipe.labels(heads[module])
            for row, label in enumerate(recipe.labels(heads[module])):
                if label in known:
                    value[row] = theirs[name][known.index(label)]
        elif name in theirs and theirs[name].shape == value.shape:
            value.copy_(theirs[name])


class _MismatchError(ValueError):
    """The file's layers are not those of the network."""


@dataclass(frozen=True)
class _Operator:
    place: int
    name: str
    inputs: tuple[int, ...]


class _Graph:
    """Operators and constants of a .tflite in execution order."""

    def __init__(self, path: Path) -> None:
        litert = require("ai_edge_litert.interpreter", extra="litert")
        plain = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._interpreter = litert.Interpreter(
            model_path=str(path), experimental_op_resolver_type=plain
        )
        self._interpreter.allocate_tensors()
        raw = self._interpreter._get_ops_details()
        self._tensors = {d["index"]: d for d in self._interpreter.get_tensor_details()}
        self.operators = [
            _Operator(place, op["op_name"], tuple(int(i) for i in op["inputs"]))
            for place, op in enumerate(raw)
        ]
        self._made_by = {int(out): place for place, op in enumerate(raw) for out in op["outputs"]}
        self.outputs = [int(tensor["index"]) for tensor in in_model_order(self._interpreter)]

    def width(self, tensor: int) -> int:
        """Size of the last axis."""
        return int(self._tensors[tensor]["shape"][-1])

    def ancestors(self, tensor: int) -> set[int]:
        """Places of the operators that a tensor depends on."""
        found: set[int] = set()
        todo = [tensor]
        while todo:
            place = self._made_by.get(todo.pop())
            if place is not None and place not in found:
                found.add(place)
                todo += [i for i in self.operators[place].inputs if i >= 0]
        return found

    def constant(self, tensor: int) -> NDArray[np.float32]:
        """A constant, dequantized."""
        values: NDArray[Any] = self._interpreter.get_tensor(tensor)
        found = self._tensors[tensor]["quantization_parameters"]
        scales = found["scales"].astype(np.float64)
        if values.dtype in (np.int8, np.int32) and len(scales):
            shape = [1] * values.ndim
            if len(scales) > 1:
                shape[found["quantized_dimension"]] = -1
            zero = found["zero_points"].reshape(shape)
            values = (values.astype(np.float64) - zero) * scales.reshape(shape)
        return np.asarray(values, dtype=np.float32)


def _fill(network: FaceStateNet, graph: _Graph, manifest: Manifest) -> None:
    """Fill trunk, branches and heads, each with the operators that only it depends on."""
    outputs = _find_outputs(graph, manifest)
    emotion, units = (graph.ancestors(outputs[name]) for name in ("emotion", "action_units"))
    _fill_chain(_layers(*network.trunk.values()), graph, emotion & units)
    _fill_chain(_layers(network.emotion), graph, emotion - units)
    _fill_chain(_layers(network.action_units), graph, units - emotion)
    for name in network.extra:
        own = graph.ancestors(outputs[name]) - units - emotion
        _fill_chain(_layers(getattr(network, name)), graph, own)


def _find_outputs(graph: _Graph, manifest: Manifest) -> dict[str, int]:
    """The output tensor of each head."""
    found: dict[str, int] = {}
    for head in manifest.heads:
        tensor = graph.outputs[head.output]
        if graph.width(tensor) != len(head.labels):
            raise _MismatchError(f"output {head.output} has {graph.width(tensor)} values")
        found[head.name] = tensor
    return found


def _layers(*modules: nn.Module) -> list[nn.Module]:
    """Layers with weights, in the order in which they run."""
    kinds = (nn.Conv2d, nn.Linear, nn.PReLU)
    return [layer for module in modules for layer in module.modules() if isinstance(layer, kinds)]


@torch.no_grad()
def _fill_chain(layers: Sequence[nn.Module], graph: _Graph, places: set[int]) -> None:
    weighted = iter([x for x in layers if isinstance(x, nn.Conv2d | nn.Linear)])
    slopes = iter([x for x in layers if isinstance(x, nn.PReLU)])
    for place in sorted(places):
        operator = graph.operators[place]
        if operator.name in _WEIGHTED:
            _fill_layer(next(weighted, None), graph, operator)
        elif operator.name == "PRELU":
            layer = next(slopes, None)
            values = graph.constant(operator.inputs[1]).reshape(-1)
            if layer is None or len(values) != len(layer.weight):
                raise _MismatchError(f"operator {place} is a PReLU of {len(values)} channels")
            layer.weight.copy_(torch.from_numpy(values))
    if next(weighted, None) is not None or next(slopes, None) is not None:
        raise _MismatchError("the file has fewer layers")


def _fill_layer(layer: nn.Conv2d | nn.Linear | None, graph: _Graph, operator: _Operator) -> None:
    weight = graph.constant(operator.inputs[1])
    if operator.name == "DEPTHWISE_CONV_2D":
        weight = weight.transpose(3, 0, 1, 2)
    elif operator.name == "CONV_2D":
        weight = weight.transpose(0, 3, 1, 2)
    values = torch.from_numpy(weight.copy())
    if isinstance(layer, nn.Linear):
        values = values.flatten(1)
    if layer is None or values.shape != layer.weight.shape:
        expected = "nothing" if layer is None else tuple(layer.weight.shape)
        raise _MismatchError(
            f"operator {operator.place} has weights {tuple(values.shape)}, the network {expected}"
        )
    layer.weight.copy_(values)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0 and layer.bias is not None:
        layer.bias.copy_(torch.from_numpy(graph.constant(operator.inputs[2])))
