"""The schema of `manifest.json`: one struct a part, one line of text a key.

`manifest.py` reads and checks manifests; this file only says what is in them. Facts about models
stand in the manifest and nowhere else, so every number that another file would be tempted to
write down has a key here. Parts that phones read too are those of `model_schema.py`, here with what
is told beside.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mf2_edge.bundle import model_schema
from mf2_edge.bundle.model_schema import ArtifactFormat as ArtifactFormat
from mf2_edge.bundle.model_schema import Count as Count
from mf2_edge.bundle.model_schema import DecodingSpec as DecodingSpec
from mf2_edge.bundle.model_schema import Delegate as Delegate
from mf2_edge.bundle.model_schema import EmbeddingSpec as EmbeddingSpec
from mf2_edge.bundle.model_schema import FilePath as FilePath
from mf2_edge.bundle.model_schema import HeadName as HeadName
from mf2_edge.bundle.model_schema import IoDtype as IoDtype
from mf2_edge.bundle.model_schema import Layout as Layout
from mf2_edge.bundle.model_schema import ModelInput as ModelInput
from mf2_edge.bundle.model_schema import Name as Name
from mf2_edge.bundle.model_schema import OneEuroSpec as OneEuroSpec
from mf2_edge.bundle.model_schema import Positive as Positive
from mf2_edge.bundle.model_schema import PositiveNumber as PositiveNumber
from mf2_edge.bundle.model_schema import Precision as Precision
from mf2_edge.bundle.model_schema import PreprocessingSpec as PreprocessingSpec
from mf2_edge.bundle.model_schema import Probability as Probability
from mf2_edge.bundle.model_schema import ReliabilityFigure as ReliabilityFigure
from mf2_edge.bundle.model_schema import ReliabilitySpec as ReliabilitySpec
from mf2_edge.bundle.model_schema import Sha256 as Sha256
from mf2_edge.bundle.model_schema import SmoothingSpec as SmoothingSpec
from mf2_edge.bundle.model_schema import Spec as Spec
from mf2_edge.bundle.model_schema import Text as Text
from mf2_edge.reliability import LabelReliability

Activation = Literal["softmax", "sigmoid"]


class DataTerms(Spec, frozen=True, kw_only=True):
    """Terms of one data set that the weights were trained on."""

    name: Text
    """Name of the data set, as its authors write it."""
    terms: Text
    """Its licence or terms of use, in a line."""


class LicenseSpec(Spec, frozen=True, kw_only=True):
    """Licence of the weights; the licence of the code is another matter."""

    name: Text
    """SPDX identifier, or a `LicenseRef-...` of our own."""
    summary: Text
    """What one may do with the weights, in a sentence."""
    data: tuple[DataTerms, ...]
    """The data that the weights were trained on, whose terms limit their use."""


class InputSpec(model_schema.InputSpec, frozen=True, kw_only=True):
    """The image that the model takes."""

    color: Literal["rgb"]
    """Order of the channels."""


class AlignmentSpec(model_schema.AlignmentSpec, frozen=True, kw_only=True):
    """The template that a face is brought to by a similarity transform (see `align.py`)."""

    interpolation: Literal["bilinear"]
    """Resampling, as `align.py` specifies it."""
    border: Literal["replicate"]
    """What lies outside the frame: its nearest edge pixel."""


class HeadSpec(model_schema.HeadSpec, frozen=True, kw_only=True):
    """One output of the network: logits, one a label."""

    activation: Activation
    """Turns calibrated logits into scores: softmax over labels, or sigmoid label by label."""


class EmotionCalibration(model_schema.EmotionCalibration, frozen=True, kw_only=True):
    """`scores = softmax(logits / temperature)` (Guo et al. 2017, arXiv:1706.04599)."""

    fitted_on: Text
    """Data set and split that it was fitted on; never test data."""


class ActionUnitCalibration(model_schema.ActionUnitCalibration, frozen=True, kw_only=True):
    """`score = sigmoid(scale * logit + bias)` (Platt 1999), placed so that 0.5 decides."""

    fitted_on: Text
    """Data set and split that these were fitted on; never test data."""


class VisibilityCalibration(model_schema.VisibilityCalibration, frozen=True, kw_only=True):
    """`score = sigmoid(logit + bias)`; a region can be judged where it is 0.5 or more."""

    fitted_on: Text
    """Data set and split that it was fitted on; never test data."""


class CalibrationSpec(Spec, frozen=True, kw_only=True):
    """From logits to scores that mean what they say."""

    emotion: EmotionCalibration
    """For the head `emotion`."""
    action_units: dict[str, ActionUnitCalibration]
    """For each label of the head `action_units`."""
    strength: dict[str, ActionUnitCalibration] = msgspec.field(default_factory=dict)
    """For each label of the head `strength`, to P(the unit is marked)."""
    visibility: dict[str, VisibilityCalibration] = msgspec.field(default_factory=dict)
    """For each label of the head `visibility`."""


class ParitySpec(Spec, frozen=True, kw_only=True):
    """How far an artifact's outputs are from the model it was exported from."""

    images: Positive
    """Number of aligned faces compared."""
    max_abs_difference: Annotated[float, Meta(ge=0)]
    """Largest difference of any score, 0..1."""
    mean_abs_difference: Annotated[float, Meta(ge=0)]
    """Mean difference of the scores, 0..1."""
    emotion_agreement: Probability
    """Part of the faces with the same emotion label."""
    au_agreement: Probability
    """Part of the AU decisions that are the same."""
    psnr_db: float | None = None
    """Peak signal-to-noise ratio of all scores, dB, their peak 1; null where none differs."""
    reference: Text
    """What the artifact was compared with."""
    engine: Text | None = None
    """What ran the artifact for the comparison; null where not recorded."""
    data: Text
    """Which faces."""


