"""The ensemble end to end in miniature: members trained, measured, and a student that listens."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.__main__ import main
from distill.config import (
    ConfigError,
    DistillationConfig,
    EnsembleConfig,
    Recipe,
    ViewConfig,
    load_ensemble,
    load_recipe,
)
from distill.evaluation.evaluate_blendshapes import blendshape_agreement, blendshape_scores
from distill.evaluation.evaluate_teacher import Outputs, TeacherFigures, outputs_of
from distill.faces.views import views, zoom
from distill.networks.architectures import build_network
from distill.networks.edge import EdgeNet
from distill.prepare import prepare
from distill.training.action_units import train_action_units
from distill.training.bundle_teacher import open_bundle_teacher
from distill.training.checkpoint import load_network
from distill.training.distillation import distillation_loss
from distill.training.finetune_emotion import settle
from distill.training.losses import unit_agreement_loss
from distill.training.phase2 import coded_source
from distill.training.pretrain import train
from distill.training.teacher import (
    Ensemble,
    find_teacher,
    load_members,
    open_ensemble,
    teacher_key,
)
from mf2_edge import FaceStateAnalyzer
from tests.helpers.tiny_training import RECIPE, tiny_recipe, write_blendshapes, write_recipe

ONCE = ViewConfig(scales=(1.0,), mirrored=False)
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trained members, their recipes and the ensemble's file."""
    folder = tmp_path_factory.mktemp("ensemble")
    recipe = tiny_recipe(folder)
    prepare(recipe, workers=1)
    write_blendshapes(recipe)
    for seed in (0, 1):
        member = replace(recipe, name=f"member{seed}", training_seed=seed)
        train(member)
        train_action_units(member)
        write_recipe(member, folder / f"member{seed}.toml")
    _write_ensemble(folder / "teacher.toml", ("member0.toml", "member1.toml"))
    return folder


def _write_ensemble(path: Path, members: tuple[str, ...]) -> None:
    seen = ViewConfig(scales=(1.0, 1.1), mirrored=True)
    config = EnsembleConfig(name="teacher", members=members, views=seen, lesson_views=ONCE)
    path.write_bytes(msgspec.toml.encode(config))


def _members(folder: Path) -> list[Recipe]:
    return load_members(load_ensemble(folder / "teacher.toml"), folder)


def test_a_bundle_answers_as_it_does_for_users() -> None:
    recipe = replace(load_recipe(RECIPE), teacher="mf2-edge-base")
    analyzer = FaceStateAnalyzer()
    with np.load(analyzer.bundle.path / "goldens.npz") as goldens:
        aligned = goldens["aligned"][:2]
    spec = recipe.preprocessing
    normalised = (aligned - np.array(spec.mean)) / np.array(spec.std)
    images = torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float()
    teacher = find_teacher(recipe, build_network(recipe), None, torch.device("cpu"))
    answers = teacher(images)
    assert answers.action_units is None
    head = analyzer.bundle.manifest.head("emotion").output
    for told, face in zip(answers.emotion, aligned, strict=True):
        expected = analyzer.runtime.run(analyzer.preprocess(face))[head][0]
        np.testing.assert_allclose(told, expected, atol=1e-4)
    assert teacher_key(recipe, "0") == teacher_key(recipe, None) == analyzer.artifact.sha256


def test_a_bundle_shows_the_face_vector_that_a_recipe_learns() -> None:
    recipe = replace(
        load_recipe(RECIPE), teacher="mf2-edge-m", lessons=DistillationConfig(share=0.5)
    )
    faces = torch.rand(2, 3, 112, 112) * 2 - 1
    assert open_bundle_teacher(recipe)(faces).face_vector is None
    assert recipe.lessons is not None
    learner = replace(recipe, lessons=replace(recipe.lessons, embedding=1.0))
    answers = open_bundle_teacher(learner)(faces)
    vector = answers.face_vector
    assert vector is not None
    told = open_bundle_teacher(learner).analyzer.bundle.manifest.embeddings[0]
    assert (told.name, vector.shape) == ("face_vector", (2, told.width))
    settings = replace(recipe.network, weights=None, architecture="edge")
    network = build_network(replace(recipe, network=settings))
    assert isinstance(network, EdgeNet)
    reading = network.read(faces)
    assert learner.lessons is not None
    assert distillation_loss(reading, answers, learner.lessons) > 0
    knowing = dataclasses.replace(reading, embedding=vector)
    assert distillation_loss(knowing, answers, learner.lessons) == 0


@pytest.mark.parametrize(
    ("teacher", "width", "told"),
    [("mf2-edge-base", 512, "tells none"), ("mf2-edge-m", 64, "tells one of 512 values")],
)
def test_a_bundle_without_that_face_vector_cannot_teach_it(
    teacher: str, width: int, told: str
) -> None:
    recipe = load_recipe(RECIPE)
    recipe = replace(
        recipe,
        teacher=teacher,
        network=replace(recipe.network, taught_width=width),
        lessons=DistillationConfig(share=0.5, embedding=1.0),
    )
    with pytest.raises(ConfigError, match=told):
        open_bundle_teacher(recipe)


