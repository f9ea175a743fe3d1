"""`mfa build --source coder`: the records of MFA-wild, without network, pictures or cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from distill.config import Recipe
from distill.datasets.wild.files import FOLDER, load_parts
from distill.mfa.errors import MfaError
from distill.mfa.records.store import Store
from distill.mfa.wild.records import coded_records

READER: Final = "wild"


def add_coded(recipe: Recipe, splits: Sequence[str], store: Store) -> int:
    """Add a record for each coded face that has none; returns how many.

    The records are of the recipe's data set that is read by `wild`. `splits` are those wanted, all
    if there are none. Raises MfaError for a recipe without such a data set.
    """
    names = [name for name, data in recipe.data.items() if data.reader == READER]
    if not names:
        raise MfaError(
            f"the recipe has no data set with reader = {READER!r}: docs/mfa-wild.md has one"
        )
    added = 0
    with store.transaction():
        for part, faces in load_parts(FOLDER):
            wanted = [face for face in faces if not splits or face.split in splits]
            added += sum(map(store.add, coded_records(wanted, names[0], part.coder)))
    return added
