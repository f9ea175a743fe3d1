"""MF²: regions, tokens, the text bank, and training with language in miniature."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import ConfigError, Recipe, load_recipe
from distill.evaluation.command import main as evaluate
from distill.evaluation.metrics.scores import auc
from distill.evaluation.protocols.out_of_fold import out_of_fold_logits
from distill.evaluation.protocols.zero_shot import ZeroShotMetrics
from distill.faces.batches import make_batches
from distill.language import plain_words
from distill.language import texts as texts_module
from distill.language.texts import TextBank, compare, load_bank, make_bank
from distill.networks.architectures import build_network
from distill.networks.mf2 import MF2
from distill.networks.regions import region_priors
from distill.train_config import TextConfig
from distill.training.checkpoint import load_network
from distill.training.distributed import join_world
from distill.training.init import start_network
from distill.training.loop import make_objective, train
from distill.training.losses.functions import agreement_loss, alignment_loss
from distill.training.sources.stored import training_sources
from tests.helpers.tiny_teacher import prepared_teacher
from tests.helpers.tiny_training import RECIPE, write_recipe

pytestmark = pytest.mark.slow

TEACHER = RECIPE.with_name("mf2.toml")
CONFIG = TextConfig(
    store="", sources=("template",), levels=("au", "emotion", "face"), texts=16, weight=0.2
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return prepared_teacher(tmp_path_factory.mktemp("teacher"))


def test_regions_are_symmetric_and_lie_where_the_muscles_are() -> None:
    recipe = load_recipe(RECIPE)
    priors = region_priors(recipe.action_units, recipe.alignment, 14)
    assert priors.sum(axis=(1, 2)) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(priors, priors[:, :, ::-1], rtol=1e-4)
    below_nose = priors[:, 8:].sum(axis=(1, 2))
    upper = [recipe.action_units.index(unit) for unit in ("AU1", "AU2", "AU4", "AU5", "AU6")]
    lower = [recipe.action_units.index(unit) for unit in ("AU12", "AU15", "AU17", "AU25", "AU27")]
    assert below_nose[lower].min() > 0.5 > below_nose[upper].max()
    with pytest.raises(ValueError, match="no region for AU99"):
        region_priors(("AU1", "AU99"), recipe.alignment, 14)


def test_a_reading_has_the_shapes_that_it_promises(recipe: Recipe) -> None:
    network = build_network(recipe).eval()
    assert isinstance(network, MF2)
    with torch.inference_mode():
        reading = network.read(torch.randn(2, 3, 112, 112))
    assert reading.tokens.shape == (2, 21, 16)
    assert [stage.shape[1] for stage in reading.stages] == [32, 64, 256, 256]
    assert reading.attention.sum(dim=(2, 3)).numpy() == pytest.approx(1, abs=1e-5)
    assert reading.unit_text.norm(dim=2).numpy() == pytest.approx(1, abs=1e-5)


def test_mf2_starts_with_the_features_of_the_network_it_starts_from(recipe: Recipe) -> None:
    student = msgspec.structs.replace(recipe, name="student", texts=None)
    plain = msgspec.structs.replace(student.network, architecture="student")
    path = train(msgspec.structs.replace(student, network=plain))
    started = msgspec.structs.replace(recipe.network, init_from=str(path))
    teacher = start_network(msgspec.structs.replace(recipe, network=started)).eval()
    faces = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        for found, expected in zip(teacher(faces), load_network(path).network(faces), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_teacher_trains_with_language_in_the_same_loop(recipe: Recipe) -> None:
    torch.manual_seed(recipe.training_seed)
    before = start_network(recipe).state_dict()
    after = load_network(train(recipe)).network.state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"face_to_text", "unit_to_text", "relation", "action_units", "strength"} <= moved
    assert torch.equal(before["attention.log_prior"], after["attention.log_prior"])


def test_text_is_one_of_the_losses(recipe: Recipe) -> None:
    sources = training_sources(recipe, None)
    batch = make_batches(recipe, sources, recipe.train.batch, 0)[0]
    network = start_network(recipe).train()
    losses = make_objective(recipe, sources, None, join_world()).losses(network, batch, 0)
    assert tuple(losses) == (*recipe.heads, "text")
    assert losses["text"].item() > 0
    mute = msgspec.structs.replace(recipe, texts=None)
    losses = make_objective(mute, sources, None, join_world()).losses(network, batch, 0)
    assert tuple(losses) == recipe.heads


def test_the_bank_says_what_each_text_is_true_of(recipe: Recipe) -> None:
    bank = load_bank(recipe.run_folder / "text-bank.npz")
    assert np.linalg.norm(bank.vectors, axis=1) == pytest.approx(1, abs=1e-4)
    assert set(bank.level) == {0, 1, 2}
    about = bank.level == 0
    assert (bank.present[about].sum(axis=1) == 1).all()
    assert bank.present[about, bank.unit[about]].all()
    with pytest.raises(FileNotFoundError, match="distill texts"):
        load_bank(recipe.run_folder / "no-bank.npz")


def test_texts_about_an_unseen_emotion_stay_out_of_the_bank(recipe: Recipe) -> None:
    assert recipe.texts is not None
    fear = recipe.emotions.index("fear")
    unseen = msgspec.structs.replace(recipe, name="unseen", unseen=("fear",))
    whole = load_bank(recipe.run_folder / "text-bank.npz")
    less = load_bank(make_bank(unseen, recipe.texts))
    assert fear in whole.emotion
    assert fear not in less.emotion
    assert set(whole.emotion) - {fear} == set(less.emotion)


def test_a_store_without_the_wanted_source_is_refused(recipe: Recipe) -> None:
    assert recipe.texts is not None
    other = msgspec.structs.replace(recipe, name="other")
    gpt = msgspec.structs.replace(recipe.texts, sources=("gpt",))
    with pytest.raises(ValueError, match="mfa build"):
        make_bank(other, gpt)


def test_an_encoder_of_another_width_is_refused_until_the_recipe_says_it(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder of 16 values, in place of the built-in one of 384."""
    assert recipe.texts is not None
    narrow = lambda texts, _: np.eye(len(texts), 16, dtype=np.float32)  # noqa: E731
    monkeypatch.setattr(texts_module, "encode_texts", narrow)
    other = msgspec.structs.replace(recipe, name="narrow")
    with pytest.raises(ValueError, match=r"network\.text_width is 384: set it to 16"):
        make_bank(other, recipe.texts)
    network = msgspec.structs.replace(recipe.network, text_width=16)
    other = msgspec.structs.replace(other, network=network)
    assert load_bank(make_bank(other, recipe.texts)).vectors.shape[1] == 16
    with torch.inference_mode():
        reading = build_network(other).eval().read(torch.randn(1, 3, 112, 112))  # type: ignore[operator]
    assert reading.face_text.shape == (1, 16)
    assert reading.unit_text.shape[2] == 16


