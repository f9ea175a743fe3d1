"""What an evaluation of an exported file found: the schema of its results file.

Every figure stands with its 95 % interval and with what it rests on. Figures of this very file,
figures of the recipe that made it, and figures on faces it was trained on have keys of their own,
so that neither is taken for the other.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.atomic import write_json


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: immutable, closed to unknown keys."""


class Estimate(_Part, frozen=True, kw_only=True):
    """A figure and its 95 % interval; None where there was nothing to compute one from."""

    value: float
    low: float | None
    high: float | None


class Bin(_Part, frozen=True, kw_only=True):
    """Faces of similar confidence: how sure the answers were, and how often they were right."""

    n: int
    confidence: float
    right: Estimate


class Reliability(_Part, frozen=True, kw_only=True):
    """Calibration of one score: expected calibration error over bins of equal mass."""

    error: Estimate
    bins: tuple[Bin, ...]


class LabelFigures(_Part, frozen=True, kw_only=True):
    """One emotion: `support` faces have it, `predicted` were said to; None if nothing was."""

    support: int
    predicted: int
    recall: Estimate
    precision: Estimate | None
    f1: Estimate


class EmotionReport(_Part, frozen=True, kw_only=True):
    """Emotions of one part of a data set, best of all emotions that the network knows."""

    dataset: str
    split: str
    labels_are: str
    """Which labels count, by what rule."""
    used_for: str
    """What else these faces were used for, which flatters."""
    n: int
    accuracy: Estimate
    mean_recall: Estimate
    mean_f1: Estimate
    labels: dict[str, LabelFigures]
    confusion: dict[str, dict[str, int]]
    """Faces by their label, then by the answer."""
    before: Reliability
    """Scores without the temperature."""
    after: Reliability
    """Scores as shipped."""


class UnitReliability(_Part, frozen=True, kw_only=True):
    """Calibration of one Action Unit before and after scaling."""

    unit: str
    before: Reliability
    after: Reliability


class RecipeReport(_Part, frozen=True, kw_only=True):
    """Figures of the recipe, from networks that each saw a part of the subjects; not of a file."""

    recipe: str
    calibration_matches: bool
    """Whether the file's own AU calibration is what these very folds give."""
    accuracy: tuple[AccuracySpec, ...]
    reliability: tuple[UnitReliability, ...]


class SliceFigures(_Part, frozen=True, kw_only=True):
    """One condition, against the same faces as they are."""

    condition: str
    what: str
    """The condition in words, with units."""
    n: int
    accuracy: Estimate
    lost: Estimate
    """Accuracy of the faces as they are less that under the condition, face by face."""
    unaligned: float
    """Share of the faces in which no landmarks were found."""
    units_agree: Estimate
    """Share of all AU decisions that stay what they were."""
    units_kept: Estimate
    """Share of the AUs found present before that are still found."""


class SliceReport(_Part, frozen=True, kw_only=True):
    """Conditions on one part of a data set, each through the whole product."""

    dataset: str
    split: str
    n: int
    clean: Estimate
    """Accuracy on the source pictures as they are."""
    conditions: tuple[SliceFigures, ...]


class Group(_Part, frozen=True, kw_only=True):
    """Faces that have something in common, and the accuracy on them."""

    name: str
    n: int
    accuracy: Estimate


class PropertyReport(_Part, frozen=True, kw_only=True):
    """Accuracy by a property of the picture; a property of the light, not of the person."""

    dataset: str
    split: str
    what: str
    groups: tuple[Group, ...]
    gap: Estimate
    """Accuracy of the best group less that of the worst."""


class RaterGroup(_Part, frozen=True, kw_only=True):
    """Faces on which raters agree alike.

    `rater` and `model` are compared with the majority of the other raters, for each rater in turn.
    """

    agreement: str
    n: int
    accuracy: Estimate
    """Of the model, against the data set's own label."""
    model: Estimate
    rater: Estimate


class RaterReport(_Part, frozen=True, kw_only=True):
    """The model beside a single human rater."""

    dataset: str
    split: str
    what: str
    groups: tuple[RaterGroup, ...]


class Evaluation(_Part, frozen=True, kw_only=True):
    """A whole file."""

    bundle: str
    version: str
    manifest_sha256: str
    artifact: str
    sha256: str
    """Of the artifact."""
    runtime: str
    seed: int
    draws: int
    """Of each bootstrap."""
    date: str
    machine: str
    emotions: tuple[EmotionReport, ...]
    machine_labels: tuple[AccuracySpec, ...] = ()
    """Action Units against MediaPipe's blendshapes, which are a network's guess as well; in older
    evaluations."""
    world: tuple[AccuracySpec, ...] = ()
    """Action Units on held-out coded photographs of the world."""
    recipe: RecipeReport | None
    seen_in_training: tuple[AccuracySpec, ...]
    """On faces that the network learned from: no measure of what it can."""
    unseen_codes: tuple[AccuracySpec, ...] = ()
    """On human-coded faces that taught it nothing, of a recipe whose codes only evaluate."""
    slices: tuple[SliceReport, ...] = ()
    properties: tuple[PropertyReport, ...] = ()
    raters: tuple[RaterReport, ...] = ()
    left_out: tuple[str, ...] = ()
    """What could not be measured here, and why."""
    cannot_be_measured: tuple[str, ...] = ()
    """What no data set at hand can tell, and what would."""

    @property
    def unseen_people(self) -> tuple[AccuracySpec, ...]:
        """Action Units of people that training did not see, by human codes."""
        return self.recipe.accuracy if self.recipe else self.unseen_codes


def save_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the file, whole or not at all."""
    write_json(path, evaluation)


def load_evaluation(path: Path) -> Evaluation:
    """Read the file; raises ValueError naming the file and the key."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except msgspec.DecodeError as error:
        raise ValueError(
            f"{path}: {error}; expected what `distill evaluate --bundle` writes"
        ) from error
