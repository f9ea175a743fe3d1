"""What `python -m distill evaluate --bundle` measured on a file, for manifest and model card.

The one module of the exporters that reads the schema and the tables of evaluations.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from distill.evaluation.metrics.intervals import WILSON
from distill.evaluation.reports import tables
from distill.evaluation.reports.schema import Evaluation as Evaluation
from exporters.bundle.metadata import decode_file
from exporters.bundle.model_card import FAIRNESS, LIMITS
from exporters.errors import PackError
from mf2_edge.bundle.schema import AccuracySpec, ArtifactSpec

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

_MEASURED: Final = "## The file, measured"
_CODES_IN_TRAINING: Final = (
    "beside what the recipe reaches out of fold on human codes. This file saw all of the coded "
    "faces in training, so it has no figure of its own there"
)
_CODES_UNSEEN: Final = "and by human codes, which were not trained on"


def load_evaluation(path: Path) -> Evaluation:
    """Read an evaluation of an exported file; raises PackError naming the file and the key."""
    return decode_file(path, Evaluation, "what `distill evaluate --bundle` writes")


def check_evaluation(evaluation: Evaluation, manifest: Manifest) -> None:
    """Raise PackError if the evaluation is of another bundle, version or file."""
    found = f"{evaluation.bundle} {evaluation.version}"
    expected = f"{manifest.name} {manifest.version}"
    held = {artifact.file: artifact.sha256 for artifact in manifest.artifacts}
    if found != expected or evaluation.sha256 not in held.values():
        raise PackError(
            f"the evaluation is of {found}, a file with sha256 {evaluation.sha256}; the bundle is "
            f"{expected} and has no such file, but {', '.join(held)}: measure what was exported, "
            "with `python -m distill evaluate --bundle`"
        )


def accuracy_of_file(evaluation: Evaluation, artifact: ArtifactSpec) -> list[AccuracySpec]:
    """Emotion accuracy of every part of data that the file was run on."""
    return [
        AccuracySpec(
            dataset=part.dataset,
            split=part.split,
            protocol=part.labels_are,
            metric="accuracy",
            precision=artifact.precision,
            value=part.accuracy.value,
            low=part.accuracy.low,
            high=part.accuracy.high,
            interval=WILSON,
            n=part.n,
            seed=evaluation.seed,
            date=evaluation.date,
            machine=evaluation.machine,
        )
        for part in evaluation.emotions
    ]


def with_evaluation(card: str, evaluation: Evaluation) -> str:
    """The card with the sections of an evaluation, in place of those of an earlier one."""
    before, after = card.split(f"\n\n{LIMITS}\n", 1)
    start = min(place for name in (_MEASURED, FAIRNESS) if (place := before.find(name)) >= 0)
    return before[:start] + "\n\n".join([*_sections(evaluation), f"{LIMITS}\n{after}"])


def _sections(evaluation: Evaluation) -> list[str]:
    parts = evaluation.emotions
    coded = _CODES_UNSEEN if evaluation.unseen_codes else _CODES_IN_TRAINING
    used = "\n".join(f"- {p.dataset}, {p.split}: used for {p.used_for}." for p in parts)
    return [
        f"""{_MEASURED}

{tables.conditions_line(evaluation)} Brackets hold 95 % intervals.

Emotions; "error" is the expected calibration error before and after the temperature:

{tables.emotions_table(evaluation)}

What else these faces were used for, which flatters:

{used}

Action Units of this file, judged by MediaPipe's blendshapes (machine labels), {coded}:

{tables.unit_means_table(evaluation)}""",
        f"## Worse conditions\n\n{tables.slices_table(evaluation)}",
        f"""{FAIRNESS}

What the data allow: properties of the picture, which come from light and camera as well as from \
the person, and are no stand-in for skin.

{tables.properties_table(evaluation)}

What they do not:

{tables.missing_list(evaluation)}""",
        *(
            f"## Beside a human rater\n\n{part.dataset}, {part.split}: {part.what}.\n\n"
            + tables.raters_table(evaluation)
            for part in evaluation.raters[:1]
        ),
    ]
