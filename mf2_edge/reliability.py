"""How reliable the answer for one label is, as measured; part of manifests and of results."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ReliabilityFigure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How well one label was predicted on one set of faces."""

    f1: Annotated[float, Meta(ge=0, le=1)]
    """Of precision and recall, their harmonic mean."""
    recall: Annotated[float, Meta(ge=0, le=1)]
    """Part of the label's faces for which it was predicted."""
    n: Annotated[int, Meta(gt=0)]
    """Faces evaluated."""
    support: Annotated[int, Meta(ge=0)]
    """Faces that bear the label."""
    data: Annotated[str, Meta(min_length=1)]
    """Data set and part of it."""


class LabelReliability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One label, on posed faces of a laboratory and on photographs of the world."""

    laboratory: ReliabilityFigure | None = None
    """Null where not measured."""
    world: ReliabilityFigure | None = None
    """Null where not measured."""

    def __str__(self) -> str:
        """The F1 measured, the world's first, e.g. "F1 0.85 (world, n=382)"."""
        figures = {"world": self.world, "laboratory": self.laboratory}
        told = [f"{one.f1:.2f} ({where}, n={one.n})" for where, one in figures.items() if one]
        return f"F1 {', '.join(told)}" if told else "not measured"
