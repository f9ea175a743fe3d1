"""The schema of `manifest.json`: one struct a part, one line of text a key.

`manifest.py` reads and checks manifests; this file only says what is in them. Facts about models
stand in the manifest and nowhere else, so every number that another file would be tempted to
write down has a key here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mf2_edge.reliability import LabelReliability
from mf2_edge.reliability import ReliabilityFigure as ReliabilityFigure

HeadName = Literal["emotion", "action_units", "strength", "visibility"]
Activation = Literal["softmax", "sigmoid"]
ArtifactFormat = Literal["tflite", "executorch", "coreml", "onnx"]
Precision = Literal["fp32", "fp16", "int8"]
Layout = Literal["NCHW", "NHWC"]
ModelInput = Literal["tensor", "image"]
IoDtype = Literal["float32", "int8"]
Delegate = Literal["coreml", "vulkan"]

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
PositiveNumber = Annotated[float, Meta(gt=0)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
"""What is safe in file names, shells and the source code of any language."""
FilePath = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._+/-]*$")]
"""Names with forward slashes between them."""


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, and closed to unknown keys."""


class DataTerms(_Spec, frozen=True, kw_only=True):
    """Terms of one data set that the weights were trained on."""

    name: Text
    """Name of the data set, as its authors write it."""
    terms: Text
    """Its licence or terms of use, in a line."""


class LicenseSpec(_Spec, frozen=True, kw_only=True):
    """Licence of the weights; the licence of the code is another matter."""

    name: Text
    """SPDX identifier, or a `LicenseRef-...` of our own."""
    summary: Text
    """What one may do with the weights, in a sentence."""
    data: tuple[DataTerms, ...]
    """The data that the weights were trained on, whose terms limit their use."""


class InputSpec(_Spec, frozen=True, kw_only=True):
    """The image that the model takes."""

    width: Positive
    """Pixels."""
    height: Positive
    """Pixels."""
    channels: Literal[3]
    """Colour channels."""
    color: Literal["rgb"]
    """Order of the channels."""


class AlignmentSpec(_Spec, frozen=True, kw_only=True):
    """The template that a face is brought to by a similarity transform (see `align.py`)."""

    width: Positive
    """Pixels of the aligned crop; equals `input.width`."""
    height: Positive
    """Pixels of the aligned crop; equals `input.height`."""
    points: dict[str, tuple[float, float]]
    """Template position (x, y) in pixels of each landmark used, keyed by fields of `Landmarks`."""
    interpolation: Literal["bilinear"]
    """Resampling, as `align.py` specifies it."""
    border: Literal["replicate"]
    """What lies outside the frame: its nearest edge pixel."""


class PreprocessingSpec(_Spec, frozen=True, kw_only=True):
    """From pixels (0..255) to the numbers the network takes: `x = (pixel - mean) / std`."""

    mean: tuple[float, float, float]
    """A value a channel, in pixel units, in the order of `input.color`."""
    std: tuple[float, float, float]
    """A value a channel, in pixel units; never 0."""


class HeadSpec(_Spec, frozen=True, kw_only=True):
    """One output of the network: logits, one a label."""

    name: HeadName
    """Its task: the emotion; which units are present; of these, which are marked (FACS
    intensity C to E); which regions of the face can be judged. The last two are optional."""
    output: Count
    """Position among the outputs, in the order in which the exported model returns them."""
    activation: Activation
    """Turns calibrated logits into scores: softmax over labels, or sigmoid label by label."""
    labels: tuple[Text, ...]
    """Meaning of each logit, in order."""


class EmbeddingSpec(_Spec, frozen=True, kw_only=True):
    """One more output of the network: a feature vector that heads of other tasks read."""

    name: Text
    """Of the output, where the format can hold names."""
    output: Count
    """Position among the outputs."""
    width: Positive
    """Number of its values."""


class EmotionCalibration(_Spec, frozen=True, kw_only=True):
    """`scores = softmax(logits / temperature)` (Guo et al. 2017, arXiv:1706.04599)."""

    temperature: PositiveNumber
    """1 leaves the scores as they are; above 1 makes them less sure."""
    fitted_on: Text
    """Data set and split that it was fitted on; never test data."""


class ActionUnitCalibration(_Spec, frozen=True, kw_only=True):
    """`score = sigmoid(scale * logit + bias)` (Platt 1999), placed so that 0.5 decides."""

    scale: PositiveNumber
    """Slope; positive, so that order is kept."""
    bias: float
    """Offset of the scaled logit; a decision at another score than 0.5 is folded into it."""
    fitted_on: Text
    """Data set and split that these were fitted on; never test data."""


class VisibilityCalibration(_Spec, frozen=True, kw_only=True):
    """`score = sigmoid(logit + bias)`; a region can be judged where it is 0.5 or more."""

    bias: float
    """Offset of the logit."""
    fitted_on: Text
    """Data set and split that it was fitted on; never test data."""


class CalibrationSpec(_Spec, frozen=True, kw_only=True):
    """From logits to scores that mean what they say."""

    emotion: EmotionCalibration
    """For the head `emotion`."""
    action_units: dict[str, ActionUnitCalibration]
    """For each label of the head `action_units`."""
    strength: dict[str, ActionUnitCalibration] = {}
    """For each label of the head `strength`, to P(the unit is marked)."""
    visibility: dict[str, VisibilityCalibration] = {}
    """For each label of the head `visibility`."""