class ArtifactSpec(model_schema.ArtifactSpec, frozen=True, kw_only=True):
    """One exported model file, with what was measured of it."""

    parity: ParitySpec | None = None
    """Measured by the exporter; null where not measured."""
    accuracy: tuple[AccuracySpec, ...] = ()
    """Measured on this very file; what else is known of its numbers stands in the manifest's own
    `accuracy`."""


class FileSpec(Spec, frozen=True, kw_only=True):
    """A file of the bundle that is not a model, such as goldens."""

    file: FilePath
    """Path inside the bundle, with forward slashes."""
    bytes: Positive
    """Size of the file."""
    sha256: Sha256
    """Of the file's bytes, lower-case hexadecimal."""


class ProvenanceSpec(Spec, frozen=True, kw_only=True):
    """Where the weights come from."""

    backbone: Text
    """Network and the weights it started from."""
    training_config: Text
    """Configuration of `python -m distill train`."""
    commit: Text
    """Commit of the code that trained it."""
    checkpoint_sha256: Sha256 | None = None
    """Of the checkpoint that was exported: heads of other tasks name it."""
    data: dict[str, str]
    """sha256 of each data file, by name."""
    tools: dict[str, str]
    """Version of each tool that made the bundle, by name."""
    created: Text
    """Date, ISO 8601."""


class SizeSpec(Spec, frozen=True, kw_only=True):
    """How much a network computes."""

    parameters: Positive
    """Their number, as exported: batch norm folded or not, no buffers."""
    multiply_adds: Positive
    """Of convolutions and linear layers, for one face."""


class LabelAccuracy(Spec, frozen=True, kw_only=True):
    """A figure for one label."""

    value: float
    """In the metric of the `AccuracySpec`."""
    support: Count
    """Positive examples of the label."""
    auc: Probability | None = None
    """Area under the ROC curve, where measured."""
    low: float | None = None
    """Lower bound of `value`, in the interval of the `AccuracySpec`; null where not computed."""
    high: float | None = None
    """Upper bound of `value`."""


