"""Which faces of FairFace, RAF-DB, LFW and FER+ are held out, whoever codes or reads them."""

from __future__ import annotations

from typing import Final

from distill.datasets.labelled import draw

SEED: Final = 0
VALIDATION: Final = 1 / 7
"""Held-out part of FairFace and LFW."""
RAFDB_VALIDATION: Final = 0.1
"""Held-out part of RAF-DB: that of the recipes, since their networks were trained on the rest."""

_TESTS: Final = {"fairface": ("val/",), "rafdb": ("test_",), "ferplus": ("FER2013Test/",)}
_FERPLUS_VALID: Final = "FER2013Valid/"
RAFDB_PICTURES: Final = "basic/Image/aligned"


def split_of(dataset: str, image: str) -> str:
    """The split of a picture: "train", "valid", or "test" for what its data set keeps for tests.

    Adding faces moves no other: the split is drawn from a hash of the name. LFW is split by person,
    which its file names tell, FairFace by photograph. A picture of RAF-DB is in "valid" if and only
    if it is in the validation part of the recipes (0.1, seed 0), one of FER+ if FER+ has it there.
    """
    if image.startswith(_TESTS.get(dataset, ())):
        return "test"
    if dataset == "ferplus":
        return "valid" if image.startswith(_FERPLUS_VALID) else "train"
    if dataset == "rafdb":
        return _split(rafdb_picture(image), RAFDB_VALIDATION)
    name = image.rpartition("_")[0] if dataset == "lfw" else image
    return _split(f"{dataset}/{name}", VALIDATION)


def rafdb_picture(image: str) -> str:
    """Where RAF-DB keeps the aligned picture of `train_00001.jpg`."""
    return f"{RAFDB_PICTURES}/{image.removesuffix('.jpg')}_aligned.jpg"


def _split(name: str, validation: float) -> str:
    return "valid" if draw(name, SEED) < validation else "train"
