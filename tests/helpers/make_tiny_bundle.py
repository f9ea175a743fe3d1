"""Makes a complete bundle of a few kB around a toy model, so that tests run the whole line quickly.

The model averages the colours of the face and maps the three means to the logits of all heads: its
answers mean nothing, but they depend on the picture, on the preprocessing and on the order of the
outputs. `python -m tests.helpers.make_tiny_bundle` writes `tests/fixtures/tiny_bundle`; it needs
the development environment (flatbuffers, torch and executorch).
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.manifest import dump_manifest, parse_manifest
from mf2_edge.bundle.schema import HeadName, Manifest
from mf2_edge.bundle.write import write_manifest
from mf2_edge.facs import REGIONS
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.verify import GOLDEN_NAMES

FOLDER = Path(__file__).parents[1] / "fixtures" / "tiny_bundle"
SIZE = 112
EMOTIONS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
UNITS = [f"AU{n}" for n in (1, 2, 4, 5, 6, 7, 9, 12, 14, 15, 17, 20, 23, 24, 25, 26, 27)]
HEADS: dict[HeadName, list[str]] = {
    "emotion": EMOTIONS,
    "action_units": UNITS,
    "strength": UNITS,
    "visibility": list(REGIONS),
}
"""Labels of each head, in the order of the model's outputs."""
EXPERIMENTAL = ["AU14"]
SHOWN = [unit for unit in UNITS if unit not in EXPERIMENTAL]
"""The units that are told unless the experimental ones are asked for."""


def weights() -> dict[str, NDArray[np.float32]]:
    """Matrices [labels, 3] and biases [labels] of all heads, the same at every call."""
    generator = np.random.default_rng(7)
    made: dict[str, NDArray[np.float32]] = {}
    for name, labels in HEADS.items():
        made[name] = generator.normal(size=(len(labels), 3)).astype(np.float32)
        made[f"{name}_bias"] = generator.normal(size=len(labels)).astype(np.float32)
    return made


def make_tiny_bundle(folder: Path = FOLDER) -> None:
    """Write manifest, `model.json`, both artifacts and goldens into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.tflite").write_bytes(tflite_model())
    (folder / "tiny.pte").write_bytes(executorch_program())
    manifest = parse_manifest(dump_manifest_with_files(folder, goldens=False), source="tiny")
    write_goldens(folder / "goldens.npz", manifest)
    write_manifest(folder, dump_manifest_with_files(folder, goldens=True))


def dump_manifest_with_files(folder: Path, *, goldens: bool) -> bytes:
    """The manifest with size and sha256 of the files as they are."""
    raw = manifest_dict()
    for entry in raw["artifacts"]:
        entry |= describe(folder / entry["file"])
    raw["goldens"] = [describe(folder / "goldens.npz")] if goldens else []
    return dump_manifest(msgspec.convert(raw, Manifest))


def describe(path: Path) -> dict[str, Any]:
    """The entry of a file in the manifest."""
    data = path.read_bytes()
    return {"file": path.name, "bytes": len(data), "sha256": sha256(data).hexdigest()}


def manifest_dict() -> dict[str, Any]:
    """The manifest of the toy model as plain JSON values; files are filled in later."""
    fit = "nothing: toy values"
    units = {label: {"scale": 1.5, "bias": 0.155, "fitted_on": fit} for label in UNITS}
    strength = {label: {"scale": 1.2, "bias": -0.4, "fitted_on": fit} for label in UNITS}
    measured = {"f1": 0.75, "recall": 0.8, "n": 800, "support": 60, "data": "toy faces"}
    artifact = {"precision": "fp32", "layout": "NCHW", "bytes": 1, "sha256": "0" * 64}
    return {
        "schema_version": "2.0",
        "name": "tiny",
        "version": "1",
        "description": "A toy model for tests; its answers mean nothing.",
        "license": {"name": "Apache-2.0", "summary": "Random weights.", "data": []},
        "input": {"width": SIZE, "height": SIZE, "channels": 3, "color": "rgb"},
        "alignment": {
            "width": SIZE,
            "height": SIZE,
            "points": {
                "right_eye": [38.0, 46.0],
                "left_eye": [74.0, 46.0],
                "nose_tip": [56.0, 66.0],
                "mouth_center": [56.0, 86.0],
            },
            "interpolation": "bilinear",
            "border": "replicate",
        },
        "preprocessing": {"mean": [127.5, 120.0, 110.0], "std": [128.0, 64.0, 32.0]},
        "heads": [
            {"name": "emotion", "output": 0, "activation": "softmax", "labels": [*EMOTIONS]},
            {"name": "action_units", "output": 1, "activation": "sigmoid", "labels": [*UNITS]},
            {"name": "strength", "output": 2, "activation": "sigmoid", "labels": [*UNITS]},
            {"name": "visibility", "output": 3, "activation": "sigmoid", "labels": [*REGIONS]},
        ],
        "calibration": {
            "emotion": {"temperature": 1.25, "fitted_on": fit},
            "action_units": units,
            "strength": strength,
            "visibility": {label: {"bias": 0.6, "fitted_on": fit} for label in REGIONS},
        },
        "decoding": {"min_emotion_score": 0.4, "au_margin": 0.05, "min_face_size": 32},
        "artifacts": [
            {"file": "tiny.tflite", "format": "tflite"} | artifact,
            {"file": "tiny.pte", "format": "executorch"} | artifact,
        ],
        "provenance": {
            "backbone": "mean colour",
            "training_config": "none",
            "commit": "none",
            "data": {},
            "tools": {},
            "created": "2025-01-01",
        },
        "experimental": [*EXPERIMENTAL],
        "reliability": {
            "emotion": {"happiness": {"laboratory": measured | {"f1": 0.9}}},
            "action_units": {
                "AU12": {"laboratory": measured | {"f1": 0.9, "n": 574}, "world": measured},
                "AU4": {"world": measured | {"f1": 0.5}},
            },
        },
        "accuracy": [
            {
                "dataset": "toy",
                "split": "all",
                "protocol": "an invented figure, for tests of the display",
                "metric": "accuracy",
                "value": 0.125,
                "n": 8,
                "seed": None,
                "labels": {"neutral": {"value": 0.5, "support": 2}},
                "date": "2025-01-01",
                "machine": "none",
            }
        ],
    }


def logits(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What the toy model computes, from its input [n, 3, H, W]: logits of all heads."""
    w, means = weights(), x.mean(axis=(2, 3))
    return [means @ w[name].T + w[f"{name}_bias"] for name in HEADS]


