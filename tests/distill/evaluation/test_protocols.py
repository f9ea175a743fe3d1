"""Protocols: which faces are evaluated, which folds they fall into, and what is refused."""

from __future__ import annotations

import pytest

from distill.datasets import EMOTIONS, READERS, LabelledFace
from distill.evaluation.protocols.datasets import PROTOCOLS, find_protocol
from distill.evaluation.protocols.folds import ProtocolError


def _coded(subject: str, name: str = "x") -> LabelledFace:
    return LabelledFace(name, "dev", action_units=frozenset({"AU1"}), subject=subject)


def test_every_data_set_with_labels_has_a_protocol() -> None:
    assert set(PROTOCOLS) == set(READERS) - {"unlabelled", "fairface", "made-up"}


@pytest.mark.parametrize("dataset", ["disfa", "bp4d"])
def test_a_fold_judges_its_own_subjects_and_leaves_it_all_others(dataset: str) -> None:
    protocol = find_protocol(dataset, "3fold")
    assert protocol.fold_subjects is not None
    published = protocol.fold_subjects([])
    faces = [_coded(subject) for part in published for subject in sorted(part)]
    folds = protocol.folds(faces)
    for fold, subjects in zip(folds, published, strict=True):
        assert {faces[row].subject for row in fold.evaluated} == subjects
        assert {faces[row].subject for row in fold.train}.isdisjoint(subjects)
        assert len(fold.evaluated) + len(fold.train) == len(faces)


def test_an_incomplete_data_set_and_an_unknown_subject_are_refused() -> None:
    protocol = find_protocol("disfa", "3fold")
    with pytest.raises(ProtocolError, match=r"no face to evaluate \(fold 2.*whole data set"):
        protocol.folds([_coded("SN001"), _coded("SN003")])
    with pytest.raises(ProtocolError, match="SN099 are in no fold"):
        protocol.folds([_coded(subject) for subject in ("SN001", "SN006", "SN003", "SN099")])


def test_ten_folds_of_ckplus_deal_subjects_in_order() -> None:
    subjects = [f"S{number:03d}" for number in range(5, 28)]
    faces = [_coded(subject) for subject in subjects for _ in range(2)]
    folds = find_protocol("ckplus", "10fold").folds(faces)
    assert [faces[row].subject for row in folds[1].evaluated][::2] == ["S006", "S016", "S026"]
    assert sorted(row for fold in folds for row in fold.evaluated) == list(range(len(faces)))


def test_ferplus_leaves_leaks_out_unless_asked() -> None:
    faces = [
        LabelledFace(f"{part}{emotion}", part, emotion)
        for part in ("train", "valid", "test", "leak")
        for emotion in ("fear", None)
    ]
    assert find_protocol("ferplus", "test").folds(faces)[0].evaluated.tolist() == [4]
    assert find_protocol("ferplus", "test-with-leaks").folds(faces)[0].evaluated.tolist() == [4, 6]


def test_affectnet_of_seven_leaves_contempt_out() -> None:
    faces = [LabelledFace(emotion, "valid", emotion) for emotion in EMOTIONS]
    faces += [LabelledFace("nameless", "valid"), LabelledFace("trained", "train", "fear")]
    [eight] = find_protocol("affectnet", "valid-8").folds(faces)
    [seven] = find_protocol("affectnet", "valid-7").folds(faces)
    assert {faces[row].emotion for row in eight.evaluated} == set(EMOTIONS)
    assert {faces[row].emotion for row in seven.evaluated} == set(EMOTIONS) - {"contempt"}


def test_a_part_that_is_missing_is_named() -> None:
    with pytest.raises(ProtocolError, match="parts found: train"):
        find_protocol("rafdb", "test").folds([LabelledFace("a", "train", "fear")])


@pytest.mark.parametrize(
    ("dataset", "name", "problem"),
    [
        ("disfa", "5fold", "no protocol '5fold'; there is --protocol 3fold"),
        ("affectnet", None, "name a protocol; there is --protocol valid-8 or valid-7"),
        ("lfw", "test", "no data set 'lfw'; expected one of ferplus, rafdb"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    dataset: str, name: str | None, problem: str
) -> None:
    with pytest.raises(ProtocolError, match=problem):
        find_protocol(dataset, name)
