"""The training recipe: one TOML file, read into structs that refuse unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from distill.extended_toml import read_extended
from mf2_edge.bundle.schema import AlignmentSpec, PreprocessingSpec

BACKBONES = ("mobilefacenet", "vit_b_16", "convnext_tiny", "efficientnet_lite0")
"""What `networks/backbones` can make: the face network; a ViT and CNNs that know ImageNet."""
SHORT = "efficientnet_lite0_short"
"""One more, for phones alone: its map is too coarse for MF²'s tokens."""


class ConfigError(ValueError):
    """A recipe is not valid; the message names the key."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts: immutable, closed to unknown keys.

    Defaults are not written, so a new key changes no hash of recipes that do without it.
    """


class DatasetConfig(_Part, frozen=True, kw_only=True):
    """One source of faces."""

    reader: str
    """Key of `distill.datasets.READERS`, or "shards" for what `mfa export` writes."""
    root: str
    """Folder or .tar, relative to the working directory; of shards a pattern of paths or URLs."""
    terms: str
    """Licence or terms of use in a line, for the manifest."""
    title: str
    """Name as its authors write it, for the manifest and the model card."""
    validation: float = 0.0
    """Part of the faces held out for validation, drawn with the recipe's seed; 0..1."""
    eval_only: bool = False
    """Whether nothing is learned from its faces and labels, no threshold either."""
    buffer: int = 4
    """Shards whose faces are shuffled together, and kept in memory."""

    @property
    def streamed(self) -> bool:
        """Whether faces come from shards, and not from the cache."""
        return self.reader == "shards"


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


Activation = Literal["prelu", "relu"]


class NetworkConfig(_Part, frozen=True, kw_only=True):
    """What the network starts from."""

    frozen: tuple[str, ...]
    """Parts of the trunk that keep the start's weights."""
    dropout: float
    weights: str | None = None
    """What the backbone starts from; without it, or if it is "", the start is random.

    MobileFaceNet: the .tflite. The others: the state dict of torchvision's network of that name
    (EfficientNet-Lite: of efficientnet-lite-pytorch's) as a file, or "imagenet" for the ImageNet
    weights that are installed: by torchvision in its cache, by a package for EfficientNet-Lite.
    """
    continues: str | None = None
    """A network.pt or wild.pt whose trunk and emotion branch are the start instead."""
    architecture: Literal["student", "mf2", "edge"] = "student"
    """Two branches alone; MF²; two branches that also learn MF²'s tokens and text space."""
    token_width: int = 128
    """Values of an AU token of MF²."""
    taught_width: int = 512
    """Values of the face vector of the MF², or the bundle, that an edge network learns from."""
    backbone: str = BACKBONES[0]
    """One of BACKBONES, or SHORT."""
    width: float = 1.0
    """MobileFaceNet's channels, as a part of its own; what it continues is narrowed to that."""
    branch_width: float | None = None
    """The same of what each branch has of its own; without it, `width`."""
    without: tuple[str, ...] = ()
    """Residual blocks of MobileFaceNet or SHORT that are left out, such as "stage3.5"."""
    activation: Activation = "prelu"
    """MobileFaceNet's: relu can be quantized everywhere; slopes of the start fade to it."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place in the recipe, if nobody knows it."""
        known = (*BACKBONES, SHORT)
        if self.backbone not in known:
            raise ValueError(f"no backbone {self.backbone}: there are {', '.join(known)}")
        if self.backbone == SHORT and self.architecture == "mf2":
            raise ValueError(
                f"{SHORT} has a map of 7x7, and mf2 reads 14x14: take another backbone"
            )

    @property
    def late_width(self) -> float:
        """What the branches' channels are a part of."""
        return self.width if self.branch_width is None else self.branch_width


class TextConfig(_Part, frozen=True, kw_only=True):
    """Language that MF² is aligned with, beside its supervised losses."""

    store: str
    """The MFA store (docs/mfa.md)."""
    sources: tuple[Literal["gpt", "template", "coder"], ...]
    """Whose texts; they are mixed only if more than one is named."""
    levels: tuple[Literal["au", "emotion", "face"], ...]
    texts: int
    """Texts of each level that a step's faces are compared with."""
    weight: float
    """Weight of the alignment losses beside the emotion loss."""
    encoder: str = "all-MiniLM-L6-v2"
    """That, or the folder of another sentence-transformers model."""


class TrainConfig(_Part, frozen=True, kw_only=True):
    """Phase 1: trunk and both branches on in-the-wild faces."""

    steps: int
    batch: dict[str, int]
    """Faces a step from each data set; one with 0 is validated on, and not trained on."""
    micro_batch: int
    """Faces that go through the network at once; small ones stay in a CPU's cache."""
    precision: Literal["float32", "bf16"] = "float32"
    """bf16 pays on GPUs; a CPU without matrix units gains nothing from it."""
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
    fade_steps: int = 0
    """Steps over which the slopes fade of a network that is to have ReLU."""
    checkpoint_every: int
    evaluate_every: int


class ActionUnitConfig(_Part, frozen=True, kw_only=True):
    """Phase 2: trunk and both branches, with human FACS codes."""

    dataset: str
    folds: int
    """Folds by subject, for the honest figures and the calibration."""
    headline: tuple[str, ...] = ()
    """Units whose mean is the headline figure; the others are reported by themselves."""
    steps: int
    batch: int
    """Human-coded faces a step."""
    fresh_branch: bool = True
    """Whether the AU branch starts from the face network again instead of from phase 1."""
    replay: dict[str, int]
    """Faces a step from each data set of phase 1, so that the wild is not forgotten."""
    trunk_lr: float
    """Peak learning rate of the trunk and the emotion branch, which phase 1 has trained."""
    branch_lr: float
    """Peak learning rate of the AU branch, which starts from the face network's weights."""
    head_lr: float
    """Peak learning rate of the AU branch's last layer, which starts from nothing."""
    distillation: float
    """Share, 0..1, of the teacher's answers in what the emotion branch learns from the replay."""
    unit_distillation: float = 0.0
    """Weight of the teacher's AU answers on the replay beside the human codes' loss."""
    weight_decay: float
    warmup: int
    """Steps of linear warm-up before the cosine."""
    ema: float
    checkpoint_every: int


