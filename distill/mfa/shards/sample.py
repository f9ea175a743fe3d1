"""A sample: one record with its face, as it goes into a shard."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.faces.store import FaceStore, load_store
from distill.mfa.errors import ShardError
from distill.mfa.records.schema import Record


@dataclass(frozen=True, slots=True)
class Sample:
    """A record with its face and what training learns from it.

    image: uint8 [H, W, 3], RGB, aligned, with the recipe's margin (a view of the cache). votes:
    float32 [emotions], summing to 1, or NaN. action_units: float32 [units] of 0, 1, NaN.
    """

    record: Record
    split: str
    image: NDArray[np.uint8]
    votes: NDArray[np.float32]
    action_units: NDArray[np.float32]

    def to_png(self) -> bytes:
        """The face, lossless."""
        done, png = cv2.imencode(".png", cv2.cvtColor(self.image, cv2.COLOR_RGB2BGR))
        assert done
        return png.tobytes()

    def to_dict(self) -> dict[str, Any]:
        """Labels, texts and where both come from, as JSON takes them."""
        record, labels = self.record, self.record.labels
        assert record.description is not None
        return {
            "key": record.key,
            "dataset": record.dataset,
            "name": record.name,
            "split": self.split,
            "labels": {
                "emotion": labels.emotion,
                "present": sorted(labels.present),
                "absent": sorted(labels.absent),
            },
            "votes": _with_nulls(self.votes),
            "action_units": _with_nulls(self.action_units),
            "source": record.source,
            "model": record.model,
            "description": record.description.model_dump(),
        }


def _with_nulls(values: NDArray[np.float32]) -> list[float | None]:
    """JSON has no NaN: what is unknown is null. Other values stay exact."""
    return [None if np.isnan(value) else float(value) for value in values]


def digest(samples: Iterable[tuple[Mapping[str, Any], NDArray[np.uint8]]]) -> str:
    """Hash of all that goes into a shard: the records as JSON takes them, and the faces."""
    content = blake2b(digest_size=20)
    for record, image in samples:
        content.update(json.dumps(record).encode())
        content.update(image.tobytes())
    return content.hexdigest()


def find_faces(records: Sequence[Record], recipe: Recipe) -> list[Sample]:
    """The records with their faces and labels from the recipe's cache of aligned faces.

    Raises ShardError for a face that the cache does not have, FileNotFoundError without a cache.
    """
    stores: dict[str, tuple[FaceStore, dict[str, int]]] = {}
    samples = []
    for record in records:
        folder = recipe.cache_folder / record.dataset
        if record.dataset not in stores:
            store = load_store(folder)
            rows = {str(name): row for row, name in enumerate(store.names)}
            stores[record.dataset] = store, rows
        store, rows = stores[record.dataset]
        if record.name not in rows:
            raise ShardError(
                f"{folder} has no face {record.name}, which the store describes; "
                "export with the recipe and the data that the store was built with"
            )
        row = rows[record.name]
        split, image = str(store.splits[row]), store.images[row]
        samples.append(Sample(record, split, image, store.votes[row], store.action_units[row]))
    return samples
