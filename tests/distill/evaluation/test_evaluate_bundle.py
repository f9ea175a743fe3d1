"""`python -m distill evaluate --bundle`: a toy bundle on small caches, pictures to report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from distill.__main__ import main
from distill.config import Recipe
from distill.datasets import LabelledFace
from distill.evaluation.artifact import ArtifactFile
from distill.evaluation.metrics import intervals
from distill.evaluation.protocols import bundle_units
from distill.evaluation.protocols.out_of_fold import Folds
from distill.evaluation.reports.schema import Evaluation, load_evaluation
from distill.evaluation.robustness import slices
from distill.evaluation.robustness.corruptions import CONDITIONS
from distill.faces.augment import centre
from distill.faces.store import load_store
from distill.prepare import prepare
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import CalibrationSpec, EmotionCalibration
from tests.helpers.make_tiny_bundle import FOLDER as BUNDLE
from tests.helpers.tiny_training import tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

Job = tuple[ArtifactFile, Path, LabelledFace]
Result = tuple[NDArray[np.float32], int]


@dataclass(frozen=True)
class Setup:
    """A recipe that fits the toy bundle, its file, and where its data lies."""

    recipe: Recipe
    file: Path
    folder: Path

    def evaluate(self, out: Path, *more: str) -> int:
        options = ["--bundle", str(BUNDLE), "--config", str(self.file), "--out", str(out)]
        return main(["evaluate", *options, *more])


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[pytest.MonkeyPatch]:
    """Bootstraps take most of the time; how wide they are is tested in test_intervals.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "DRAWS", 50)
        yield patch


@pytest.fixture(scope="module")
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    folder = tmp_path_factory.mktemp("setup")
    recipe = _fitting(tiny_recipe(folder))
    prepare(recipe, workers=1)
    coded = load_store(recipe.cache_folder / "ckplus")
    rng = np.random.default_rng(0)
    logits = 2 * coded.action_units - 1 + rng.normal(0, 1, coded.action_units.shape)
    folds = Folds(
        coded.action_units,
        logits.astype(np.float32),
        np.unique(coded.subjects, return_inverse=True)[1] % 2,
        coded.subjects,
    )
    stack = request.getfixturevalue("few_draws")
    stack.setattr(bundle_units, "out_of_fold_logits", lambda *_: folds)
    recipe.run_folder.mkdir()
    toy = CalibrationSpec(
        emotion=EmotionCalibration(temperature=1.0, fitted_on="nothing"), action_units={}
    )
    (recipe.run_folder / "calibration.json").write_bytes(msgspec.json.encode(toy))
    write_recipe(recipe, folder / "recipe.toml")
    return Setup(recipe, folder / "recipe.toml", folder)


def _fitting(recipe: Recipe) -> Recipe:
    """The recipe with the labels and the template of the toy bundle."""
    manifest = load_bundle(BUNDLE).manifest
    replace, units = msgspec.structs.replace, manifest.head("action_units").labels
    assert recipe.folds is not None
    headline = tuple(unit for unit in recipe.folds.headline if unit in units)
    return replace(
        recipe,
        alignment=manifest.alignment,
        action_units=units,
        folds=replace(recipe.folds, headline=headline),
    )


