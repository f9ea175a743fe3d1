"""The shipped bundle on real faces, pixels to state: what training and evaluation promised holds.

Needs the data folder beside the project, which is not part of it; skips where that is missing.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from distill.config import load_recipe
from distill.datasets import READERS, LabelledFace
from distill.datasets.tree import Tree, open_tree
from distill.prepare import split_of
from mf2_edge import FaceStateAnalyzer, Status
from tests.helpers.tiny_training import RECIPE

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def analyzer() -> FaceStateAnalyzer:
    return FaceStateAnalyzer()


@pytest.mark.slow
def test_emotion_on_held_out_rafdb_is_as_good_as_the_manifest_says(
    analyzer: FaceStateAnalyzer,
) -> None:
    recipe = load_recipe(RECIPE)
    tree = _open("rafdb_train.tar")
    held_out = [
        face
        for face in READERS["rafdb"](tree)
        if split_of(face, recipe.data["rafdb"], recipe.seed) == "valid"
    ][::3]  # from all of it: the list is sorted by emotion
    states = analyzer.predict_crops([_pixels(tree, face) for face in held_out])
    pairs = zip(states, held_out, strict=True)
    accuracy = np.mean([state.emotion.label == face.emotion for state, face in pairs])
    [measured] = [a for a in analyzer.bundle.manifest.accuracy if a.dataset.startswith("RAF-DB")]
    # Three standard errors of an accuracy over 404 faces.
    assert accuracy == pytest.approx(measured.value, abs=0.05)
    assert np.mean([state.status is not Status.UNALIGNED for state in states]) > 0.97


def test_a_wide_smile_of_ckplus_shows_its_units(analyzer: FaceStateAnalyzer) -> None:
    tree = _open("ckplus_dev.tar")
    smiles = [
        face
        for face in READERS["ckplus"](tree)
        if face.action_units and face.action_units >= {"AU6", "AU12", "AU25"}
    ]
    states = analyzer.predict_crops([_pixels(tree, face) for face in smiles])
    for unit in ("AU12", "AU25"):
        assert np.mean([state.action_units[unit].present for state in states]) > 0.9
    assert np.mean([state.emotion.label == "happiness" for state in states]) > 0.8


def _open(name: str) -> Tree:
    if not (DATA / name).is_file():
        pytest.skip(f"needs ../shared/data/{name}, which is not part of the project")
    return open_tree(DATA / name)


def _pixels(tree: Tree, face: LabelledFace) -> NDArray[np.uint8]:
    encoded = np.frombuffer(tree.read(face.name), dtype=np.uint8)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
