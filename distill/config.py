"""The training recipe: one TOML file, read into structs that refuse unknown keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from distill.extended_toml import Part, read_extended, with_overrides
from distill.network_config import NetworkConfig
from mf2_edge.bundle.schema import AlignmentSpec, HeadName, PreprocessingSpec
from mf2_edge.facs import REGIONS


class ConfigError(ValueError):
    """A recipe is not valid; the message names the key."""


class DatasetConfig(Part, frozen=True, kw_only=True):
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
    all_visible: bool = False
    """Whether every region of every face can be judged: frontal pictures of a laboratory."""
    blend: dict[str, float] = msgspec.field(default_factory=dict)
    """Share, 0..1, of another data set's emotion labels in those of the photographs that both have;
    here they are named "OTHER/" and their name there."""
    buffer: int = 4
    """Shards whose faces are shuffled together, and kept in memory."""

    @property
    def streamed(self) -> bool:
        """Whether faces come from shards, and not from the cache."""
        return self.reader == "shards"


Precision = Literal["float32", "bf16"]
"""What a forward pass computes in while training."""
HEADS: Final[tuple[HeadName, ...]] = ("emotion", "action_units")
"""Heads of every network, in the order of its outputs; the recipe's extra heads follow."""


class TextConfig(Part, frozen=True, kw_only=True):
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
    own: float = 0.0
    """Weight of the alignment of each face with its own texts, see `language/own_texts.py`."""
    encoder: str = "all-MiniLM-L6-v2"
    """That, or the folder of another sentence-transformers model."""


class LossWeights(Part, frozen=True, kw_only=True):
    """Weight of each head's loss in the sum."""

    emotion: float = 1.0
    action_units: float = 2.0
    strength: float = 1.0
    visibility: float = 0.3


class TrainConfig(Part, frozen=True, kw_only=True):
    """Training of trunk and all heads, on faces of several data sets a step."""

    steps: int
    batch: dict[str, int]
    """Faces a step from each data set; one with 0 is validated on, and not trained on."""
    micro_batch: int
    """Faces that go through the network at once; small ones stay in a CPU's cache."""
    workers: int = 0
    """Processes that read and augment faces ahead of the step; 0 leaves it to the training's."""
    precision: Precision = "float32"
    """bf16 pays on GPUs; a CPU without matrix units gains nothing from it."""
    lr: float
    """Peak learning rate of the branches."""
    trunk_lr: float | None = None
    """Peak learning rate of the trunk; without it, `lr`."""
    head_lr: float
    """Peak learning rate of the linear heads."""
    weight_decay: float
    warmup: int
    """Steps of linear warm-up before the cosine."""
    label_smoothing: float
    weights: LossWeights = LossWeights()
    balance: float = 0.5
    """How much more often rare emotions and units are drawn: their inverse frequency to this
    power; 0 draws all faces equally often."""
    balance_cap: float = 6.0
    """The most that a face may be drawn beside one with nothing rare."""
    ema: float
    """Decay a step of the averaged weights that are kept in the end."""
    layer_decay: float = 1.0
    """Rate of each layer of trunk and branches beside the one above it; 1 leaves all alike."""
    drop_path: float = 0.0
    """Chance by which the last residual block is skipped for a face; less for those before it."""
    clip_grad: float = 5.0
    """Largest norm of the gradient."""
    grad_checkpointing: bool = False
    """Whether blocks are computed again in the backward pass, which needs less memory."""
    torchcompile: str = ""
    """Backend of torch.compile, such as "inductor"; "" runs the network as it is."""
    fade_steps: int = 0
    """Steps over which PReLU slopes fade to 0 in a network that is to have ReLU."""
    checkpoint_every: int
    evaluate_every: int
    log_every: int = 20
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place, for what no step can be made of."""
        if any(count < 0 for count in self.batch.values()) or not any(self.batch.values()):
            raise ValueError(f"batch is {self.batch}: a step needs a face of some data set")
        for key, least in (("steps", 0), ("micro_batch", 1), ("warmup", 0)):
            if getattr(self, key) < least:
                raise ValueError(f"{key} is {getattr(self, key)}: expected {least} or more")
        for key in ("checkpoint_every", "evaluate_every", "log_every"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key} is {getattr(self, key)}: expected steps; 0 for never")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}: expected 0 or more processes")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay is {self.layer_decay}: expected more than 0, up to 1")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path is {self.drop_path}: expected 0 to less than 1")
        if not self.clip_grad > 0:
            raise ValueError(f"clip_grad is {self.clip_grad}: expected more than 0")


class FoldConfig(Part, frozen=True, kw_only=True):
    """Folds by subject of a FACS-coded data set, for figures on unseen people."""

    dataset: str
    count: int
    published: bool = False
    """Whether they are those that papers report on (`distill.datasets.folds`), not seeded ones."""
    headline: tuple[str, ...] = ()
    """Units whose mean is the headline figure; the others are reported by themselves."""

    def __post_init__(self) -> None:
        """Raise ValueError for fewer than two folds."""
        if self.count < 2:
            raise ValueError(f"count is {self.count}: expected 2 folds or more")


Relation = Literal["dist", "kl"]


class DistillationConfig(Part, frozen=True, kw_only=True):
    """What is learned from the teacher beside the labels; a weight of 0 leaves a loss out."""

    share: float
    """Of the teacher's outputs in each head's loss, 0..1; the labels have the rest."""
    heads: tuple[str, ...] = ("emotion",)
    """Heads that a bundle teaches. A bundle that ships has seen every subject with human FACS
    codes: a network that learns Action Units from it is not measured honestly on a fold."""
    relation: Relation = "dist"
    """Loss between emotion logits: DIST, or the Kullback-Leibler divergence."""
    embedding: float = 0.0
    """Weight of the face embedding, of MF² or of a bundle that exports it."""
    head: float = 0.0
    """Weight of the emotion that MF²'s frozen head reads from the student's embedding."""
    tokens: float = 0.0
    """Weight of the AU tokens of MF²."""
    text: float = 0.0
    """Weight of face and tokens in the text encoder's space."""
    cached: bool = False
    """Whether the teacher runs once on each face, unaugmented and mirrored, and its logits are kept
    in files; nothing but logits can be learned from it."""