def test_a_bundle_that_reads_other_faces_cannot_teach() -> None:
    recipe = replace(load_recipe(RECIPE), teacher="mf2-edge-base", emotions=("neutral", "fear"))
    with pytest.raises(ConfigError, match=r"mf2-edge-base and \S+ differ in emotions"):
        open_bundle_teacher(recipe)


def test_views_zoom_about_the_centre_and_mirror() -> None:
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    faces = torch.stack([x, y, x + y])[None]
    seen = views(faces, ViewConfig(scales=(1.0, 2.0), mirrored=True))
    assert len(seen) == 4
    assert torch.equal(seen[0], faces)
    assert torch.equal(seen[2], faces.flip(3))
    torch.testing.assert_close(zoom(faces, 2.0)[0, :2, 8:10, 8], faces[0, :2, 8:10, 8] / 2 + 3.75)
    assert zoom(faces, 0.5)[0, 0, 8].tolist()[:4] == [0, 0, 0, 0]  # the edge, repeated


def test_the_ensemble_answers_with_the_mean_of_its_members(folder: Path) -> None:
    members = _members(folder)
    faces = torch.randn(3, 3, 112, 112)
    both = open_ensemble(members, ONCE, "0")(faces)
    alone = [open_ensemble([member], ONCE, "0")(faces) for member in members]
    torch.testing.assert_close(both.emotion, (alone[0].emotion + alone[1].emotion) / 2)
    units = [answers.action_units for answers in alone]
    assert both.action_units is not None
    assert units[0] is not None
    assert units[1] is not None
    torch.testing.assert_close(both.action_units, (units[0] + units[1]) / 2)
    assert not torch.allclose(units[0], units[1])
    assert open_ensemble(members, ONCE, None)(faces).action_units is None


def test_each_fold_listens_to_networks_that_never_saw_its_subjects(folder: Path) -> None:
    member = _members(folder)[0]
    ensemble = open_ensemble([member], ONCE, "1")
    fold = torch.load(member.run_folder / "folds" / "1.pt", weights_only=True)["network"]
    found = ensemble.for_units[0].state_dict()
    assert all(torch.equal(value, found[name]) for name, value in fold.items())


def test_who_listens_notices_a_member_that_was_trained_again(folder: Path) -> None:
    member = _members(folder)[0]
    pupil = replace(member, name="pupil", teacher=str(folder / "teacher.toml"))
    before = {job: teacher_key(pupil, job) for job in ("0", "1", None)}
    os.utime(member.run_folder / "folds" / "1.pt")
    after = {job: teacher_key(pupil, job) for job in ("0", "1", None)}
    assert [job for job in before if before[job] != after[job]] == ["1"]
    assert teacher_key(member, "1") == ""


def test_outputs_are_out_of_fold_and_those_of_each_view(folder: Path) -> None:
    member = _members(folder)[0]
    outputs = outputs_of(member, ViewConfig(scales=(1.0,), mirrored=True))
    with np.load(member.run_folder / "folds.npz") as folds:
        np.testing.assert_allclose(outputs.units[0], folds["logits"], atol=1e-4)
    assert outputs.units.shape[0] == 2
    assert not np.allclose(outputs.units[0], outputs.units[1])
    assert set(outputs.emotion) == {("rafdb", "valid"), ("ferplus", "valid"), ("ferplus", "test")}


