"""Figures that others published, and the work of the networks that they are of.

`data/published.json` holds a figure a row, each with the page it was read on; `data/work.json` the
work of those networks' graphs, written by `python -m benchmarks.peers.reference_workload`, so that
the wheel needs none of the libraries that build them.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from mf2_edge.bench.estimate.graph_work import Work
from mf2_edge.bench.report import Part
from mf2_edge.bundle.schema import ArtifactFormat, PositiveNumber, Precision, Text


class Figure(Part, frozen=True, kw_only=True):
    """One published latency."""

    device: Text
    """Name in `data/devices.json`."""
    network: Annotated[str, Meta(pattern=r"^\w+@\d+$")]
    """Name in torchvision or timm, and the side of its input in pixels."""
    format: ArtifactFormat
    precision: Precision
    compute_unit: Text
    ms: PositiveNumber
    """Batch 1, as printed there: some pages round to 0.1 ms."""
    source: Text
    """Address of the page."""


@cache
def published_figures() -> tuple[Figure, ...]:
    """All rows."""
    return msgspec.json.decode(_data("published.json"), type=tuple[Figure, ...])


@cache
def reference_workload() -> dict[str, Work]:
    """By network."""
    return msgspec.json.decode(_data("work.json"), type=dict[str, Work])


def _data(name: str) -> bytes:
    return (files("mf2_edge.bench.estimate") / "data" / name).read_bytes()
