"""An evaluation as Markdown tables: for the docs, and for the model card of a bundle."""

from __future__ import annotations

from distill.evaluation.reports.markdown import table, with_interval
from distill.evaluation.reports.schema import EmotionReport, Estimate, Evaluation
from mf2_edge.bundle.schema import LabelAccuracy


def emotions_table(evaluation: Evaluation) -> str:
    """A row a part of a data set."""
    head = ("faces", "n", "accuracy", "mean recall", "mean F1", "error before", "error after")
    return table(
        head,
        (
            (
                _where(part),
                f"{part.n:,}",
                _text(part.accuracy),
                _text(part.mean_recall),
                _text(part.mean_f1),
                _text(part.before.error),
                _text(part.after.error),
            )
            for part in evaluation.emotions
        ),
    )


def labels_table(evaluation: Evaluation) -> str:
    """A row an emotion, for each part."""
    head = ("faces", "emotion", "n", "recall", "precision", "F1")
    return table(
        head,
        (
            (
                _where(part),
                name,
                f"{label.support:,}",
                _text(label.recall),
                "never said" if label.precision is None else _text(label.precision),
                _text(label.f1),
            )
            for part in evaluation.emotions
            for name, label in part.labels.items()
        ),
    )


def confusion_tables(evaluation: Evaluation) -> str:
    """A table a part: a row a label, a column an answer."""
    tables = []
    for part in evaluation.emotions:
        answers = list(next(iter(part.confusion.values())))
        rows = (
            (label, *(f"{count:,}" for count in counts.values()))
            for label, counts in part.confusion.items()
        )
        tables.append(f"{_where(part)}:\n\n{table(('label', *answers), rows)}")
    return "\n\n".join(tables)


def units_table(evaluation: Evaluation) -> str:
    """A row an Action Unit: figures on human codes, then this file's against MediaPipe."""
    coded = evaluation.unseen_people[0].labels if evaluation.unseen_people else {}
    correlation, f1 = ({}, {})
    if evaluation.machine_labels:
        correlation, f1 = (spec.labels for spec in evaluation.machine_labels[:2])
    units = sorted({*coded, *correlation, *f1}, key=lambda unit: int(unit.removeprefix("AU")))
    of = "file, unseen people" if evaluation.unseen_codes else "recipe"
    head = ("unit", f"{of}: n", "F1", "AUC", "file: rank correlation", "n", "F1")
    return table(
        head,
        (
            (
                unit,
                _support(coded.get(unit)),
                _label(coded.get(unit)),
                _auc(coded.get(unit)),
                _label(correlation.get(unit)),
                _support(f1.get(unit)),
                _label(f1.get(unit)),
            )
            for unit in units
        ),
    )


def unit_means_table(evaluation: Evaluation) -> str:
    """What the units' figures come to, each saying what it is a figure of."""
    recipe = evaluation.recipe.accuracy if evaluation.recipe else ()
    groups = (
        ("recipe", recipe),
        ("this file, human codes", evaluation.unseen_codes),
        ("this file, coded photographs of the world", evaluation.world),
        ("this file, machine labels", evaluation.machine_labels),
    )
    rows = [
        (
            of,
            f"{spec.dataset}, {spec.split}",
            spec.metric,
            with_interval(spec.value, spec.low, spec.high),
            f"{spec.n:,}",
        )
        for of, specs in groups
        for spec in specs
    ]
    means = table(("figure of", "faces", "metric", "value", "n"), rows)
    if evaluation.recipe is None:
        return means
    were = "were" if evaluation.recipe.calibration_matches else "were **not**"
    return f"{means}\n\nThe file's Action Units {were} calibrated on the logits of these folds."


def slices_table(evaluation: Evaluation) -> str:
    """A row a condition, for each data set."""
    if not evaluation.slices:
        return "Not measured."
    head = ("faces", "condition", "n", "accuracy", "points lost", "no landmarks")
    rows: list[tuple[str, ...]] = []
    for part in evaluation.slices:
        where = f"{part.dataset} {_short(part.split)}"
        clean = (where, "as they are", f"{part.n:,}", _text(part.clean), "", "", "", "")
        rows.append(clean)
        rows += [
            (
                where,
                one.what,
                f"{one.n:,}",
                _text(one.accuracy),
                _points(one.lost),
                f"{one.unaligned:.1%}",
                _text(one.units_agree),
                _text(one.units_kept),
            )
            for one in part.conditions
        ]
    return table((*head, "AU decisions that agree", "present AUs kept"), rows)


def properties_table(evaluation: Evaluation) -> str:
    """A row a group of faces, and the gap between the best and the worst group."""
    rows: list[tuple[str, ...]] = []
    for part in evaluation.properties:
        where = f"{part.dataset} {_short(part.split)}"
        rows += [
            (where, part.what, group.name, f"{group.n:,}", _text(group.accuracy))
            for group in part.groups
        ]
        rows.append((where, part.what, "gap, in points", "", _points(part.gap)))
    return table(("faces", "by", "group", "n", "accuracy"), rows)


def raters_table(evaluation: Evaluation) -> str:
    """A row a group of faces by how many raters agree."""
    head = ("raters who chose the label", "n", "model", "model, other raters", "one rater")
    return table(
        head,
        (
            (
                group.agreement,
                f"{group.n:,}",
                _text(group.accuracy),
                _text(group.model),
                _text(group.rater),
            )
            for part in evaluation.raters
            for group in part.groups
        ),
    )


def conditions_line(evaluation: Evaluation) -> str:
    """Which file was measured, on what, when."""
    return (
        f"measured-host: {evaluation.bundle} {evaluation.version}, {evaluation.artifact} (sha256 "
        f"{evaluation.sha256[:12]}), {evaluation.runtime}; seed {evaluation.seed}, "
        f"{evaluation.draws:,} draws a bootstrap; {evaluation.date}, {evaluation.machine}."
    )


def missing_list(evaluation: Evaluation) -> str:
    """What cannot be measured, and what was left out."""
    return "\n".join(f"- {line}" for line in (*evaluation.cannot_be_measured, *evaluation.left_out))


def _where(part: EmotionReport) -> str:
    return f"{part.dataset} {_short(part.split)}"


def _short(split: str) -> str:
    return split.partition(",")[0]


def _text(figure: Estimate) -> str:
    return with_interval(figure.value, figure.low, figure.high)


def _points(figure: Estimate) -> str:
    """In percentage points."""
    value = f"{100 * figure.value:.1f}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def _label(label: LabelAccuracy | None) -> str:
    return "" if label is None else with_interval(label.value, label.low, label.high)


def _support(label: LabelAccuracy | None) -> str:
    return "" if label is None else f"{label.support:,}"


def _auc(label: LabelAccuracy | None) -> str:
    return "" if label is None or label.auc is None else f"{label.auc:.3f}"
