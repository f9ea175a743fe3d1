"""The schema of `model.json`: what a phone needs of a manifest, one line of text a key.

`model_json.py` derives it. The bindings generate their types and readers from these structs; those
of the manifest (`schema.py`) extend them by what is only told, never computed with.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mf2_edge.reliability import LabelReliability
from mf2_edge.reliability import ReliabilityFigure as ReliabilityFigure

HeadName = Literal["emotion", "action_units", "strength", "visibility"]
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
OsVersion = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,2}$")]
"""`17.0` as iOS and macOS count, `26` as Android numbers its interfaces."""


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, and closed to unknown keys."""


class InputSpec(Spec, frozen=True, kw_only=True):
    """The image that the model takes."""

    width: Positive
    """Pixels."""
    height: Positive
    """Pixels."""
    channels: Literal[3]
    """Red, green and blue, in this order."""


class AlignmentSpec(Spec, frozen=True, kw_only=True):
    """The template that a face is brought to by a similarity transform (see `align.py`)."""

    width: Positive
    """Pixels of the aligned crop; equals `input.width`."""
    height: Positive
    """Pixels of the aligned crop; equals `input.height`."""
    points: dict[str, tuple[float, float]]
    """Template position (x, y) in pixels of each landmark used, keyed by fields of `Landmarks`."""


class PreprocessingSpec(Spec, frozen=True, kw_only=True):
    """From pixels (0..255) to the numbers the network takes: `x = (pixel - mean) / std`."""

    mean: tuple[float, float, float]
    """A value a channel, in pixel units: red, green, blue."""
    std: tuple[float, float, float]
    """A value a channel, in pixel units; never 0."""


class HeadSpec(Spec, frozen=True, kw_only=True):
    """One output of the network: logits, one a label."""

    name: HeadName
    """Its task: the emotion; which units are present; of these, which are marked (FACS
    intensity C to E); which regions of the face can be judged. The last two are optional."""
    output: Count
    """Position among the outputs, in the order in which the exported model returns them."""
    labels: tuple[Text, ...]
    """Meaning of each logit, in order."""


class EmbeddingSpec(Spec, frozen=True, kw_only=True):
    """One more output of the network: a feature vector that heads of other tasks read."""

    name: Text
    """Of the output, where the format can hold names."""
    output: Count
    """Position among the outputs."""
    width: Positive
    """Number of its values."""


class EmotionCalibration(Spec, frozen=True, kw_only=True):
    """`scores = softmax(logits / temperature)` (Guo et al. 2017, arXiv:1706.04599)."""

    temperature: PositiveNumber
    """1 leaves the scores as they are; above 1 makes them less sure."""


class ActionUnitCalibration(Spec, frozen=True, kw_only=True):
    """`score = sigmoid(scale * logit + bias)` (Platt 1999), placed so that 0.5 decides."""

    scale: PositiveNumber
    """Slope; positive, so that order is kept."""
    bias: float
    """Offset of the scaled logit; a decision at another score than 0.5 is folded into it."""


class VisibilityCalibration(Spec, frozen=True, kw_only=True):
    """`score = sigmoid(logit + bias)`; a region can be judged where it is 0.5 or more."""

    bias: float
    """Offset of the logit."""


class CalibrationSpec(Spec, frozen=True, kw_only=True):
    """From logits to scores that mean what they say."""

    emotion: EmotionCalibration
    """For the head `emotion`."""
    action_units: dict[str, ActionUnitCalibration]
    """For each label of the head `action_units`."""
    strength: dict[str, ActionUnitCalibration] = {}
    """For each label of the head `strength`, to P(the unit is marked)."""
    visibility: dict[str, VisibilityCalibration] = {}
    """For each label of the head `visibility`."""


class DecodingSpec(Spec, frozen=True, kw_only=True):
    """When an answer deserves less trust."""

    min_emotion_score: Probability
    """Below this the emotion's reason is `low_confidence`."""
    au_margin: Probability
    """An AU whose score is less than this away from 0.5 is `low_confidence`."""
    min_face_size: Annotated[float, Meta(ge=0)]
    """Shorter side of the face box in source pixels below which the status is `small`."""


class OneEuroSpec(Spec, frozen=True, kw_only=True):
    """One filter of `one_euro.py`."""

    min_cutoff_hz: PositiveNumber
    """Cut-off where nothing moves: lower is smoother."""
    beta: Annotated[float, Meta(ge=0)]
    """Hertz of cut-off that each unit of change a second adds: higher lags less."""
    speed_cutoff_hz: PositiveNumber = 1.0
    """Of the filter that the speed is taken through."""


class SmoothingSpec(Spec, frozen=True, kw_only=True):
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


class ArtifactSpec(Spec, frozen=True, kw_only=True):
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
    minimum_os: dict[str, OsVersion] = {}
    """Oldest system that runs it, by `ios`, `macos` or `android` (API level); a system that is not
    named was not told of."""


class ReliabilitySpec(Spec, frozen=True, kw_only=True):
    """How far each answer can be relied on, as measured on faces that taught nothing."""

    emotion: dict[str, LabelReliability] = {}
    """For labels of the head `emotion`."""
    action_units: dict[str, LabelReliability] = {}
    """For labels of the head `action_units`."""


class ModelSpec(Spec, frozen=True, kw_only=True):
    """All that a phone reads about one model, as `model.json` in its bundle holds it."""

    schema_version: Annotated[str, Meta(pattern=r"^\d+\.\d+$")]
    """`MAJOR.MINOR` of the schema; the manifest's."""
    name: Name
    """Name of the bundle."""
    version: Name
    """Version of the weights."""
    license: Text
    """What one may do with the weights, in a sentence."""
    manifest_sha256: Sha256
    """Of the bytes of `manifest.json`, which this is derived from: names the bundle in records."""
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
    reliability: ReliabilitySpec | None = None
    """Label by label; null where not measured."""
    experimental: tuple[Text, ...] = ()
    """Action Units that could not be shown reliable: reported only on request."""
