"""That an evaluation is of the very file that a bundle holds, before its figures go to the card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from exporters.errors import PackError

if TYPE_CHECKING:
    from distill.judging.report import Evaluation
    from exporters.about import About
    from mf2_edge.schema import ArtifactSpec


def check_version(evaluation: Evaluation, about: About) -> None:
    """Raise PackError if the evaluation is of another bundle or version."""
    found = f"{evaluation.bundle} {evaluation.version}"
    expected = f"{about.name} {about.version}"
    if found != expected:
        raise PackError(
            f"the evaluation is of {found}, the bundle is {expected}; expected the same: measure "
            "an export of this version with `python -m distill evaluate --bundle`"
        )


def check_file(evaluation: Evaluation, artifacts: Iterable[ArtifactSpec]) -> None:
    """Raise PackError if no artifact has the bytes that were evaluated."""
    made = {artifact.file: artifact.sha256 for artifact in artifacts}
    if evaluation.sha256 not in made.values():
        raise PackError(
            f"the evaluation is of a file with sha256 {evaluation.sha256}, which is none of "
            f"{', '.join(made)} as exported now; measure what was exported: make the bundle "
            "without --evaluation, run `distill evaluate --bundle` on it, and export again"
        )
