"""The picture of calibration: how sure answers are against how often they are right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from distill.evaluation.reports.schema import Evaluation, Reliability
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which colour-blind readers tell apart.
BEFORE: Final = "#D55E00"
AFTER: Final = "#0072B2"

COLUMNS: Final = 2
UNITS: Final = 4
"""Action Units that are drawn: those with the most faces that have them."""


@dataclass(frozen=True)
class Panel:
    """One diagram: its title, what its score is a score of, and both curves."""

    title: str
    of: str
    before: Reliability
    after: Reliability


def plot(evaluation: Evaluation, path: Path) -> None:
    """Draw emotions of this file, then Action Units of the recipe, as PNG.

    Raises MissingExtraError without matplotlib.
    """
    require("matplotlib.figure", extra="train")
    from matplotlib.figure import Figure

    panels = _panels(evaluation)
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(7, 0.7 + 3.3 * rows), layout="constrained", dpi=150)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for one, panel in zip(axes, panels, strict=False):
        _draw(one, panel)
    for spare in axes[len(panels) :]:
        spare.set_axis_off()
    figure.suptitle(f"{evaluation.bundle} {evaluation.version}: calibration", fontsize=14)
    with replacing(path) as partial:
        figure.savefig(partial, facecolor="white")


def _panels(evaluation: Evaluation) -> list[Panel]:
    panels = [
        Panel(
            f"{part.dataset}, {part.split.partition(',')[0]}:\nemotion",
            "right",
            part.before,
            part.after,
        )
        for part in evaluation.emotions
        if part.split.startswith("test") or part.dataset not in _tested(evaluation)
    ]
    if evaluation.recipe is None:
        return panels
    support = evaluation.recipe.accuracy[0].labels
    units = sorted(
        evaluation.recipe.reliability, key=lambda one: support[one.unit].support, reverse=True
    )
    dataset = evaluation.recipe.accuracy[0].dataset
    for unit in units[:UNITS]:
        title = f"{dataset}, recipe, out of fold:\n{unit.unit}, present in "
        title += f"{support[unit.unit].support} of {evaluation.recipe.accuracy[0].n}"
        panels.append(Panel(title, "present", unit.before, unit.after))
    return panels


def _tested(evaluation: Evaluation) -> set[str]:
    """Data sets with a test part, whose validation part is not drawn."""
    return {part.dataset for part in evaluation.emotions if part.split.startswith("test")}


def _draw(axes: Axes, panel: Panel) -> None:
    axes.plot((0, 1), (0, 1), color="#999999", lw=1, ls="--")
    for reliability, colour, marker, name in (
        (panel.before, BEFORE, "s", "before"),
        (panel.after, AFTER, "o", "after"),
    ):
        x = [one.confidence for one in reliability.bins]
        y = [one.right.value for one in reliability.bins]
        reach = [
            [one.right.value - (one.right.low or 0.0) for one in reliability.bins],
            [(one.right.high or 1.0) - one.right.value for one in reliability.bins],
        ]
        label = f"{name}, error {reliability.error.value:.3f}"
        axes.errorbar(
            x, y, yerr=reach, color=colour, marker=marker, ms=5, lw=1.5, elinewidth=1, label=label
        )
    axes.set_title(panel.title, fontsize=11)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.set_xlabel("score", fontsize=11)
    axes.set_ylabel(f"share {panel.of}", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=10, loc="lower right")
