"""The table of formats, and conversions each in a process of its own.

A new format is one function in a `to_<format>.py` and one row here. Converters keep gigabytes and
patch PyTorch when imported, so none of them runs in the process that compares and packs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from exporters.errors import ConversionError, ExportError
from exporters.spec import Export, ExportFormat, ExportSource, Operators
from exporters.to_executorch import export_executorch
from exporters.to_tflite import export_tflite
from mf2_edge.schema import HeadName

OUTPUTS: Final[tuple[HeadName, HeadName]] = ("emotion", "action_units")
"""Heads in the order in which every network of `distill` returns their logits."""

FORMATS: Final[dict[str, ExportFormat]] = {
    "tflite": ExportFormat(
        format="tflite",
        precision="fp32",
        layout="NHWC",
        suffix=".tflite",
        packages=("litert-torch", "litert-converter", "ai-edge-litert"),
        export=export_tflite,
    ),
    "executorch": ExportFormat(
        format="executorch",
        precision="fp32",
        layout="NCHW",
        suffix=".pte",
        packages=("executorch",),
        export=export_executorch,
    ),
}
"""By the name that `--to` takes."""

_LOG_LINES: Final = 15

_GOODBYE: Final = 30.0
"""Seconds that a converter has to clean up after it has delivered."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a conversion went."""

    operators: Operators
    seconds: float


def convert(checkpoint: Path, export: Export, path: Path) -> Conversion:
    """Export a checkpoint's network to `path` in a process of its own, which this one outlives.

    Raises the exporter's ExportError, or ConversionError with the end of the converter's output if
    it fails otherwise or dies. Ctrl-C ends the process.
    """
    context = get_context("spawn")
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(checkpoint, export, path, log, sender))
        started = perf_counter()
        process.start()
        sender.close()
        try:
            outcome = receiver.recv()
            process.join(_GOODBYE)
        except EOFError:
            process.join()
            outcome = ConversionError(f"the converter died with exit code {process.exitcode}")
        finally:
            process.terminate()  # does nothing to a process that has ended
            process.join()
            receiver.close()
        if isinstance(outcome, BaseException):
            raise _explained(outcome, path, log)
    return Conversion(outcome, perf_counter() - started)


def _work(
    checkpoint: Path, export: Export, path: Path, log: Path, sender: Connection
) -> None:  # pragma: no cover  (runs in the other process)
    """What the process does: all that converters print goes to a file, shown only on failure."""
    with log.open("wb") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    try:
        sender.send(dict(export(open_source(checkpoint), path)))
    except ExportError as error:
        sender.send(error)
    except Exception as error:
        import traceback

        traceback.print_exc()
        sender.send(ConversionError(f"{type(error).__name__}: {error}"))


def open_source(checkpoint: Path) -> ExportSource:
    """The network of a checkpoint, ready for an exporter.

    Raises CheckpointError if the file is no checkpoint or of another architecture.
    """
    from distill.checkpoint import load_network

    loaded = load_network(checkpoint)
    size = loaded.recipe.alignment
    return ExportSource(loaded.network, size.width, size.height, channels=3, outputs=OUTPUTS)


def _explained(error: BaseException, path: Path, log: Path) -> BaseException:
    """The error with the file's name and, where it came unforeseen, what the converter printed."""
    if type(error) is not ConversionError:
        return error
    printed = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.exists() else []
    text = "".join(f"\n    {line}" for line in printed)
    return ConversionError(f"{path.name} could not be made: {error}{text}")
