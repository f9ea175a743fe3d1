"""MFA-wild as a data set: its codes, and the pictures of the data sets that they belong to."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from distill.datasets.labelled import LabelledFace
from distill.datasets.layout import refuse
from distill.datasets.tree import Tree
from distill.datasets.wild.codes import UNITS, CodedFace, CodesError
from distill.datasets.wild.files import load_codes
from distill.datasets.wild.targets import RUNNER_UP

_log = logging.getLogger(__name__)


def read_wild(tree: Tree) -> Iterator[LabelledFace]:
    """The coded faces whose pictures are there, splits train and valid (see `split_of`).

    Looks for `fairface/train/N.jpg`, `rafdb/basic/Image/aligned/train_N_aligned.jpg`,
    `lfw/NAME.jpg` and `ferplus/FER2013Train/ferN.png`: a folder that holds the data sets, or a TOML
    file that says where each is (see `distill.datasets.tree`). A unit is known where every coder
    decided alike; the distribution of emotions has the runners-up. For ordinal and soft targets,
    regions and sentences take the names to `find_codes` and the faces to `wild_targets`.
    """
    names = set(tree.names())
    codes = load_codes()
    found = [face for face in codes if face.name in names]
    if not found:
        refuse(
            "MFA-wild", "picture fairface/, rafdb/, lfw/ or ferplus/ of a coded face", sorted(names)
        )
    if len(found) < len(codes):
        _log.warning(
            "%s of %s coded faces have no picture here", len(codes) - len(found), len(codes)
        )
    for face in found:
        known = {unit: face.presence(unit) for unit in UNITS}
        yield LabelledFace(
            face.name,
            face.split,
            face.agreed_emotion(),
            shares=face.emotion_shares(RUNNER_UP),
            action_units=frozenset(unit for unit, present in known.items() if present),
            coded=frozenset(unit for unit, present in known.items() if present is not None),
            subject=face.subject,
            groups=groups_of(face.age, face.gender, face.race),
        )


def find_codes(names: Sequence[str], faces: Sequence[CodedFace] | None = None) -> list[CodedFace]:
    """The coded faces of names that `read_wild` gave, in their order.

    `faces` are those to look in, all that come with the project if None. Raises CodesError for a
    name that is not coded.
    """
    known = {face.name: face for face in (load_codes() if faces is None else faces)}
    missing = [name for name in names if name not in known]
    if missing:
        raise CodesError(
            f"{len(missing)} of {len(names)} faces are not coded, {missing[0]} the first: expected "
            "names as `read_wild` gives them, fairface/train/1.jpg"
        )
    return [known[name] for name in names]


def groups_of(age: str | None, gender: str | None, race: str | None) -> dict[str, str]:
    """FairFace's labels by their name, those that are known."""
    labels = {"age": age, "gender": gender, "race": race}
    return {name: label for name, label in labels.items() if label is not None}
