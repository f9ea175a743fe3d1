"""Conversions, each in a process of its own.

Converters keep gigabytes and patch PyTorch when imported, so none of them runs in the process that
compares the files and writes the bundle.
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
from exporters.formats.spec import Export, ExportSource, Operators
from mf2_edge.bundle.schema import ArtifactSpec, Manifest

_LOG_LINES: Final = 15

_EXIT_TIMEOUT: Final = 30.0
"""Seconds that a converter has to clean up after it has written its file."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a conversion went."""

    operators: Operators
    seconds: float


def convert(
    weights: Path,
    export: Export,
    manifest: Manifest,
    artifact: ArtifactSpec,
    folder: Path,
    *,
    partial: bool = False,
) -> Conversion:
    """Export the network of a checkpoint, or of a .pt2 of integers, as `artifact` into `folder`.

    In a process of its own. `partial`: see `ExportSource`.

    Raises the exporter's ExportError, or ConversionError with the end of the converter's output if
    it fails otherwise or dies. Ctrl-C ends the process.
    """
    context, path = get_context("spawn"), folder / artifact.file
    with TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        receiver, sender = context.Pipe(duplex=False)
        given = (weights, export, manifest, artifact, path, partial)
        process = context.Process(target=_work, args=(*given, log, sender))
        started = perf_counter()
        process.start()
        sender.close()
        try:
            outcome = receiver.recv()
            process.join(_EXIT_TIMEOUT)
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
    weights: Path,
    export: Export,
    manifest: Manifest,
    artifact: ArtifactSpec,
    path: Path,
    partial: bool,
    log: Path,
    sender: Connection,
) -> None:  # pragma: no cover  (runs in the other process)
    """What the process does: all that converters print goes to a file, shown only on failure."""
    with log.open("wb") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    try:
        from distill.training.checkpoint import load_integers, load_network

        integers = artifact.precision == "int8"
        network = load_integers(weights) if integers else load_network(weights).export_network()
        source = ExportSource(network, manifest, artifact, partial)
        sender.send(dict(export(source, path)))
    except ExportError as error:
        sender.send(error)
    except Exception as error:
        import traceback

        traceback.print_exc()
        sender.send(ConversionError(f"{type(error).__name__}: {error}"))


def _explained(error: BaseException, path: Path, log: Path) -> BaseException:
    """The error with the file's name and, where it came unforeseen, what the converter printed."""
    if type(error) is not ConversionError:
        return error
    printed = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.exists() else []
    text = "".join(f"\n    {line}" for line in printed)
    return ConversionError(f"{path.name} could not be made: {error}{text}")