class AccuracySpec(Spec, frozen=True, kw_only=True):
    """One measurement, with its conditions."""

    dataset: Text
    """Data set measured on."""
    split: Text
    """Which part of it."""
    protocol: Text
    """How: folds, where thresholds come from, what was left out."""
    metric: Text
    """What `value` is, e.g. `accuracy` or `mean_f1`."""
    precision: Precision = "fp32"
    """What the network computed in."""
    value: float
    """The figure."""
    low: float | None = None
    """Lower bound of its confidence interval; null where not computed."""
    high: float | None = None
    """Upper bound of its confidence interval."""
    interval: Text | None = None
    """Which interval, and how it was computed."""
    n: Positive
    """Number of images."""
    seed: int | None
    """Seed of the split; null where the split is fixed."""
    labels: dict[str, LabelAccuracy] = msgspec.field(default_factory=dict)
    """The same, label by label."""
    date: Text
    """Day of the measurement, ISO 8601."""
    machine: Text
    """What it ran on."""


class TeacherSpec(Spec, frozen=True, kw_only=True):
    """The teacher network that this one was distilled from, with its own accuracy."""

    name: Text
    """Which network, and how it was read."""
    accuracy: tuple[AccuracySpec, ...]
    """Measured in the same way as the bundle's own."""


class CardSpec(Spec, frozen=True, kw_only=True):
    """What a model is for and what it is not; the model card says the same at length."""

    intended_use: Text
    """What it was made for."""
    misuse: tuple[Text, ...]
    """What it must not be used for, among it what the law forbids."""
    limits: tuple[Text, ...]
    """What it is not good at, and what was not measured."""


class Manifest(Spec, frozen=True, kw_only=True):
    """All facts about one model, as `manifest.json` in its bundle holds them."""

    schema_version: Annotated[str, Meta(pattern=r"^\d+\.\d+$")]
    """`MAJOR.MINOR` of this schema."""
    name: Name
    """Name of the bundle; the name of its folder."""
    version: Name
    """Version of the weights."""
    description: Text
    """What it is, in a sentence."""
    license: LicenseSpec
    input: InputSpec
    alignment: AlignmentSpec
    preprocessing: PreprocessingSpec
    heads: tuple[HeadSpec, ...]
    embeddings: tuple[EmbeddingSpec, ...] = ()
    """Outputs beside the heads, in any order of `output`."""
    calibration: CalibrationSpec
    decoding: DecodingSpec
    smoothing: SmoothingSpec = SmoothingSpec()
    """For streams."""
    artifacts: tuple[ArtifactSpec, ...]
    goldens: tuple[FileSpec, ...] = ()
    """Recorded results of each stage, which every implementation must reproduce."""
    provenance: ProvenanceSpec
    size: SizeSpec | None = None
    """How much it computes."""
    accuracy: tuple[AccuracySpec, ...] = ()
    """As measured, never as hoped."""
    reliability: ReliabilitySpec | None = None
    """Label by label; null where not measured."""
    experimental: tuple[Text, ...] = ()
    """Action Units that could not be shown reliable: reported only on request."""
    teacher: TeacherSpec | None = None
    """Null where not measured."""
    card: CardSpec | None = None
    """Use, misuse and limits; null where not written."""

    def head(self, name: HeadName) -> HeadSpec:
        """The head of that name; `parse_manifest` makes sure of those that must be there."""
        return next(head for head in self.heads if head.name == name)

    def find_head(self, name: HeadName) -> HeadSpec | None:
        """The head of that name, or None where the network has none."""
        return next((head for head in self.heads if head.name == name), None)

    def units(self, *, include_experimental: bool) -> tuple[str, ...]:
        """Labels of the head `action_units`, without the experimental ones unless asked for."""
        hidden = () if include_experimental else self.experimental
        return tuple(unit for unit in self.head("action_units").labels if unit not in hidden)

    def reliability_of(self, label: str) -> LabelReliability | None:
        """What was measured of an Action Unit or an emotion, or None."""
        told = self.reliability or ReliabilitySpec()
        return told.action_units.get(label) or told.emotion.get(label)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of all outputs, heads and vectors, in the order in which the model returns them."""
        outputs: tuple[HeadSpec | EmbeddingSpec, ...] = (*self.heads, *self.embeddings)
        return tuple(each.name for each in sorted(outputs, key=lambda each: each.output))