Relation = Literal["dist", "kl"]


class DistillationConfig(_Part, frozen=True, kw_only=True):
    """What an edge network learns from the teacher, in phase 1 too, and from its MF² members.

    Weights of losses beside that of the labels; 0 leaves a lesson out.
    """

    share: float
    """Of the teacher's answers, 0..1, in what phase 1 learns about emotion."""
    relation: Relation = "dist"
    """How emotion answers are compared."""
    embedding: float = 0.0
    """The face embedding of MF², or the face vector of a bundle that tells it."""
    head: float = 0.0
    """The teacher's answers, by MF²'s frozen emotion head reading the learner's embedding."""
    tokens: float = 0.0
    """The AU tokens of MF²."""
    text: float = 0.0
    """Face and tokens in the text encoder's space."""
    remembered: bool = False
    """Whether the teacher's answers are kept in `runs/answers`, for others that see the faces."""


class SettlingConfig(_Part, frozen=True, kw_only=True):
    """Phase 3: the emotion branch alone, on the trunk that phase 2 left."""

    steps: int
    batch: dict[str, int]
    """Faces a step from each data set of phase 1."""
    lr: float
    distillation: float
    """Share, 0..1, of the teacher's answers in what the branch learns."""
    weight_decay: float
    warmup: int
    ema: float
    checkpoint_every: int


class QuantizationConfig(_Part, frozen=True, kw_only=True):
    """Phase 4: quantization-aware training, on the faces of phase 2."""

    steps: int
    """0 quantizes after training, from ranges alone."""
    lr: float
    """Peak learning rate of all weights."""
    weight_decay: float
    warmup: int
    free_ranges: float
    """Part of the steps, 0..1, in which ranges still follow the activations."""
    checkpoint_every: int


class Recipe(_Part, frozen=True, kw_only=True):
    """A whole recipe."""

    name: str
    seed: int
    """Of the splits: what is held out, and which subjects share a fold."""
    training_seed: int = 0
    """Of first weights, batches and dropout: differs between the members of an ensemble."""
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
    unseen: tuple[str, ...] = ()
    """Emotions that training never meets, in faces or in texts: to be asked for by text alone."""
    texts: TextConfig | None = None
    """What MF² is aligned with; nothing without it."""
    train: TrainConfig
    action_unit_training: ActionUnitConfig
    teacher: str | None = None
    """An ensemble's TOML file, or a bundle's name or folder, which answers about emotion alone.

    Phases 2 and 3 learn from its answers, without it from phase 1's.
    """
    lessons: DistillationConfig | None = None
    """What an edge network learns of the teacher beside its answers."""
    settling: SettlingConfig | None = None
    """Phase 3, for the student."""
    quantization: QuantizationConfig | None = None
    """Phase 4, for networks of ReLU."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place, if data that only judge would teach."""
        coded, pseudo = self.action_unit_training, self.pseudo_labels.datasets
        settling = self.settling.batch if self.settling else {}
        for name, data in self.data.items():
            taken = (
                self.train.batch.get(name, 0) + coded.replay.get(name, 0) + settling.get(name, 0)
            )
            codes = coded.steps if name == coded.dataset else 0
            if data.eval_only and (taken or codes or name in pseudo):
                raise ValueError(
                    f"data.{name} says eval_only, and the recipe learns from it: take it out of "
                    "every batch, of pseudo_labels, and set action_unit_training.steps to 0"
                )

    @property
    def learns_codes(self) -> bool:
        """Whether human FACS codes teach; they judge in any case."""
        return not self.data[self.action_unit_training.dataset].eval_only

    @property
    def reads_text(self) -> bool:
        """Whether the network learns where faces lie in the text encoder's space."""
        return self.texts is not None or (self.lessons is not None and self.lessons.text > 0)

    @property
    def cache_folder(self) -> Path:
        """Where aligned faces are kept."""
        return Path(self.runs) / "cache"

    @property
    def run_folder(self) -> Path:
        """Where this recipe's checkpoints and logs are kept."""
        return Path(self.runs) / self.name


class ViewConfig(_Part, frozen=True, kw_only=True):
    """How often a face is looked at."""

    scales: tuple[float, ...]
    """Sizes of the face beside its own, which is 1."""
    mirrored: bool
    """Whether its mirror image is looked at as well."""


class EnsembleConfig(_Part, frozen=True, kw_only=True):
    """Networks that answer together."""

    name: str
    members: tuple[str, ...]
    """Recipes, beside this file."""
    views: ViewConfig
    """For figures."""
    lesson_views: ViewConfig
    """For teaching, where each view costs time in every step."""


def load_ensemble(path: Path) -> EnsembleConfig:
    """Read an ensemble's TOML file; raises ConfigError naming the file and the key."""
    try:
        return msgspec.convert(_read(path), EnsembleConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; raises ConfigError naming the file and the key.

    A recipe may say `extends = "other.toml"` (beside it): what it leaves out is taken from there.
    """
    content = _read(path)
    try:
        return msgspec.convert(content, Recipe)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_extended(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f"no recipe at {error.filename}; the shipped ones are in distill/configs"
        ) from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
