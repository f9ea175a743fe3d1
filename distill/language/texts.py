"""The text bank: MFA's descriptions as vectors, with what each is true of.

The text encoder is frozen, so the bank is made once (`python -m distill texts`), and a step
compares its faces with texts drawn from all of it rather than from its own few faces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import Recipe
from distill.language.encode_text import digest_of, encode_texts
from distill.mfa.records.schema import Record
from distill.mfa.records.store import open_store
from distill.train_config import TextConfig
from mf2_edge.io.atomic import replacing

LEVELS: Final = ("au", "emotion", "face")


@dataclass(frozen=True)
class TextBank:
    """S texts over K units.

    vectors float32 [S, width], of unit length; level [S], an index into LEVELS; emotion [S], the
    label behind the text, -1 if unknown; unit [S], the one an AU-level text is about, else -1;
    present bool [S, K], the units that are present by the labels behind the text.
    """

    vectors: NDArray[np.float32]
    level: NDArray[np.int64]
    emotion: NDArray[np.int64]
    unit: NDArray[np.int64]
    present: NDArray[np.bool_]

    def draw(self, level: str, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Rows of `count` texts of a level, each emotion (each unit) as likely as the next."""
        rows = np.flatnonzero(self.level == LEVELS.index(level))
        kind = self.unit[rows] if level == "au" else self.emotion[rows]
        chosen = rng.choice(np.unique(kind), count)
        return np.array([rng.choice(rows[kind == one]) for one in chosen])


@dataclass(frozen=True)
class Texts:
    """Texts that a batch is compared with, and how far each is true of each face.

    face (M, width) with truth (N, M); unit (L, width) with truth (N, K, L): 0..1, NaN if unknown.
    """

    face: Tensor
    face_truth: Tensor
    unit: Tensor
    unit_truth: Tensor


def make_bank(recipe: Recipe, texts: TextConfig) -> Path:
    """Write `text-bank.npz` from the MFA store; kept if it was made of the same texts.

    Raises ValueError if the store has no record of the sources that the recipe asks for, or the
    encoder is of another width than MF².
    """
    path = recipe.run_folder / "text-bank.npz"
    with open_store(Path(texts.store)) as store:
        records = [
            record
            for source in texts.sources
            for record in store.records(source)
            if record.description and record.labels.emotion not in recipe.unseen
        ]
    if not records:
        raise ValueError(
            f"no descriptions from {' or '.join(texts.sources)} in {texts.store}: run "
            "`python -m distill mfa build` first (docs/mfa.md)"
        )
    sentences, columns = _sentences(records, recipe)
    digest = digest_of(sentences, columns, texts.encoder)
    if is_made_of(path, digest):
        return path
    vectors = encode_texts(sentences, texts.encoder)
    width = recipe.network.text_width
    if vectors.shape[1] != width:
        raise ValueError(
            f"{texts.encoder} gives {vectors.shape[1]} values a text, and network.text_width is "
            f"{width}: set it to {vectors.shape[1]}, or choose another encoder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        np.savez(partial, allow_pickle=False, vectors=vectors, made_of=digest, **columns)
    return path


def is_made_of(path: Path, digest: str) -> bool:
    """Whether a file of encoded texts is there and was made of what the digest is of."""
    if not path.is_file():
        return False
    with np.load(path) as saved:
        return "made_of" in saved and str(saved["made_of"]) == digest


def load_bank(path: Path) -> TextBank:
    """Read what `make_bank` wrote; raises FileNotFoundError saying how to make it."""
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run `python -m distill texts --config RECIPE` first")
    with np.load(path) as saved:
        return TextBank(**{field.name: saved[field.name] for field in fields(TextBank)})


def compare(
    bank: TextBank,
    votes: Tensor,
    action_units: Tensor,
    config: TextConfig,
    rng: np.random.Generator,
) -> Texts:
    """Texts drawn for N faces, and their truth, by votes (N, emotions) and units (N, K)."""
    whole = [level for level in ("emotion", "face") if level in config.levels]
    rows = [bank.draw(level, config.texts, rng) for level in whole]
    face = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
    unit = bank.draw("au", config.texts, rng) if "au" in config.levels else face[:0]
    device = votes.device
    return Texts(
        torch.from_numpy(bank.vectors[face]).to(device),
        _face_truth(bank, face, votes.cpu(), action_units.cpu()).to(device),
        torch.from_numpy(bank.vectors[unit]).to(device),
        _unit_truth(bank, unit, action_units.cpu()).to(device),
    )


def _face_truth(
    bank: TextBank, rows: NDArray[np.int64], votes: Tensor, action_units: Tensor
) -> Tensor:
    """The share of votes for the text's emotion; 0 if a face-level text names an absent unit."""
    emotion = torch.from_numpy(bank.emotion[rows])
    truth = votes[:, emotion.clamp(min=0)].clone()
    truth[:, emotion < 0] = torch.nan
    named = torch.from_numpy(bank.present[rows])
    named = named & torch.from_numpy(bank.level[rows] == LEVELS.index("face"))[:, None]
    units = action_units[:, None]  # (N, 1, K) against (M, K)
    truth[(named & units.isnan()).any(dim=2) & (truth > 0)] = torch.nan
    truth[(named & (units == 0)).any(dim=2)] = 0
    return truth


def _unit_truth(bank: TextBank, rows: NDArray[np.int64], action_units: Tensor) -> Tensor:
    """A text is true of the token of its own unit where that is present, of no other token."""
    count = action_units.shape[1]
    about = torch.from_numpy(bank.unit[rows])
    own = about == torch.arange(count)[:, None]  # (K, L)
    return torch.where(own, action_units[:, :, None], torch.zeros(()))


def _sentences(
    records: Iterable[Record], recipe: Recipe
) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Texts of the records, each once, and the bank's columns."""
    seen: dict[tuple[str, int, int, int, tuple[bool, ...]], None] = {}
    for record in records:
        assert record.description is not None  # the caller's choice
        emotion = record.labels.emotion
        place = recipe.emotions.index(emotion) if emotion in recipe.emotions else -1
        present = tuple(unit in record.labels.present for unit in recipe.action_units)
        seen[record.description.emotion, 1, place, -1, present] = None
        seen[record.description.face, 2, place, -1, present] = None
        for text in record.description.action_units:
            if text.action_unit in recipe.action_units:
                unit = recipe.action_units.index(text.action_unit)
                only = tuple(unit == other for other in range(len(present)))
                seen[text.text, 0, place, unit, only] = None
    texts, level, emotions, units, named = zip(*seen, strict=True)
    return list(texts), {
        "level": np.array(level),
        "emotion": np.array(emotions),
        "unit": np.array(units),
        "present": np.array(named),
    }
