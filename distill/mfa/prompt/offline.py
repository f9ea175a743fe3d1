"""`mfa build --source template`: descriptions from labels alone, without network or cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice

from tqdm import tqdm

from distill.mfa.faces import Face, Subject
from distill.mfa.prompt.template import GRAMMAR_VERSION, describe_labels
from distill.mfa.records.schema import Record
from distill.mfa.records.store import Store, labels_to_json

COMMIT = 500
"""Records a transaction: making one again costs nothing, so it need not be on the disk at once."""


def describe_offline(faces: Iterable[Face], store: Store) -> int:
    """Add a record for each face that has none of this grammar; returns how many."""
    waiting = iter(tqdm(faces, desc="describe", unit="face"))
    added = 0
    while chunk := list(islice(waiting, COMMIT)):
        with store.transaction():
            keys = [_digest(face.subject) for face in chunk]
            added += sum(
                store.add(_record(key, face.subject))
                for key, face in zip(keys, chunk, strict=True)
                if key not in store
            )
    return added


def _record(key: str, subject: Subject) -> Record:
    return Record(
        key=key,
        dataset=subject.dataset,
        name=subject.name,
        labels=subject.labels,
        source="template",
        model=str(GRAMMAR_VERSION),
        # The wording varies over a data set, and stays the same for a face.
        description=describe_labels(subject.labels, seed=int(key[:8], 16)),
        refusal=None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        input_tokens=0,
        output_tokens=0,
        cost_usd=0.0,
    )


def _digest(subject: Subject) -> str:
    """Hash of all that makes the text: the face's name (as its seed), labels and the grammar."""
    content = [str(GRAMMAR_VERSION), subject.dataset, subject.name, labels_to_json(subject.labels)]
    return blake2b(json.dumps(content).encode(), digest_size=20).hexdigest()
