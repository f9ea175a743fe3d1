"""The training recipe: one TOML file, read into structs that refuse unknown keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from distill.extended_toml import Part, read_extended, with_overrides
from distill.network_config import NetworkConfig
from distill.train_config import DistillationConfig, QatConfig, TextConfig, TrainConfig
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


HEADS: Final[tuple[HeadName, ...]] = ("emotion", "action_units")
"""Heads of every network, in the order of its outputs; the recipe's extra heads follow."""


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
