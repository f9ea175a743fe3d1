"""What an exporter receives and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mf2_edge.schema import ArtifactFormat, Layout, Precision


@dataclass(frozen=True, slots=True)
class ExportSource:
    """The network to export, and the door it has.

    `network` is in eval mode. It takes float32 (1, channels, height, width) and returns logits
    (1, labels), one tensor a head, in the order of `outputs`.
    """

    network: nn.Module
    width: int
    height: int
    channels: int
    outputs: tuple[str, ...]
    """Names for the outputs, where a format can hold names."""

    def example(self) -> Tensor:
        """An input to trace with, zeros (1, channels, height, width)."""
        import torch

        return torch.zeros(1, self.channels, self.height, self.width)


Operators: TypeAlias = Mapping[str, int]
"""How often each operator stands in the exported file, by name."""

Export: TypeAlias = Callable[[ExportSource, Path], Operators]
"""Writes one model file and tells what is in it; raises ConversionError and writes nothing."""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One row of the table of formats."""

    format: ArtifactFormat
    precision: Precision
    layout: Layout
    """Order of the axes of the exported model's input."""
    suffix: str
    """Of the model file."""
    packages: tuple[str, ...]
    """Distributions whose versions go to the manifest's provenance."""
    export: Export
