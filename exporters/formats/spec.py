"""Input and output of an exporter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mf2_edge.bundle.schema import (
    ArtifactFormat,
    ArtifactSpec,
    Delegate,
    IoDtype,
    Layout,
    Manifest,
    ModelInput,
    Precision,
)

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ExportSource:
    """The network to export, and what is known about it and about the file to write.

    `network` is in eval mode. It takes float32 (1, channels, height, width) and returns logits
    (1, labels), one tensor a head, and vectors (1, width), in the order of `outputs`.
    """

    network: nn.Module
    manifest: Manifest
    """The bundle's, as far as it is known before the export."""
    artifact: ArtifactSpec
    """The requested file; size, hash and parity are not known yet."""
    partial: bool = False
    """Whether operators may stay outside a delegate."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names for the outputs, where a format can hold names."""
        return self.manifest.output_names

    def example(self) -> Tensor:
        """An input to trace with, zeros (1, channels, height, width)."""
        import torch

        size = self.manifest.input
        return torch.zeros(1, size.channels, size.height, size.width)


Operators: TypeAlias = Mapping[str, int]
"""Number of each operator in the exported file, by name."""

Export: TypeAlias = Callable[[ExportSource, Path], Operators]
"""Writes one model file and returns its operators; on ConversionError nothing is written."""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One row of the table of formats."""

    format: ArtifactFormat
    precision: Precision
    layout: Layout
    """ExportRequest of the axes of the exported model's input."""
    suffix: str
    """Of the model file."""
    packages: tuple[str, ...]
    """Distributions whose versions go to the manifest's provenance."""
    export: Export
    input: ModelInput = "tensor"
    """What is normalised by the caller ("tensor") or by the model itself ("image")."""
    io_dtype: IoDtype = "float32"
    """Type of the numbers that go in and come out."""
    delegate: Delegate | None = None
    """Of ExecuTorch: a delegate that only phones have; such a file is not compared."""

    @property
    def variant(self) -> str:
        """Name of the variant of its format and precision; empty for the plain file."""
        return self.delegate or ("int8-io" if self.io_dtype == "int8" else "")

    @property
    def name(self) -> str:
        """As `--to` takes it: FORMAT[/VARIANT]:PRECISION."""
        return "/".join(filter(None, (self.format, self.variant))) + f":{self.precision}"
