"""A face's own texts: which there are, which faces contradict one another, and what is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distill.config import Recipe
from distill.faces.batches import make_batches
from distill.faces.store import load_faces
from distill.language import own_texts as own_texts_module
from distill.language import texts as texts_module
from distill.language.own_texts import (
    CHANGED,
    FILE,
    REGION,
    WHOLE,
    contradictions,
    load_own_words,
    make_own_texts,
    one_unit_off,
    own_texts,
    region_contradictions,
)
from distill.mfa.records.schema import (
    ActionUnitText,
    CodedDescription,
    FaceLabels,
    Record,
    RegionText,
)
from distill.training.distributed import join_world
from distill.training.init import start_network
from distill.training.loop import make_objective
from distill.training.sources.stored import training_sources
from mf2_edge.facs import REGIONS
from tests.helpers.tiny_teacher import prepared_teacher

LABELS = FaceLabels("happiness", frozenset({"AU6", "AU12"}), frozenset({"AU4", "AU15"}))
NAN = float("nan")


def drawn(texts: Sequence[str], encoder: str) -> NDArray[np.float32]:
    """A unit vector for each text, in place of a minute of the sentence encoder's."""
    rows = [np.random.default_rng(crc32(text.encode())).standard_normal(384) for text in texts]
    found: NDArray[np.float32] = np.array(rows, dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (own_texts_module, texts_module):
            patch.setattr(module, "encode_texts", drawn)
        yield


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A miniature MF² whose faces have texts of their own, by the grammar."""
    made = prepared_teacher(tmp_path_factory.mktemp("own"))
    assert made.texts is not None
    texts = msgspec.structs.replace(made.texts, own=0.5)
    made = msgspec.structs.replace(made, texts=texts)
    make_own_texts(made, texts)
    return made


def test_a_coder_s_texts_are_of_the_whole_of_regions_and_wrong_in_one_unit(recipe: Recipe) -> None:
    told = CodedDescription(
        action_units=[ActionUnitText(action_unit="AU12", text="Lip corners rise.")],
        emotion="Looks glad.",
        face="Lip corners rise below smiling eyes; looks glad.",
        regions=[
            RegionText(region="eyes", text="Smiling eyes."),
            RegionText(region="mouth", text="Lip corners rise."),
        ],
    )
    record = Record(
        "0123abcd", "wild", "a.jpg", LABELS, "coder", "m", told, None, "2026-01-01", 0, 0, 0.0
    )
    found = list(own_texts(record, recipe))
    assert [kind for _, kind, _ in found] == [WHOLE] * 4 + [REGION] * 2 + [CHANGED] * 2
    assert found[0][0] == told.face
    assert found[3][0] == "Smiling eyes. Lip corners rise."
    assert [region for _, _, region in found[4:6]] == [REGIONS.index(r) for r in ("eyes", "mouth")]
    assert len({text for text, _, _ in found}) >= 6


def test_hard_negatives_differ_in_one_unit() -> None:
    units = ("AU4", "AU6", "AU12", "AU15", "AU26")
    without, more = one_unit_off(LABELS, units, seed=3)
    assert len(LABELS.present - without.present) == 1
    assert without.present < LABELS.present < more.present
    assert len(more.present - LABELS.present) == 1
    assert more.present - LABELS.present <= LABELS.absent  # nothing unknown is claimed
    assert not list(one_unit_off(FaceLabels(None, frozenset(), frozenset()), units, 0))


def test_faces_contradict_one_another_by_what_is_known() -> None:
    emotion = torch.tensor([[1.0, 0.0], [0.0, 1.0], [NAN, NAN], [0.9, 0.1]])
    units = torch.tensor([[1.0, NAN], [1.0, NAN], [0.0, 1.0], [1.0, 0.0]])
    expected = [
        [False, True, True, False],  # emotions; a unit; unknown contradicts nothing
        [True, False, True, True],
        [True, True, False, True],
        [False, True, True, False],
    ]
    assert contradictions(emotion, units).tolist() == expected
    labels = ("AU4", "AU12")
    brows, nose = (
        region_contradictions(units, labels, REGIONS.index(name)) for name in ("brows", "nose")
    )
    assert brows.tolist() == [[a, a, not a, a] for a in (False, False, True, False)]
    assert not nose.any()  # no unit of it is coded


def test_faces_find_their_own_texts(recipe: Recipe) -> None:
    own = load_own_words(recipe)
    assert own.rows
    for (dataset, row), rows in own.rows.items():
        name = load_faces(recipe, dataset).names[row]
        assert {str(own.texts.names[own.texts.face[i]]) for i in rows} == {f"{dataset}/{name}"}
    keys = [*own.rows, ("nowhere", 0)]
    places, drawn = own.draw(keys, WHOLE, np.random.default_rng(0))
    assert places.tolist() == list(range(len(own.rows)))
    assert (own.texts.kind[drawn] == WHOLE).all()


def test_own_texts_are_learned_beside_the_bank(recipe: Recipe) -> None:
    assert recipe.texts is not None
    sources = training_sources(recipe, None)
    batch = make_batches(recipe, sources, recipe.train.batch, 0)[0]
    network = start_network(recipe).train()

    shipped = recipe.texts

    def text_loss(own: float) -> torch.Tensor:
        texts = msgspec.structs.replace(shipped, own=own)
        changed = msgspec.structs.replace(recipe, texts=texts)
        torch.manual_seed(0)
        objective = make_objective(changed, sources, None, join_world())
        return objective.losses(network, batch, 0)["text"]

    bank, both = text_loss(0.0), text_loss(0.5)
    assert both > bank
    both.backward()  # type: ignore[no-untyped-call]
    assert network.face_to_text.weight.grad is not None  # type: ignore[union-attr]


def test_texts_are_encoded_again_only_if_they_changed(recipe: Recipe) -> None:
    assert recipe.texts is not None
    path = recipe.run_folder / FILE
    before = path.stat().st_mtime_ns
    make_own_texts(recipe, recipe.texts)
    assert path.stat().st_mtime_ns == before
    less = msgspec.structs.replace(recipe, unseen=("fear",))
    make_own_texts(less, recipe.texts)
    assert path.stat().st_mtime_ns != before
    make_own_texts(recipe, recipe.texts)


def test_missing_own_texts_are_told(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="distill texts"):
        load_own_words(msgspec.structs.replace(recipe, runs=str(tmp_path)))