def write_goldens(path: Path, manifest: Manifest) -> None:
    """Goldens of two smooth toy pictures, in the format that `mf2_edge/verify.py` describes."""
    ramp = np.linspace(0, 255, SIZE)
    across, down = np.meshgrid(ramp, ramp)
    aligned = np.stack(
        [np.stack([across, down, 255 - across], 2), np.stack([down / 2, across, down], 2)]
    ).astype(np.uint8)
    inputs = np.concatenate([to_input(a, manifest.preprocessing, "NCHW") for a in aligned])
    outputs = logits(inputs)
    scores = Decoder(manifest).scores(outputs).named()
    arrays: dict[str, Any] = {
        "aligned": aligned,
        "preprocess": inputs,
        "tolerance/preprocess": np.float32(1e-5),
        "tolerance/model": np.float32(1e-3),
        "tolerance/decode": np.float32(1e-6),
    }
    for output, name in zip(outputs, HEADS, strict=True):
        arrays[f"{GOLDEN_NAMES[name]}_logits"] = output
        arrays[f"{GOLDEN_NAMES[name]}_scores"] = scores[name].astype(np.float32)
    np.savez_compressed(path, **arrays)


def tflite_model() -> bytes:
    """The toy model as .tflite: MEAN over both axes, then one FULLY_CONNECTED a head.

    The file lists its outputs in the opposite order of the signature's names, as converters may.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as tfl

    buffers: list[bytes] = [b""]
    tensors: list[Any] = []

    def tensor(name: str, shape: list[int], data: NDArray[Any] | None = None) -> int:
        buffers.append(b"" if data is None else data.tobytes())
        made = tfl.TensorT()
        made.name, made.shape, made.buffer = name, shape, len(buffers) - 1
        is_int = data is not None and data.dtype == np.int32
        made.type = tfl.TensorType.INT32 if is_int else tfl.TensorType.FLOAT32
        tensors.append(made)
        return len(tensors) - 1

    def operator(code: int, inputs: list[int], output: int, kind: int, options: Any) -> Any:
        made = tfl.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = code, inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        return made

    w = weights()
    x = tensor("x", [1, 3, SIZE, SIZE])
    mean = tensor("mean", [1, 3])
    axes = tensor("axes", [2], np.array([2, 3], np.int32))
    kinds = tfl.BuiltinOptions
    operators = [operator(0, [x, axes], mean, kinds.ReducerOptions, tfl.ReducerOptionsT())]
    outputs = []
    for name in HEADS:
        matrix = tensor(f"{name}_weight", list(w[name].shape), w[name])
        bias = tensor(f"{name}_bias", [len(w[name])], w[f"{name}_bias"])
        out = tensor(name, [1, len(w[name])])
        options = tfl.FullyConnectedOptionsT()
        operators.append(
            operator(1, [mean, matrix, bias], out, kinds.FullyConnectedOptions, options)
        )
        outputs.append(out)

    graph = tfl.SubGraphT()
    graph.tensors, graph.operators = tensors, operators
    graph.inputs, graph.outputs = [x], outputs[::-1]
    signature = tfl.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [_tensor_map(tfl, "args_0", x)]
    named = [_tensor_map(tfl, f"output_{i}", out) for i, out in enumerate(outputs)]
    signature.outputs = named[::-1]

    model = tfl.ModelT()
    model.version, model.subgraphs, model.signatureDefs = 3, [graph], [signature]
    model.operatorCodes = [
        _operator_code(tfl, tfl.BuiltinOperator.MEAN),
        _operator_code(tfl, tfl.BuiltinOperator.FULLY_CONNECTED),
    ]
    model.buffers = []
    for data in buffers:
        buffer = tfl.BufferT()
        buffer.data = np.frombuffer(data, np.uint8) if data else None
        model.buffers.append(buffer)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def executorch_program() -> bytes:
    """The toy model as .pte, for the portable kernels."""
    import torch
    from executorch.exir import to_edge
    from torch import nn

    w = weights()

    class Toy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = nn.ModuleList(nn.Linear(3, len(labels)) for labels in HEADS.values())
            for name, layer in zip(HEADS, self.heads, strict=True):
                layer.weight.data = torch.from_numpy(w[name])
                layer.bias.data = torch.from_numpy(w[f"{name}_bias"])

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            means = x.mean(dim=(2, 3))
            return tuple(head(means) for head in self.heads)

    exported = torch.export.export(Toy().eval(), (torch.zeros(1, 3, SIZE, SIZE),))
    return bytes(to_edge(exported).to_executorch().buffer)


def _tensor_map(tfl: Any, name: str, index: int) -> Any:
    made = tfl.TensorMapT()
    made.name, made.tensorIndex = name, index
    return made


def _operator_code(tfl: Any, builtin: int) -> Any:
    made = tfl.OperatorCodeT()
    made.deprecatedBuiltinCode = made.builtinCode = builtin
    made.version = 1
    return made


if __name__ == "__main__":
    make_tiny_bundle()
