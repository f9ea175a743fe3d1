"""Teachers in miniature: an ensemble, its cached outputs, a bundle; and a student of them."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from distill.config import ConfigError, Recipe, load_recipe
from distill.ensemble_config import EnsembleConfig, ViewConfig, load_ensemble
from distill.evaluation.command import main as evaluate
from distill.evaluation.protocols.ensemble import TeacherMetrics, evaluate_teacher
from distill.faces.batches import Batch, centre_tensor, make_batches
from distill.faces.views import views, zoom
from distill.networks.architectures import build_network
from distill.networks.edge import EdgeNet
from distill.prepare import prepare
from distill.train_config import DistillationConfig
from distill.training.checkpoint import CheckpointError, load_network
from distill.training.distributed import join_world
from distill.training.init import start_network
from distill.training.loop import make_objective, train
from distill.training.losses.distillation import distillation_loss
from distill.training.sources.stored import training_sources
from distill.training.teachers.bundle import open_bundle_teacher
from distill.training.teachers.cache import CachedTeacher
from distill.training.teachers.ensemble import load_members, open_ensemble
from distill.training.teachers.find import find_teacher, teacher_key
from mf2_edge import FaceStateAnalyzer, load_bundle
from tests.helpers.tiny_training import RECIPE, tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

ONCE = ViewConfig(scales=(1.0,), mirrored=False)
CPU = torch.device("cpu")
replace = msgspec.structs.replace


def batch_of(images: torch.Tensor) -> Batch:
    return Batch(images, {}, images[:, 0, 0], 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members trained on all faces and without fold 1, their recipes, the ensemble's file."""
    folder = tmp_path_factory.mktemp("ensemble")
    recipe = tiny_recipe(folder)
    prepare(recipe, workers=1)
    recipe = replace(recipe, train=replace(recipe.train, steps=2))
    for seed in (0, 1):
        member = replace(recipe, name=f"member{seed}", training_seed=seed)
        train(member)
        train(member, 1)
        write_recipe(member, folder / f"member{seed}.toml")
    _write_ensemble(folder / "teacher.toml", ("member0.toml", "member1.toml"))
    return folder


def _write_ensemble(path: Path, members: tuple[str, ...]) -> None:
    seen = ViewConfig(scales=(1.0, 1.1), mirrored=True)
    config = EnsembleConfig(name="teacher", members=members, views=seen, training_views=ONCE)
    path.write_bytes(msgspec.toml.encode(config))


def _members(folder: Path) -> list[Recipe]:
    return load_members(load_ensemble(folder / "teacher.toml"), folder)


def _student(folder: Path, **settings: object) -> Recipe:
    distillation = DistillationConfig(share=0.5, **settings)  # type: ignore[arg-type]
    return replace(
        _members(folder)[0],
        name="student",
        teacher=str(folder / "teacher.toml"),
        distillation=distillation,
    )


def test_a_bundle_teaches_the_emotion_that_it_gives_users() -> None:
    shipped = load_recipe(RECIPE)
    recipe = replace(shipped, teacher="mf2-edge-base", distillation=DistillationConfig(share=0.5))
    analyzer = FaceStateAnalyzer()
    with np.load(analyzer.bundle.path / "goldens.npz") as goldens:
        aligned = goldens["aligned"][:2]
    spec = recipe.preprocessing
    normalised = (aligned - np.array(spec.mean)) / np.array(spec.std)
    images = torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float()
    teacher = find_teacher(recipe, None, CPU)
    assert teacher is not None
    outputs = teacher(batch_of(images))
    assert outputs.logits.keys() == {"emotion"}
    head = analyzer.bundle.manifest.head("emotion").output
    for found, face in zip(outputs.logits["emotion"], aligned, strict=True):
        expected = analyzer.runtime.run(analyzer.preprocess(face))[head][0]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert teacher_key(recipe, 0) == teacher_key(recipe, None) == analyzer.artifact.sha256
    assert find_teacher(shipped, None, CPU) is None


