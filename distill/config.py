"""The training recipe: one TOML file, read into structs that refuse unknown keys."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mf2_edge.schema import AlignmentSpec, PreprocessingSpec


class ConfigError(ValueError):
    """A recipe is not valid; the message names the key."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, closed to unknown keys."""


class DatasetConfig(_Part, frozen=True, kw_only=True):
    """One source of faces."""

    reader: str
    """Key of `distill.datasets.READERS`."""
    root: str
    """Folder or .tar, relative to the working directory."""
    terms: str
    """Licence or terms of use in a line, for the manifest."""
    title: str
    """Name as its authors write it, for the manifest and the model card."""
    validation: float = 0.0
    """Part of the faces held out for validation, drawn with the recipe's seed; 0..1."""


class BlendshapeRule(_Part, frozen=True, kw_only=True):
    """An AU's pseudo-label from MediaPipe blendshapes: the larger of the named ones decides."""

    blendshapes: tuple[str, ...]
    present: float
    """At or above this score the unit counts as present."""
    absent: float
    """At or below this score it counts as absent; between the two it stays unknown."""


class PseudoLabelConfig(_Part, frozen=True, kw_only=True):
    """AU pseudo-labels of data sets without FACS codes."""

    landmarker: str
    """MediaPipe's face_landmarker.task."""
    datasets: tuple[str, ...]
    rules: dict[str, BlendshapeRule]


class NetworkConfig(_Part, frozen=True, kw_only=True):
    """What the network starts from."""

    frozen: tuple[str, ...]
    """Parts of the trunk that keep the start's weights."""
    dropout: float
    weights: str | None = None
    """MobileFaceNet as .tflite; without it the start is random."""


class TrainConfig(_Part, frozen=True, kw_only=True):
    """Phase 1: trunk and both branches on in-the-wild faces."""

    steps: int
    batch: dict[str, int]
    """Faces a step from each data set."""
    micro_batch: int
    """Faces that go through the network at once; small ones stay in a CPU's cache."""
    lr: float
    """Peak learning rate of what starts from trained weights."""
    head_lr: float
    """Peak learning rate of what starts from nothing."""
    weight_decay: float
    warmup: int
    """Steps of linear warm-up before the cosine."""
    label_smoothing: float
    au_weight: float
    """Weight of the AU loss beside the emotion loss."""
    ema: float
    """Decay a step of the averaged weights that are kept in the end."""
    checkpoint_every: int
    evaluate_every: int


class ActionUnitConfig(_Part, frozen=True, kw_only=True):
    """Phase 2: the AU branch on human FACS codes, over the frozen trunk."""

    dataset: str
    folds: int
    """Folds by subject, for the honest figures and the calibration."""
    own_blocks: int = 0
    """Last blocks of the trunk of which the AU branch gets copies of its own, to train."""
    headline: tuple[str, ...] = ()
    """Units whose mean is the headline figure; the others are reported by themselves."""
    steps: int
    batch: int
    """Human-coded faces a step."""
    replay: dict[str, int]
    """Pseudo-labelled faces a step from each data set, so that the wild is not forgotten."""
    views: int
    """Augmented copies of each face whose trunk features are cached."""
    lr: float
    weight_decay: float
    ema: float


class Recipe(_Part, frozen=True, kw_only=True):
    """A whole recipe."""

    name: str
    seed: int
    runs: str
    """Folder of caches, checkpoints and logs; git-ignored."""
    threads: int
    """CPU threads of each training process."""
    emotions: tuple[str, ...]
    action_units: tuple[str, ...]
    alignment: AlignmentSpec
    preprocessing: PreprocessingSpec
    margin: int
    """Pixels kept around the template for augmentation."""
    data: dict[str, DatasetConfig]
    pseudo_labels: PseudoLabelConfig
    network: NetworkConfig
    train: TrainConfig
    action_unit_training: ActionUnitConfig

    @property
    def cache_folder(self) -> Path:
        """Where aligned faces are kept."""
        return Path(self.runs) / "cache"

    @property
    def run_folder(self) -> Path:
        """Where this recipe's checkpoints and logs are kept."""
        return Path(self.runs) / self.name


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; raises ConfigError naming the file and the key."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except FileNotFoundError:
        raise ConfigError(f"no recipe at {path}; the shipped ones are in distill/configs") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