def test_figures_are_written_for_each_member_and_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With logits that come from the labels: miniatures learn nothing that could be measured."""
    rng = np.random.default_rng(0)

    def noisy(member: Recipe, seen: ViewConfig) -> Outputs:
        known = outputs_of(member, seen)
        truth = np.nan_to_num(coded_source(member).store.action_units)
        units = 2 * truth - 1 + rng.normal(0, 1.1, known.units.shape)
        return Outputs(known.emotion, units.astype(np.float32), known.wild_units)

    monkeypatch.setattr("distill.evaluation.evaluate_teacher.outputs_of", noisy)
    out = folder / "teacher.json"
    assert main(["teacher", "--config", str(folder / "teacher.toml"), "--out", str(out)]) == 0
    figures = msgspec.json.decode(out.read_bytes(), type=list[TeacherFigures])
    own, other, both = (set(row.sha256) for row in figures[:3])
    assert own | other == both
    assert not own & other
    assert [(row.network, row.views) for row in figures] == [
        (name, count) for count in (1, 4) for name in ("member0", "member1", "teacher")
    ]
    correlation = "mean Spearman correlation"
    wanted = ["mean F1", "mean AUC", "accuracy", correlation, "accuracy", "accuracy"]
    assert [accuracy.metric for accuracy in figures[0].accuracy] == wanted
    auc = [row.accuracy[1].value for row in figures]
    assert auc[5] > auc[0]  # noise averages out over members and views
    assert "teacher, 4 views: CK+ mean F1" in capsys.readouterr().out


def test_a_student_listens_to_the_ensemble_in_both_phases(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = _members(folder)[0]
    heard: list[bool] = []
    listen = Ensemble.__call__

    def listening(self: Ensemble, images: torch.Tensor) -> object:
        answers = listen(self, images)
        heard.append(answers.action_units is not None)
        return answers

    monkeypatch.setattr(Ensemble, "__call__", listening)
    student = replace(
        member,
        name="student",
        teacher=str(folder / "teacher.toml"),
        network=replace(member.network, continues=str(member.run_folder / "wild.pt")),
        train=replace(member.train, steps=0),
        action_unit_training=replace(member.action_unit_training, unit_distillation=1.0),
    )
    train(student)
    start, before = (
        load_network(recipe.run_folder / "wild.pt").network.state_dict()
        for recipe in (student, member)
    )
    assert all(torch.equal(v, start[k]) for k, v in before.items() if "action_units" not in k)
    train_action_units(student)
    assert len(heard) > 0
    assert all(heard)
    heard.clear()
    assert student.settling is not None
    settle(student, student.settling)
    assert len(heard) > 0
    assert not any(heard)


def test_faces_without_labels_join_the_replay(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    rafdb = recipe.data["rafdb"]
    faces = replace(rafdb, reader="unlabelled", validation=0.0)
    recipe = replace(recipe, data={**recipe.data, "faces": faces})
    recipe = replace(
        recipe,
        action_unit_training=replace(
            recipe.action_unit_training, replay={"faces": 4}, unit_distillation=1.0
        ),
    )
    prepare(recipe, workers=1)
    write_blendshapes(recipe)
    train(recipe)
    assert train_action_units(recipe).is_file()


def test_who_is_alone_listens_to_phase_one(folder: Path) -> None:
    member = _members(folder)[0]
    network = load_network(member.run_folder / "wild.pt").network
    faces = torch.randn(2, 3, 112, 112)
    answers = find_teacher(member, network, "0", torch.device("cpu"))(faces)
    torch.testing.assert_close(answers.emotion, network(faces)[0])
    assert answers.action_units is None


def test_members_that_differ_in_labels_or_folds_are_refused(folder: Path) -> None:
    other = replace(_members(folder)[0], name="other", seed=5)
    write_recipe(other, folder / "other.toml")
    _write_ensemble(folder / "mixed.toml", ("member0.toml", "other.toml"))
    with pytest.raises(ConfigError, match="other and member0 differ in seed"):
        load_members(load_ensemble(folder / "mixed.toml"), folder)


def test_a_member_that_is_not_trained_is_named(folder: Path) -> None:
    member = _members(folder)[0]
    with pytest.raises(FileNotFoundError, match="train member0 first"):
        open_ensemble([member], ONCE, "9")


def test_the_shipped_teacher_is_valid() -> None:
    path = RECIPE.with_name("teacher.toml")
    assert len(load_members(load_ensemble(path), path.parent)) >= 2


def test_agreement_on_units_is_least_at_the_teachers_own_answer() -> None:
    teacher = torch.tensor([[2.0, -1.0, 0.5]])
    own = unit_agreement_loss(teacher, teacher)
    assert own < unit_agreement_loss(teacher + 0.5, teacher)
    assert own < unit_agreement_loss(teacher - 0.5, teacher)
    entropy = -np.mean([p * np.log(p) + (1 - p) * np.log(1 - p) for p in teacher.sigmoid().numpy()])
    assert own.item() == pytest.approx(entropy, rel=1e-4)


def test_correlation_with_blendshapes_is_by_rank_and_skips_faces_not_found() -> None:
    recipe = load_recipe(RECIPE)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(50, len(recipe.action_units))).astype(np.float32)
    scores = np.full_like(logits, np.nan)
    first, second = recipe.action_units.index("AU1"), recipe.action_units.index("AU2")
    scores[:40, first] = np.exp(logits[:40, first])
    scores[:40, second] = -logits[:40, second]
    scores[:40, recipe.action_units.index("AU4")] = 0.0
    found = blendshape_agreement(recipe, "rafdb", logits, scores)
    assert {unit: label.value for unit, label in found.labels.items()} == {"AU1": 1.0, "AU2": -1.0}
    assert found.labels["AU1"].support == 40
    assert found.n == 40


def test_blendshapes_are_read_by_unit(folder: Path) -> None:
    member = _members(folder)[0]
    path = member.cache_folder / "rafdb"
    with np.load(path / "blendshapes.npz") as saved:
        scores = saved["scores"][:, saved["names"].tolist().index("mouthSmileLeft")]
    found = blendshape_scores(path, ("AU12", "AU6"))
    assert (found[:, 0] >= scores).all()
    assert np.isnan(found[:, 1]).all()