@pytest.fixture(scope="module")
def evaluation(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("out")
    plot = folder / "plot.png"
    assert setup.evaluate(folder / "found.json", "--slices", "--plot", str(plot)) == 0
    assert {path.name for path in folder.iterdir()} == {"found.json", "plot.png"}
    drawn = cv2.imread(str(plot))
    assert drawn is not None
    assert drawn.shape[1] == 1050
    return load_evaluation(folder / "found.json")


def test_the_report_names_the_very_file(evaluation: Evaluation) -> None:
    bundle = load_bundle(BUNDLE)
    assert (evaluation.bundle, evaluation.version) == ("tiny", "1")
    assert evaluation.manifest_sha256 == bundle.manifest_sha256
    assert evaluation.artifact == "tiny.tflite"
    assert evaluation.sha256 == bundle.manifest.artifacts[0].sha256
    assert evaluation.runtime == "litert, fp32, one thread"
    assert evaluation.left_out == ()
    assert any("skin tone" in line for line in evaluation.cannot_be_measured)


def test_stored_faces_are_judged_as_the_analyzer_judges_them(
    setup: Setup, evaluation: Evaluation
) -> None:
    parts = {(part.dataset, part.split): part for part in evaluation.emotions}
    assert [(part.dataset, part.split.partition(",")[0]) for part in evaluation.emotions] == [
        ("MFA-wild", "validation"),
        ("RAF-DB (basic)", "validation"),
        ("FER+", "validation"),
        ("FER+", "test without leaks"),
    ]
    store = load_store(setup.recipe.cache_folder / "ferplus")
    rows = store.labelled("test")
    faces = [centre(store.images[row], 112, 112) for row in rows]
    states = FaceStateAnalyzer(BUNDLE).predict_crops(faces, color="rgb", align=False)
    truth = [setup.recipe.emotions[place] for place in store.majority[rows]]
    right = [state.emotion.label == label for state, label in zip(states, truth, strict=True)]
    found = parts["FER+", "test without leaks"]
    assert found.n == 15  # the leak is out
    assert found.accuracy.value == pytest.approx(np.mean(right), abs=1e-4)
    sure = [state.emotion.score for state in states]
    bins = found.after.bins
    assert sum(one.n for one in bins) == 15
    mean = sum(one.n * one.confidence for one in bins) / 15
    assert mean == pytest.approx(np.mean(sure), abs=1e-4)


def test_worse_conditions_go_through_the_whole_product(
    setup: Setup, evaluation: Evaluation
) -> None:
    wild, rafdb, ferplus = evaluation.slices
    assert [part.dataset for part in (wild, rafdb, ferplus)] == [
        "MFA-wild",
        "RAF-DB (basic)",
        "FER+",
    ]
    conditions = {one.condition: one for one in ferplus.conditions}
    assert "grey" in {one.condition for one in rafdb.conditions}
    store = load_store(setup.recipe.cache_folder / "ferplus")
    names = store.names[store.labelled("test")]
    pictures = [cv2.imread(str(setup.folder / "ferplus" / name)) for name in names]
    dark = next(one for one in CONDITIONS if one.name == "dark 4 EV").change
    assert dark is not None
    analyzer = FaceStateAnalyzer(BUNDLE, include_experimental=True)
    answers = []
    for picture in pictures:
        assert picture is not None
        rgb = np.asarray(picture[..., ::-1], dtype=np.uint8)
        darker = dark(rgb, analyzer.predict_crops([rgb], color="rgb")[0].box)
        assert darker is not None
        answers.append(analyzer.predict_crops([rgb, darker], color="rgb"))
    units = [
        [unit.present for unit in state.action_units.values()] for pair in answers for state in pair
    ]
    before, now = np.array(units[0::2]), np.array(units[1::2])
    assert conditions["dark 4 EV"].units_agree.value == pytest.approx(
        (before == now).mean(), abs=1e-4
    )
    truth = [setup.recipe.emotions[place] for place in store.majority[store.labelled("test")]]
    clean = [pair[0].emotion.label == label for pair, label in zip(answers, truth, strict=True)]
    worse = [pair[1].emotion.label == label for pair, label in zip(answers, truth, strict=True)]
    assert ferplus.clean.value == pytest.approx(np.mean(clean), abs=1e-4)
    lost = np.mean(clean) - np.mean(worse)
    assert conditions["dark 4 EV"].lost.value == pytest.approx(lost, abs=1e-4)


def test_units_are_told_apart_by_what_they_are_figures_of(
    setup: Setup, evaluation: Evaluation
) -> None:
    assert evaluation.recipe is not None
    assert evaluation.recipe.recipe == "tiny"
    assert not evaluation.recipe.calibration_matches  # toy values in the bundle
    [mean_f1, mean_auc] = evaluation.recipe.accuracy
    assert mean_f1.interval is not None
    assert "over 10 subjects" in mean_f1.interval
    assert mean_f1.low is not None
    assert mean_f1.high is not None
    assert mean_f1.low <= mean_f1.value <= mean_f1.high
    assert mean_auc.value > 0.8  # the logits carry the labels
    assert {spec.split for spec in evaluation.seen_in_training} == {
        "all subjects, seen in training"
    }


def test_raters_stand_beside_the_model(evaluation: Evaluation) -> None:
    [ferplus] = evaluation.raters
    everyone = ferplus.groups[-1]
    assert (everyone.agreement, everyone.n) == ("all faces", 15)
    assert everyone.rater.value == pytest.approx(0.7)  # seven of ten chose every label


def test_an_interrupted_run_goes_on(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = slices._run_one
    done: list[Job] = []

    def killed(job: Job) -> Result:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(job)
        return whole(job)

    monkeypatch.setattr(slices, "_run_one", killed)
    assert setup.evaluate(tmp_path / "found.json", "--slices") == 130  # as a shell says Ctrl-C
    assert not (tmp_path / "found.json").exists()
    rest: list[Job] = []

    def resumed(job: Job) -> Result:
        rest.append(job)
        return whole(job)

    monkeypatch.setattr(slices, "_run_one", resumed)
    assert setup.evaluate(tmp_path / "found.json", "--slices") == 0
    found = load_evaluation(tmp_path / "found.json")
    assert len(rest) == sum(part.n for part in found.slices) - 4
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_what_is_not_here_is_left_out_and_said(setup: Setup, tmp_path: Path) -> None:
    data = {
        name: msgspec.structs.replace(one, root=str(tmp_path / "gone"))
        for name, one in setup.recipe.data.items()
    }
    moved = msgspec.structs.replace(setup.recipe, data=data, name="never-trained")
    write_recipe(moved, tmp_path / "moved.toml")
    out = tmp_path / "found.json"
    options = ["--bundle", str(BUNDLE), "--config", str(tmp_path / "moved.toml")]
    assert main(["evaluate", *options, "--slices", "--out", str(out)]) == 0
    found = load_evaluation(out)
    assert found.slices == ()
    assert found.recipe is None
    assert len(found.left_out) == 7  # raters and slices of three data sets, figures of the recipe
    assert all("no data set at" in line for line in found.left_out[:6])
    assert "never-trained/calibration.json: run `python -m distill calibrate`" in found.left_out[6]
    assert len(found.emotions) == 4


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--bundle", "nobody"], "expected a bundle's folder, or one of the bundles that ship"),
        (["--bundle", "BUNDLE", "--artifact", "tiny.onnx"], "tiny.onnx is not an artifact of"),
        (["--bundle", "mf2-edge-base"], "its alignment are not those of bundle mf2-edge-base"),
        (["--bundle", "BUNDLE", "--protocol", "test"], "--protocol goes with --dataset, not with"),
        (["--slices"], "--slices goes with --bundle, not with --config"),
    ],
)
def test_mistakes_are_answered_with_what_was_expected(
    options: list[str], problem: str, setup: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(BUNDLE) if option == "BUNDLE" else option for option in options]
    assert main(["evaluate", "--config", str(setup.file), *given]) == 2
    assert problem in capsys.readouterr().err


def test_missing_caches_are_named(
    setup: Setup, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = msgspec.structs.replace(setup.recipe, runs=str(tmp_path / "runs"))
    write_recipe(elsewhere, tmp_path / "recipe.toml")
    options = ["--bundle", str(BUNDLE), "--config", str(tmp_path / "recipe.toml")]
    assert main(["evaluate", *options, "--out", str(tmp_path / "out.json")]) == 2
    assert "no aligned faces in" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_another_file_of_the_bundle_is_another_file(setup: Setup, tmp_path: Path) -> None:
    pytest.importorskip("executorch.runtime", reason="needs ExecuTorch")
    assert setup.evaluate(tmp_path / "found.json", "--artifact", "tiny.pte") == 0
    found = load_evaluation(tmp_path / "found.json")
    assert (found.artifact, found.runtime) == ("tiny.pte", "executorch, fp32, one thread")