class QatConfig(Part, frozen=True, kw_only=True):
    """Quantization-aware training of the trained network, on the same losses."""

    steps: int
    """0 only calibrates the ranges."""
    lr: float = 1e-4
    """Peak learning rate of all weights."""
    weight_decay: float = 0.0
    warmup: int = 20
    free_ranges: float = 0.6
    """Part of the steps, 0..1, in which ranges still follow the activations."""
    checkpoint_every: int = 50


class Recipe(Part, frozen=True, kw_only=True):
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
    network: NetworkConfig
    unseen: tuple[str, ...] = ()
    """Emotions that training never meets, in faces or in texts: to be asked for by text alone."""
    texts: TextConfig | None = None
    """What MF² is aligned with; nothing without it."""
    train: TrainConfig
    folds: FoldConfig | None = None
    """Without it nothing is measured on unseen FACS-coded subjects."""
    teacher: str | None = None
    """An ensemble's TOML file, or a bundle's name or folder."""
    distillation: DistillationConfig | None = None
    """How the teacher is learned from; needed with a teacher."""
    qat: QatConfig | None = None
    """For networks of ReLU; without it the network ships in floats."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place, for parts that contradict each other."""
        for name, data in self.data.items():
            if data.eval_only and self.train.batch.get(name, 0):
                raise ValueError(
                    f"data.{name} says eval_only, and train.batch draws from it: set it to 0"
                )
        unknown = [n for n in self.named_data if n not in self.data]
        if unknown:
            raise ValueError(f"no data.{unknown[0]}: there are {', '.join(self.data)}")
        if (self.teacher is None) != (self.distillation is None):
            raise ValueError("teacher and [distillation] go together: give both, or neither")
        if self.distillation is not None:
            taught = self.distillation
            features = taught.head or taught.tokens or taught.text
            if features and not str(self.teacher).endswith(".toml"):
                raise ValueError("a bundle teaches logits and its embedding, no tokens or text")
            if taught.cached and (features or taught.embedding):
                raise ValueError("distillation.cached keeps logits alone: set the others to 0")

    @property
    def named_data(self) -> tuple[str, ...]:
        """Data sets that training, folds and other data sets name."""
        blended = [name for data in self.data.values() for name in data.blend]
        return (*self.train.batch, *([self.folds.dataset] if self.folds else []), *blended)

    @property
    def heads(self) -> tuple[HeadName, ...]:
        """Names of the network's outputs, in order."""
        return (*HEADS, *self.network.heads)

    def labels(self, head: str) -> tuple[str, ...]:
        """Labels of a head's logits, in order."""
        match head:
            case "emotion":
                return self.emotions
            case "visibility":
                return REGIONS
            case _:
                return self.action_units

    @property
    def reads_text(self) -> bool:
        """Whether the network learns where faces lie in the text encoder's space."""
        return self.texts is not None or (
            self.distillation is not None and self.distillation.text > 0
        )

    @property
    def cache_folder(self) -> Path:
        """Where aligned faces are kept."""
        return Path(self.runs) / "cache"

    @property
    def run_folder(self) -> Path:
        """Where this recipe's checkpoints and logs are kept."""
        return Path(self.runs) / self.name

    def folder(self, fold: int | None) -> Path:
        """Where those of a training without the subjects of `fold` are kept; None: with all."""
        return self.run_folder if fold is None else self.run_folder / "folds" / str(fold)


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe; raises ConfigError naming the file and the key.

    A recipe may say `extends = "other.toml"` (beside it): what it leaves out is taken from there.
    overrides: values that take the place of the file's, each as "train.lr=1e-4".
    """
    content = read_toml(path)
    try:
        content = with_overrides(content, overrides)
    except ValueError as error:
        raise ConfigError(f"--set {error}") from None
    try:
        return msgspec.convert(content, Recipe)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file that may extend another; raises ConfigError naming it."""
    try:
        return read_extended(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f"no recipe at {error.filename}; the shipped ones are in distill/configs"
        ) from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
