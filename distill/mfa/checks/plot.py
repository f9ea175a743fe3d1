"""The picture of `stats`: texts on the left, Action Units and their agreement on the right."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Final

from distill.mfa.checks.counts import LEVELS, UNKNOWN, Stats, units_of
from distill.mfa.checks.problems import KINDS
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import HashableList

# Okabe and Ito's palette, which colour-blind readers tell apart.
COLOURS: Final = {"au": "#0072B2", "region": "#CC79A7", "emotion": "#D55E00", "face": "#009E73"}
PRESENT, ABSENT, NOT_KNOWN = "#0072B2", "#E69F00", "#D9D9D9"
LAYOUT: Final[list[HashableList[str]]] = [
    ["lengths", "units", "agreement"],
    ["vocabulary", "units", "agreement"],
    ["emotions", "units", "agreement"],
    ["problems", "units", "agreement"],
]


def plot(stats: Stats, path: Path) -> None:
    """Draw the picture as PNG. Raises MissingExtraError without matplotlib."""
    require("matplotlib.figure", extra="mfa")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 11), layout="constrained", dpi=110)
    axes = figure.subplot_mosaic(LAYOUT, width_ratios=(1.15, 1, 0.9))
    _lengths(axes["lengths"], stats)
    _vocabulary(axes["vocabulary"], stats)
    _emotions(axes["emotions"], stats)
    _problems(axes["problems"], stats)
    _units(axes["units"], stats)
    _agreement(axes["agreement"], stats)
    for one in axes.values():
        one.spines[["top", "right"]].set_visible(False)
        one.title.set_fontweight("bold")
    writers = ", ".join(f"{writer} ({count:,})" for writer, count in stats.writers.most_common())
    figure.suptitle(f"MFA: {stats.records:,} records by {writers}", fontsize=14)
    with replacing(path) as partial:
        figure.savefig(partial)


def _lengths(axes: Axes, stats: Stats) -> None:
    longest = max((max(one.lengths, default=0) for one in stats.levels.values()), default=0)
    bins = list(range(0, longest + 2, max(1, longest // 60)))
    for level in LEVELS:
        lengths = stats.levels[level].lengths
        if lengths:
            label = f"{level} level, median {statistics.median(lengths):.0f}"
            # Each level has its own number of texts: shares, so that all can be seen.
            weights = [1 / len(lengths)] * len(lengths)
            axes.hist(lengths, bins, weights=weights, alpha=0.6, color=COLOURS[level], label=label)
    axes.set(title="Length of the texts", xlabel="words", ylabel="share of the texts")
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter("{x:.0%}")
    _legend(axes)


def _vocabulary(axes: Axes, stats: Stats) -> None:
    for level in LEVELS:
        growth = stats.levels[level].growth
        if growth:
            label = f"{level} level, {growth[-1]:,} words"
            axes.plot(range(1, len(growth) + 1), growth, color=COLOURS[level], label=label, lw=2)
    axes.set(title="Growth of the vocabulary", xlabel="texts read", ylabel="distinct words")
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    _legend(axes)


def _emotions(axes: Axes, stats: Stats) -> None:
    counted = stats.emotions.most_common()[::-1]
    names = [name for name, _ in counted]
    colours = [NOT_KNOWN if name == UNKNOWN else PRESENT for name in names]
    bars = axes.barh(names, [count for _, count in counted], color=colours)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(title="Emotion label", xlabel="records")
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter("{x:,.0f}")


def _problems(axes: Axes, stats: Stats) -> None:
    kinds = list(KINDS[::-1])
    shares = [stats.problems[kind] / max(1, stats.records) for kind in kinds]
    bars = axes.barh(list(kinds), shares, color=ABSENT)
    axes.bar_label(bars, labels=[f"{stats.problems[kind]:,}" for kind in kinds], padding=3)
    axes.set(
        title=f"Problems ({stats.clean / max(1, stats.records):.1%} of the records have none)",
        xlabel="share of the records",
        xlim=(0, max(0.01, 1.15 * max(shares))),
    )
    axes.xaxis.set_major_formatter("{x:.1%}")


def _units(axes: Axes, stats: Stats) -> None:
    units = units_of(stats)
    present = [stats.present[unit] for unit in units]
    absent = [stats.absent[unit] for unit in units]
    known = [some + none for some, none in zip(present, absent, strict=True)]
    axes.barh(units, present, color=PRESENT, label="present")
    axes.barh(units, absent, left=present, color=ABSENT, label="absent")
    unknown = [stats.described - count for count in known]
    axes.barh(units, unknown, left=known, color=NOT_KNOWN, label="unknown")
    axes.set(title="Action Unit labels", xlabel="records", ylim=(max(1, len(units)) - 0.5, -0.5))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=3, frameon=False)


def _agreement(axes: Axes, stats: Stats) -> None:
    units = units_of(stats)
    for counted, labelled, colour, marker, label in (
        (stats.mentioned, stats.present, PRESENT, "o", "present, and in the face text"),
        (stats.invented, stats.absent, ABSENT, "X", "absent, but in some text"),
    ):
        known = [(row, unit) for row, unit in enumerate(units) if labelled[unit]]
        shares = [counted[unit] / labelled[unit] for _, unit in known]
        rows = [row for row, _ in known]
        axes.scatter(shares, rows, s=60, color=colour, marker=marker, label=label, zorder=3)
    axes.set(title="Agreement with the labels", xlabel="share of the labelled records")
    axes.set_yticks(range(len(units)), units)
    axes.set(xlim=(-0.03, 1.03), ylim=(max(1, len(units)) - 0.5, -0.5))
    axes.grid(axis="y", color="#EEEEEE")
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=1, frameon=False)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