def test_unknown_units_and_emotions_make_a_text_neither_true_nor_false() -> None:
    """Two units; texts: emotion 0, face level with emotion 0 and unit 0, unit 1."""
    bank = TextBank(
        vectors=np.eye(3, 4, dtype=np.float32),
        level=np.array([1, 2, 0]),
        emotion=np.array([0, 0, 0]),
        unit=np.array([-1, -1, 1]),
        present=np.array([[True, False], [True, False], [False, True]]),
    )
    nan = torch.nan
    votes = torch.tensor([[0.75, 0.25], [0.0, 1.0], [nan, nan], [1.0, 0.0]])
    units = torch.tensor([[1.0, nan], [nan, 1.0], [1.0, 0.0], [0.0, nan]])
    texts = compare(bank, votes, units, CONFIG, np.random.default_rng(0))
    emotion, face = texts.face_truth[:, 0], texts.face_truth[:, 16]
    torch.testing.assert_close(emotion, torch.tensor([0.75, 0, nan, 1]), equal_nan=True)
    torch.testing.assert_close(face, torch.tensor([0.75, 0, nan, 0]), equal_nan=True)
    torch.testing.assert_close(
        texts.unit_truth[:, :, 0],
        torch.tensor([[0, nan], [0, 1], [0, 0], [0, nan]]),
        equal_nan=True,
    )


def test_alignment_falls_as_images_come_near_their_texts_and_skips_the_unknown() -> None:
    texts = torch.eye(3)
    truth = torch.eye(3)
    scale, bias = torch.tensor(2.0), torch.tensor(-2.0)
    near = alignment_loss(texts, texts, truth, scale, bias)
    far = alignment_loss(texts.flip(0), texts, truth, scale, bias)
    assert near < 0.3 < far
    truth[0] = torch.nan
    wrong = texts.clone()
    wrong[0] = -1
    unknown = alignment_loss(wrong, texts, truth, scale, bias)
    torch.testing.assert_close(unknown, near, atol=0.1, rtol=0)


def test_agreement_is_zero_with_the_teacher_itself_and_positive_otherwise() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    assert agreement_loss(logits, logits).item() == pytest.approx(0, abs=1e-6)
    assert agreement_loss(-logits, logits).item() > 0.5


def test_a_recipe_may_extend_another(tmp_path: Path) -> None:
    base, extended = load_recipe(RECIPE), load_recipe(TEACHER)
    assert extended.network.dropout == base.network.dropout
    assert extended.network.architecture == "mf2"
    orphan = tmp_path / "orphan.toml"
    orphan.write_text('extends = "missing.toml"\n')
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_recipe(orphan)


def test_every_label_can_be_asked_for_in_plain_words() -> None:
    recipe = load_recipe(TEACHER)
    assert set(plain_words.EMOTIONS) == set(recipe.emotions)
    assert set(plain_words.UNITS) == set(recipe.action_units)


def test_zero_shot_is_measured_beside_the_heads(
    recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(recipe)
    for fold in (0, 1):
        train(recipe, fold)
    write_recipe(recipe, tmp_path / "recipe.toml")
    out = tmp_path / "zero-shot.json"
    command = ["--zero-shot", "--config", str(tmp_path / "recipe.toml"), "--out", str(out)]
    assert evaluate(command) == 0
    figures = msgspec.json.decode(out.read_bytes(), type=list[ZeroShotMetrics])
    assert [row.by for row in figures] == ["heads", "the grammar's sentences", "plain words"]
    heads = next(a for a in figures[0].accuracy if a.metric == "mean AUC")
    folds = out_of_fold_logits(recipe, "fp32")
    assert folds is not None
    column = recipe.action_units.index("AU12")
    expected = auc(folds.logits[:, column], folds.labels[:, column] == 1)
    assert heads.labels["AU12"].value == pytest.approx(expected, abs=1e-3)
    assert "by plain words: " in capsys.readouterr().out
