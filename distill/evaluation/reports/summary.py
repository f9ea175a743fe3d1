"""An evaluation in lines of text, each saying what it is a figure of."""

from __future__ import annotations

from collections.abc import Iterator

from distill.evaluation.reports.schema import Estimate, Evaluation
from mf2_edge.bundle.schema import AccuracySpec


def summary(evaluation: Evaluation) -> str:
    """All groups of figures; those on training faces say so in front."""
    return "\n".join(_lines(evaluation)) + "\n"


def _lines(evaluation: Evaluation) -> Iterator[str]:
    yield (
        f"{evaluation.bundle} {evaluation.version}, {evaluation.artifact} ({evaluation.runtime}), "
        f"sha256 {evaluation.sha256[:12]}; [95 % intervals]"
    )
    yield "this file, emotions, best of all:"
    for part in evaluation.emotions:
        yield (
            f"  {part.dataset}, {part.split}: accuracy {text(part.accuracy)}, mean recall "
            f"{text(part.mean_recall)}, calibration error {text(part.before.error)} -> "
            f"{text(part.after.error)} (n = {part.n:,}; used for {part.used_for})"
        )
    yield "this file, Action Units on held-out coded photographs of the world:"
    yield from map(_accuracy, evaluation.world)
    if evaluation.recipe is not None:
        same = "calibrated" if evaluation.recipe.calibration_matches else "NOT calibrated"
        yield f"the recipe {evaluation.recipe.recipe}, out of fold; this file was {same} on them:"
        yield from map(_accuracy, evaluation.recipe.accuracy)
    for title, figures in (
        ("seen in training, no measure of what the file can:", evaluation.seen_in_training),
        ("this file, human codes that taught it nothing:", evaluation.unseen_codes),
    ):
        if figures:
            yield title
            yield from map(_accuracy, figures)
    for sliced in evaluation.slices:
        yield f"{sliced.dataset}, {sliced.split}, as it is: {text(sliced.clean)} (n = {sliced.n:,})"
        for condition in sliced.conditions:
            yield (
                f"  {condition.condition}: {text(condition.accuracy)}, lost "
                f"{text(condition.lost)}, units agree {text(condition.units_agree)}"
            )
    for grouped in evaluation.properties:
        parts = "; ".join(f"{g.name}: {text(g.accuracy)}" for g in grouped.groups)
        yield f"{grouped.dataset} by {grouped.what}: {parts}"
    for raters in evaluation.raters:
        for group in raters.groups:
            yield (
                f"{raters.dataset}, raters agree: {group.agreement}: accuracy "
                f"{text(group.accuracy)}, against the other raters {text(group.model)}, one rater "
                f"{text(group.rater)} (n = {group.n:,})"
            )
    yield from (f"left out: {line}" for line in evaluation.left_out)


def text(figure: Estimate) -> str:
    """A figure and its interval, such as 0.874 [0.854, 0.892]."""
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _accuracy(spec: AccuracySpec) -> str:
    figure = Estimate(value=spec.value, low=spec.low, high=spec.high)
    return f"  {spec.dataset}, {spec.split}: {spec.metric} {text(figure)} (n = {spec.n:,})"
