"""Records of MFA for tests: labels, texts of the grammar, and caches of faces to go with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import tomli_w

from distill.faces.store import save_store
from distill.mfa.prompt.template import GRAMMAR_VERSION, describe_labels
from distill.mfa.records.schema import Description, FaceLabels, Record, Source
from distill.mfa.records.store import open_store
from mf2_edge.facs import ACTION_UNIT_NAMES, EMOTION_PROTOTYPES


def labels_of(emotion: str | None, present: str = "", absent: str = "") -> FaceLabels:
    """Labels from lists of unit numbers: "6 12"."""
    units = [frozenset(f"AU{n}" for n in numbers.split()) for numbers in (present, absent)]
    return FaceLabels(emotion, *units)


def record_of(
    labels: FaceLabels,
    seed: int = 0,
    description: Description | None = None,
    source: Source = "template",
    name: str = "face.png",
) -> Record:
    """A record with the given texts, or with the grammar's."""
    return Record(
        key=blake2b(f"{seed} {source} {name}".encode(), digest_size=20).hexdigest(),
        dataset="rafdb",
        name=name,
        labels=labels,
        source=source,
        model=GRAMMAR_VERSION if source == "template" else "gpt-4o-2024-11-20",
        description=description or describe_labels(labels, seed),
        refusal=None,
        created="2026-01-01T00:00:00+00:00",
        input_tokens=0,
        output_tokens=0,
        cost_usd=0.0,
    )


def refused(record: Record) -> Record:
    """The same face, but the model would not."""
    return replace(record, description=None, refusal="I'm sorry, I can't assist with that.")


def random_records(count: int) -> list[Record]:
    """Template records of faces 0.png, 1.png, ... with seeded random labels."""
    rng = np.random.default_rng(7)
    units, emotions = list(ACTION_UNIT_NAMES), [None, *EMOTION_PROTOTYPES]
    records = []
    for number in range(count):
        state = rng.choice(3, len(units), p=(0.15, 0.4, 0.45))
        present, absent = (
            frozenset(u for u, s in zip(units, state, strict=True) if s == wanted)
            for wanted in (0, 1)
        )
        emotion = emotions[int(rng.integers(len(emotions)))]
        labels = FaceLabels(emotion, present, absent)
        records.append(record_of(labels, number, name=f"{number}.png"))
    return records


def write_recipe(runs: Path) -> Path:
    """The shipped recipe with other runs."""
    shipped = Path(__file__).parents[3] / "distill" / "configs" / "mf2-edge-base.toml"
    path = runs / "recipe.toml"
    path.write_bytes(tomli_w.dumps({"extends": str(shipped), "runs": str(runs)}).encode())
    return path


def write_store(path: Path, records: Sequence[Record]) -> Path:
    """A store of these records."""
    with open_store(path) as store, store.transaction():
        for record in records:
            store.add(record)
    return path


def write_cache(folder: Path, count: int) -> None:
    """Faces 0.png, 1.png, ... of noise; every fifth is of the test split."""
    rng = np.random.default_rng(8)
    images = list(rng.integers(0, 256, (count, 128, 128, 3)).astype(np.uint8))
    save_store(
        folder,
        images,
        names=np.array([f"{number}.png" for number in range(count)]),
        splits=np.array(["test" if number % 5 == 0 else "train" for number in range(count)]),
        subjects=np.array([""] * count),
        aligned=np.ones(count, dtype=np.bool_),
        votes=np.full((count, 8), np.nan, dtype=np.float32),
        majority=np.full(count, -1),
        action_units=np.full((count, 21), np.nan, dtype=np.float32),
    )