def test_a_bundle_returns_the_embedding_that_a_recipe_learns() -> None:
    recipe = replace(
        load_recipe(RECIPE), teacher="mf2-edge-m", distillation=DistillationConfig(share=0.5)
    )
    faces = batch_of(torch.rand(2, 3, 112, 112) * 2 - 1)
    assert open_bundle_teacher(recipe)(faces).embedding is None
    settings = DistillationConfig(share=0.5, embedding=1.0)
    student = replace(recipe, distillation=settings)
    outputs = open_bundle_teacher(student)(faces)
    assert outputs.embedding is not None
    width = open_bundle_teacher(student).analyzer.bundle.manifest.embeddings[0].width
    assert outputs.embedding.shape == (2, width)
    edge = replace(recipe.network, init_from=None, architecture="edge")
    network = build_network(replace(recipe, network=edge))
    assert isinstance(network, EdgeNet)
    features = network.read(faces.images)
    assert distillation_loss(features, outputs, settings) > 0
    same = dataclasses.replace(features, embedding=outputs.embedding)
    assert distillation_loss(same, outputs, settings) == 0


@pytest.mark.parametrize(
    ("told", "message"), [(True, "returns one of 512 values"), (False, "returns none")]
)
def test_a_bundle_without_that_embedding_cannot_teach_it(
    told: bool, message: str, tmp_path: Path
) -> None:
    shipped = load_bundle("mf2-edge-m")
    manifest = shipped.manifest if told else replace(shipped.manifest, embeddings=())
    teacher = Path(shutil.copytree(shipped.path, tmp_path / "mf2-edge-m"))
    (teacher / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    recipe = load_recipe(RECIPE)
    recipe = replace(
        recipe,
        teacher=str(teacher),
        network=replace(recipe.network, taught_width=64),
        distillation=DistillationConfig(share=0.5, embedding=1.0),
    )
    with pytest.raises(ConfigError, match=message):
        open_bundle_teacher(recipe)


def test_a_bundle_of_other_emotions_cannot_teach() -> None:
    recipe = replace(
        load_recipe(RECIPE),
        teacher="mf2-edge-base",
        distillation=DistillationConfig(share=0.5),
        emotions=("neutral", "fear"),
    )
    with pytest.raises(ConfigError, match=r"mf2-edge-base and \S+ differ in labels of emotion"):
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


def test_the_ensemble_averages_its_members_in_every_head(folder: Path) -> None:
    members = _members(folder)
    faces = batch_of(torch.randn(3, 3, 112, 112))
    both = open_ensemble(members, ONCE, 1)(faces).logits
    alone = [open_ensemble([member], ONCE, 1)(faces).logits for member in members]
    assert tuple(both) == members[0].heads
    for head, logits in both.items():
        torch.testing.assert_close(logits, (alone[0][head] + alone[1][head]) / 2)
        assert not torch.allclose(alone[0][head], alone[1][head])


def test_a_fold_is_taught_by_networks_that_never_saw_its_subjects(folder: Path) -> None:
    member = _members(folder)[0]
    expected = load_network(member.folder(1) / "network.pt").network.state_dict()
    found = open_ensemble([member], ONCE, 1).members[0].state_dict()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    assert not torch.equal(
        found["action_units.head.weight"],
        open_ensemble([member], ONCE, None).members[0].action_units.head.weight,
    )


def test_a_member_that_was_trained_again_changes_the_key(folder: Path) -> None:
    student = _student(folder)
    before = {fold: teacher_key(student, fold) for fold in (1, None)}
    os.utime(_members(folder)[0].folder(1) / "network.pt")
    after = {fold: teacher_key(student, fold) for fold in (1, None)}
    assert [fold for fold in before if before[fold] != after[fold]] == [1]
    assert teacher_key(_members(folder)[0], 1) == ""


def test_the_share_of_the_teacher_is_in_every_head_s_loss(folder: Path) -> None:
    """share 0 leaves the labels' loss, share 1 the teacher's, 0.5 stands between."""
    losses = {}
    for share in (0.0, 0.5, 1.0):
        student = replace(
            _student(folder), distillation=DistillationConfig(share=share, relation="kl")
        )
        sources = training_sources(student, None)
        objective = make_objective(student, sources, None, join_world())
        batch = make_batches(student, sources, student.train.batch, 0)[0]
        torch.manual_seed(0)  # the same network for every share
        network = start_network(student).eval()
        for name in ("emotion.head", "action_units.head", "strength", "visibility"):
            # A new head answers nearly 0, of which labels and teacher ask the same loss.
            cast("nn.Linear", network.get_submodule(name)).weight.data *= 100
        found = objective.losses(network, batch, 0)
        losses[share] = {name: loss.item() for name, loss in found.items()}
    for head in ("emotion", "action_units", "strength", "visibility"):
        middle = (losses[0.0][head] + losses[1.0][head]) / 2
        assert losses[0.5][head] == pytest.approx(middle, rel=1e-3)
        assert losses[0.0][head] != pytest.approx(losses[1.0][head], rel=1e-4)


def test_cached_outputs_are_the_teachers_mean_over_a_face_and_its_mirror(folder: Path) -> None:
    student = _student(folder, cached=True)
    sources = training_sources(student, None)
    cached = find_teacher(student, None, CPU, sources)
    assert isinstance(cached, CachedTeacher)
    batch = make_batches(student, sources, student.train.batch, 0)[0]
    found = cached(batch).logits
    live = open_ensemble(_members(folder), ONCE, None)
    by_name = {source.name: source for source in sources}
    for place, (name, row) in enumerate(batch.keys):
        images = centre_tensor(student, by_name[name].store.images[[row]])  # type: ignore[attr-defined]
        pair = [live(batch_of(x)).logits for x in (images, images.flip(3))]
        for head, values in found.items():
            expected = (pair[0][head][0] + pair[1][head][0]) / 2
            torch.testing.assert_close(values[place], expected, rtol=1e-4, atol=1e-5)
    files = list((Path(student.runs) / "teacher-outputs").glob("*/*.npz"))
    assert {path.stem for path in files} == set(by_name)
    before = {path: path.stat().st_mtime_ns for path in files}
    find_teacher(student, None, CPU, sources)
    assert {path: path.stat().st_mtime_ns for path in files} == before
    strange = dataclasses.replace(batch, keys=(("", -1), *batch.keys[1:]))
    with pytest.raises(ConfigError, match="were not kept"):
        cached(strange)


def test_figures_are_written_for_each_member_and_for_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "teacher.json"
    assert evaluate(["--teacher", str(folder / "teacher.toml"), "--out", str(out)]) == 0
    assert "teacher, 4 views: CK+ mean F1" in capsys.readouterr().out
    figures = msgspec.json.decode(out.read_bytes(), type=list[TeacherMetrics])
    own, other, both = (set(row.sha256) for row in figures[:3])
    assert own | other == both
    assert not own & other
    assert [(row.network, row.views) for row in figures] == [
        (name, count) for count in (1, 4) for name in ("member0", "member1", "teacher")
    ]


def test_views_begin_with_the_face_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "teacher.toml"
    views = "[{}]\nscales = [1.08, 1.0]\nmirrored = false\n"
    path.write_text(
        'name = "x"\nmembers = []\n' + views.format("views") + views.format("training_views")
    )
    with pytest.raises(ConfigError, match=r"has to begin with 1\.0"):
        evaluate_teacher(path, tmp_path / "out.json")


def test_faces_without_labels_are_taught_by_the_teacher_alone(folder: Path) -> None:
    student = _student(folder)
    faces = replace(student.data["rafdb"], reader="unlabelled", validation=0.0)
    batch = {"faces": 4}
    student = replace(
        student,
        name="unlabelled",
        data={**student.data, "faces": faces},
        train=replace(student.train, batch=batch),
    )
    prepare(student, workers=1)
    network = load_network(train(student)).network
    torch.manual_seed(student.training_seed)
    start = start_network(student)
    assert not torch.equal(network.emotion.head.weight, start.emotion.head.weight)


def test_members_that_differ_in_labels_or_folds_are_refused(folder: Path) -> None:
    other = replace(_members(folder)[0], name="other", seed=5)
    write_recipe(other, folder / "other.toml")
    _write_ensemble(folder / "mixed.toml", ("member0.toml", "other.toml"))
    with pytest.raises(ConfigError, match="other and member0 differ in seed"):
        load_members(load_ensemble(folder / "mixed.toml"), folder)


def test_a_member_that_is_not_trained_is_named(folder: Path) -> None:
    member = replace(_members(folder)[0], name="untrained")
    with pytest.raises(CheckpointError, match="untrained"):
        open_ensemble([member], ONCE, None)


def test_the_shipped_teacher_is_valid() -> None:
    path = RECIPE.with_name("teacher.toml")
    assert len(load_members(load_ensemble(path), path.parent)) >= 2