class DecodingSpec(_Spec, frozen=True, kw_only=True):
    """When an answer deserves less trust."""

    min_emotion_score: Probability
    """Below this the emotion's reason is `low_confidence`."""
    au_margin: Probability
    """An AU whose score is less than this away from 0.5 is `low_confidence`."""
    min_face_size: Annotated[float, Meta(ge=0)]
    """Shorter side of the face box in source pixels below which the status is `small`."""


class OneEuroSpec(_Spec, frozen=True, kw_only=True):
    """One filter of `one_euro.py`."""

    min_cutoff_hz: PositiveNumber
    """Cut-off where nothing moves: lower is smoother."""
    beta: Annotated[float, Meta(ge=0)]
    """Hertz of cut-off that each unit of change a second adds: higher lags less."""
    speed_cutoff_hz: PositiveNumber = 1.0
    """Of the filter that the speed is taken through."""


class SmoothingSpec(_Spec, frozen=True, kw_only=True):
    """How a stream smooths the results of single frames (see `smoother.py`)."""

    emotion: OneEuroSpec = OneEuroSpec(min_cutoff_hz=1.5, beta=0.5)
    """Of the emotions' scores together."""
    action_units: OneEuroSpec = OneEuroSpec(min_cutoff_hz=1.5, beta=0.5)
    """Of each unit's score and strength, and of each region's visibility."""
    landmarks: OneEuroSpec = OneEuroSpec(min_cutoff_hz=2.0, beta=12.0)
    """Of box and landmarks, in widths of the face."""
    emotion_margin: Probability = 0.05
    """How far another emotion's score must lead before it becomes the label."""
    au_hysteresis: Probability = 0.04
    """A unit becomes present this far above 0.5, and absent this far below."""


class ParitySpec(_Spec, frozen=True, kw_only=True):
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


class ArtifactSpec(_Spec, frozen=True, kw_only=True):
    """One exported model file."""

    file: FilePath
    """Path inside the bundle, with forward slashes."""
    format: ArtifactFormat
    """Which runtime reads it."""
    precision: Precision
    """Numeric type of the weights."""
    layout: Layout
    """Order of the input's axes."""
    input: ModelInput = "tensor"
    """`tensor`: numbers that the caller has preprocessed; `image`: the pixels of the aligned face
    as they are, preprocessing being part of the model."""
    io_dtype: IoDtype = "float32"
    """Type of the numbers that go in and come out; `int8` ones with the scale and zero point that
    the file itself states."""
    delegate: Delegate | None = None
    """Of ExecuTorch: the backend that the program was lowered for, where it is not XNNPACK, which
    runs on every CPU."""
    bytes: Positive
    """Size of the file."""
    sha256: Sha256
    """Of the file's bytes, lower-case hexadecimal. A format that is a folder stands in the bundle
    as one `.zip`."""
    minimum_os: dict[str, str] = {}
    """Oldest system that runs it, e.g. `{"ios": "17.0", "android": "26"}`."""
    parity: ParitySpec | None = None
    """Measured by the exporter; null where not measured."""
    accuracy: tuple[AccuracySpec, ...] = ()
    """Measured on this very file; what else is known of its numbers stands in the manifest's own
    `accuracy`."""


class FileSpec(_Spec, frozen=True, kw_only=True):
    """A file of the bundle that is not a model, such as goldens."""

    file: FilePath
    """Path inside the bundle, with forward slashes."""
    bytes: Positive
    """Size of the file."""
    sha256: Sha256
    """Of the file's bytes, lower-case hexadecimal."""


class ProvenanceSpec(_Spec, frozen=True, kw_only=True):
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


class SizeSpec(_Spec, frozen=True, kw_only=True):
    """How much a network computes."""

    parameters: Positive
    """Their number, as exported: batch norm folded or not, no buffers."""
    multiply_adds: Positive
    """Of convolutions and linear layers, for one face."""


class LabelAccuracy(_Spec, frozen=True, kw_only=True):
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


class AccuracySpec(_Spec, frozen=True, kw_only=True):
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
    labels: dict[str, LabelAccuracy] = {}
    """The same, label by label."""
    date: Text
    """Day of the measurement, ISO 8601."""
    machine: Text
    """What it ran on."""


class ReliabilitySpec(_Spec, frozen=True, kw_only=True):
    """How far each answer can be relied on, as measured on faces that taught nothing."""

    emotion: dict[str, LabelReliability] = {}
    """For labels of the head `emotion`."""
    action_units: dict[str, LabelReliability] = {}
    """For labels of the head `action_units`."""


class TeacherSpec(_Spec, frozen=True, kw_only=True):
    """The teacher network that this one was distilled from, with its own accuracy."""

    name: Text
    """Which network, and how it was read."""
    accuracy: tuple[AccuracySpec, ...]
    """Measured in the same way as the bundle's own."""


class CardSpec(_Spec, frozen=True, kw_only=True):
    """What a model is for and what it is not; the model card says the same at length."""

    intended_use: Text
    """What it was made for."""
    misuse: tuple[Text, ...]
    """What it must not be used for, among it what the law forbids."""
    limits: tuple[Text, ...]
    """What it is not good at, and what was not measured."""


class Manifest(_Spec, frozen=True, kw_only=True):
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
