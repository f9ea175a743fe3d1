"""`python -m exporters.bundle.heads HEAD ...`: a head of another task, for phones.

The head reads the vectors that a bundle's network tells, so the bundle stays as it is. Its files
are small float networks; `head.json` beside them says what they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from exporters.bundle.staging import new_folder
from exporters.errors import ConversionError, ExportError, PackError
from mf2_edge.bundle.head_schema import LikenessCalibration, TaskCalibration, TaskFile, TaskHeadSpec
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import ArtifactFormat
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.extras import require
from mf2_edge.pipeline.task_head import HEAD
from mf2_edge.runtime.select import open_model

if TYPE_CHECKING:
    from torch import nn

    from mf2_edge.types import TaskKind

_EXIT_FAILED = 2

CLOSE: Final = 1e-3
"""How far a file's outputs may be from the head's: float32, sums in the order of any engine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one head's folder; returns the exit code: 0, or 2 if it was refused."""
    parser = argparse.ArgumentParser(prog="python -m exporters.bundle.heads", description=__doc__)
    parser.add_argument("head", type=Path, help="head.pt of `python -m distill adapt`")
    made_with = parser.add_mutually_exclusive_group(required=True)
    made_with.add_argument("--bundle", help="the bundle that it was made with, by name or folder")
    made_with.add_argument("--checkpoint", type=Path, help="the edge network that it was made with")
    parser.add_argument("--to", nargs="+", choices=tuple(_EXPORTS), default=list(_EXPORTS))
    parser.add_argument("--out", type=Path, required=True, help="the head's folder")
    options = parser.parse_args(arguments)
    from distill.training.checkpoint import CheckpointError

    try:
        network = load_bundle(options.bundle).path if options.bundle else options.checkpoint
        spec = export_head(options.head, network, options.to, options.out)
    except (CheckpointError, ExportError, Mf2EdgeError, OSError) as error:
        sys.stderr.write(f"exporters.bundle.heads: {error}\n")
        return _EXIT_FAILED
    for file in spec.files:
        sys.stdout.write(f"{options.out / file.file}: {file.bytes:,} bytes\n")
    return 0


def export_head(
    head: Path, made_with: Path, formats: Sequence[ArtifactFormat], out: Path
) -> TaskHeadSpec:
    """Write `head.json` and a file a format to the folder `out`, which appears whole at the end.

    made_with: an edge network's checkpoint, or its bundle's folder.

    Raises CheckpointError if the head belongs to another network, PackError if it reads what no
    phone tells, ConversionError if a file does not answer as the head does.
    """
    network, spec = _open(head, made_with)
    with new_folder(out, HEAD, "head") as folder:
        files = []
        for kind in formats:
            path = folder / f"head{_SUFFIXES[kind]}"
            _EXPORTS[kind](network, spec.width, path)
            _compare(network, spec.width, path, kind)
            data = path.read_bytes()
            digest = sha256(data).hexdigest()
            files.append(TaskFile(file=path.name, bytes=len(data), sha256=digest, format=kind))
        spec = msgspec.structs.replace(spec, files=tuple(files))
        (folder / HEAD).write_bytes(msgspec.json.format(msgspec.json.encode(spec), indent=2))
    return spec


def _open(path: Path, made_with: Path) -> tuple[nn.Module, TaskHeadSpec]:
    """The head as a network of one input, and what stands in its `head.json` but for the files."""
    from distill.adapting.frozen import network_digest, open_network
    from distill.adapting.heads import load_head
    from distill.adapting.task_heads import DFNOnVectors, LikenessOnVectors
    from distill.adapting.text_head import is_text_head, load_text_head

    digest, layout = network_digest(made_with), open_network(made_with).layout
    if layout.units:
        raise PackError(
            f"{made_with} is not an edge network: on a phone it tells no vectors that a head "
            "could read. Adapt the network of an edge bundle"
        )
    kind: TaskKind
    if is_text_head(path):
        text = load_text_head(path, made_with)
        network: nn.Module = LikenessOnVectors(text.space, text.direction)
        likeness = LikenessCalibration(
            quantiles=text.card.quantiles, fitted_on=f"{text.card.faces} of {text.card.reference}"
        )
        labels: tuple[str, ...] = (text.card.sentence,)
        task, kind, faces = text.card.task, "likeness", 0
        calibration = TaskCalibration(likeness=likeness)
    else:
        trained = load_head(path, made_with)
        network, card = DFNOnVectors(trained.dfn), trained.card
        task, kind, faces, labels = card.task, card.kind, card.faces, card.labels
        calibration = card.calibration
    spec = TaskHeadSpec(
        schema_version="1.0",
        task=task,
        kind=kind,
        labels=labels,
        width=layout.width,
        network_sha256=digest,
        calibration=calibration,
        faces=faces,
        files=(),
    )
    return network.eval(), spec


def _compare(network: nn.Module, width: int, path: Path, kind: ArtifactFormat) -> None:
    """Raise ConversionError unless the file answers as the network does."""
    import torch

    model = open_model(path.read_bytes(), kind)
    x = np.random.default_rng(0).normal(0, 1, (8, width)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    found = np.concatenate([model.run(row[None])[0] for row in x])
    difference = float(np.abs(found - expected).max())
    if not difference <= CLOSE:
        raise ConversionError(
            f"{path.name} differs from the head by {difference:.2g}; allowed: {CLOSE:.0e}"
        )


def _tflite(network: nn.Module, width: int, path: Path) -> None:
    import torch

    litert_torch = require("litert_torch", extra="export")
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "head.tflite"
        litert_torch.convert(network, (torch.zeros(1, width),)).export(str(raw))
        path.write_bytes(raw.read_bytes())


def _executorch(network: nn.Module, width: int, path: Path) -> None:
    import torch

    exir = require("executorch.exir", extra="export")
    xnnpack = require("executorch.backends.xnnpack.partition.xnnpack_partitioner", extra="export")
    program = torch.export.export(network, (torch.zeros(1, width),))
    edge = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    path.write_bytes(edge.to_executorch().buffer)


def _onnx(network: nn.Module, width: int, path: Path) -> None:
    import torch

    require("onnxscript", extra="export")
    program: Any = torch.onnx.export(
        network,
        (torch.zeros(1, width),),
        dynamo=True,
        external_data=False,
        input_names=["vectors"],
        output_names=["outputs"],
        verbose=False,
    )
    path.write_bytes(program.model_proto.SerializeToString(deterministic=True))


_EXPORTS: Final[dict[ArtifactFormat, Callable[[nn.Module, int, Path], None]]] = {
    "tflite": _tflite,
    "executorch": _executorch,
    "onnx": _onnx,
}
_SUFFIXES: Final = {"tflite": ".tflite", "executorch": ".pte", "onnx": ".onnx"}


if __name__ == "__main__":
    sys.exit(main())
