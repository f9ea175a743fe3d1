"""`python -m distill evaluate --dataset`: small data sets, a toy bundle, a random network."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from sklearn.metrics import f1_score

from distill.__main__ import main
from distill.datasets import EMOTIONS
from distill.datasets.readers.disfa import DISFA_UNITS
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.preprocess import to_input
from tests.helpers.dataset_trees import SAMPLE, disfa_labels, write_text
from tests.helpers.make_tiny_bundle import FOLDER as BUNDLE
from tests.helpers.tiny_training import tiny_recipe

pytestmark = pytest.mark.slow

SUBJECTS = ("SN001", "SN006", "SN003")  # one of each fold
FRAMES = 6


def _photograph(path: Path, tint: float) -> None:
    """NASA's portrait in another light, so that scores differ."""
    photograph = cv2.imread(str(SAMPLE))
    assert photograph is not None
    small = cv2.resize(photograph, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    light = np.array([1 - tint, 1 - tint / 2, 1 - tint / 3])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), (small * light).astype(np.uint8))


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("disfa")
    rng = np.random.default_rng(5)
    numbers = [int(unit.removeprefix("AU")) for unit in DISFA_UNITS]
    disfa_labels(
        root,
        {
            subject: {
                number: [0, 3, *rng.integers(0, 6, FRAMES - 2).tolist()] for number in numbers
            }
            for subject in SUBJECTS
        },
    )
    for place, subject in enumerate(SUBJECTS):
        for frame in range(FRAMES):
            tint = (place + 3 * frame) / 20
            _photograph(root / subject / f"{frame}.png", tint)
    return root


def _evaluate(dataset: str, root: Path, protocol: str, out: Path, *more: str) -> list[AccuracySpec]:
    options = ["--dataset", dataset, "--root", str(root), "--protocol", protocol]
    assert main(["evaluate", *options, "--out", str(out), *more]) == 0
    return msgspec.json.decode(out.read_bytes(), type=list[AccuracySpec])


def test_disfa_by_its_folds_is_what_the_analyzer_says(
    disfa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *folds, mean, shipped = _evaluate(
        "disfa", disfa, "3fold", tmp_path / "results.json", "--bundle", str(BUNDLE)
    )
    analyzer = FaceStateAnalyzer(BUNDLE)
    expected = []
    for subject in SUBJECTS:
        states = [analyzer.predict(disfa / subject / f"{frame}.png")[0] for frame in range(FRAMES)]
        for unit in DISFA_UNITS:
            file = f"ActionUnit_Labels/{subject}/{subject}_{unit.lower()}.txt"
            lines = (disfa / file).read_text().split()
            truth = [int(line.split(",")[1]) >= 2 for line in lines]
            present = [state.action_units[unit].present for state in states]
            expected.append(f1_score(truth, present))
    assert shipped.value == pytest.approx(np.mean(expected), abs=1e-4)
    assert mean.value == pytest.approx(np.mean([fold.value for fold in folds]), abs=1e-4)
    assert [fold.n for fold in folds] == [FRAMES] * 3
    assert set(mean.labels) == set(DISFA_UNITS)
    assert mean.dataset == "DISFA"
    printed = capsys.readouterr().out
    assert f"mean F1 {mean.value:.4f} (n = 18; 8 of 8 units" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json"]


def _rafdb(root: Path) -> list[str]:
    labels = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    for number in range(len(labels)):
        name = f"test_{number:04d}"
        _photograph(root / f"basic/Image/aligned/{name}_aligned.jpg", tint=number / 10)
    write_text(
        root / "basic/EmoLabel/list_patition_label.txt",
        *(f"test_{number:04d}.jpg {number + 1}" for number in range(len(labels))),
    )
    return list(labels)


def test_a_trained_network_is_measured_like_a_bundle(tmp_path: Path) -> None:
    import torch

    from distill.networks.architectures import build_network
    from distill.training.checkpoint import save_network

    recipe = tiny_recipe(tmp_path / "school")
    network = build_network(recipe).eval()
    torch.manual_seed(3)
    torch.nn.init.normal_(network.emotion.head.weight, std=0.5)
    checkpoint = tmp_path / "run/network.pt"
    save_network(network, recipe, "toy", checkpoint)
    labels = _rafdb(tmp_path / "rafdb")

    def evaluate() -> list[AccuracySpec]:
        more = ("--checkpoint", str(checkpoint))
        return _evaluate("rafdb", tmp_path / "rafdb", "test", tmp_path / "out.json", *more)

    options = ["--dataset", "rafdb", "--root", str(tmp_path / "rafdb"), "--protocol", "test"]
    assert main(["evaluate", *options, "--checkpoint", str(checkpoint)]) == 2  # not calibrated
    fitted = {"scale": 2.0, "bias": 0.5, "fitted_on": "nothing"}
    calibration = {
        "emotion": {"temperature": 1.5, "fitted_on": "nothing"},
        "action_units": dict.fromkeys(recipe.action_units, fitted),
    }
    checkpoint.with_name("calibration.json").write_text(json.dumps(calibration))
    of_all, of_own, _ = evaluate()

    analyzer = FaceStateAnalyzer(BUNDLE)
    right_of_all, right_of_own = [], []
    for number, label in enumerate(labels):
        path = tmp_path / f"rafdb/basic/Image/aligned/test_{number:04d}_aligned.jpg"
        rgb = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
        [state] = analyzer.predict_crops([rgb], color="rgb")
        assert state.landmarks is not None
        aligned = align(rgb, state.landmarks, recipe.alignment)
        with torch.inference_mode():
            pixels = torch.from_numpy(to_input(aligned, recipe.preprocessing, "NCHW"))
            logits = network(pixels)[0][0].numpy()
        right_of_all.append(recipe.emotions[int(logits.argmax())] == label)
        right_of_own.append(recipe.emotions[int(logits[:7].argmax())] == label)
    assert of_all.value == pytest.approx(np.mean(right_of_all), abs=1e-4)
    assert of_own.value == pytest.approx(np.mean(right_of_own), abs=1e-4)
    assert of_all.n == len(labels)
    assert "network tiny (toy)" in of_all.protocol
    assert "learned from the training part" in of_all.protocol  # its recipe names RAF-DB


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    root = tmp_path / "affectnet"
    rng = np.random.default_rng(0)
    for number in range(40):
        _photograph(root / f"val_set/images/{number}.jpg", tint=rng.uniform(0, 0.9))
        (root / "val_set/annotations").mkdir(exist_ok=True)
        np.save(root / f"val_set/annotations/{number}_exp.npy", np.array(str(number % 8)))
    options = ["--dataset", "affectnet", "--root", str(root), "--protocol", "valid-8"]
    out = tmp_path / "killed/results.json"
    command = [sys.executable, "-m", "distill", "evaluate", *options, "--bundle", str(BUNDLE)]
    process = subprocess.Popen([*command, "--out", str(out)])
    while process.poll() is None and _rows_done(out.parent) < 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 5 <= _rows_done(out.parent) < 40
    assert not out.exists()
    killed = _evaluate("affectnet", root, "valid-8", out, "--bundle", str(BUNDLE))
    straight = _evaluate(
        "affectnet", root, "valid-8", tmp_path / "straight.json", "--bundle", str(BUNDLE)
    )
    assert killed == straight
    assert [path.name for path in out.parent.iterdir()] == ["results.json"]


def _rows_done(folder: Path) -> int:
    files = [path for path in folder.glob("*.marks.npy") if not path.name.startswith(".")]
    return int(np.count_nonzero(np.load(files[0]))) if files else 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--dataset", "disfa", "--protocol", "3fold"], "needs --root"),
        (["--dataset", "disfa", "--root", "DIR"], "there is --protocol 3fold"),
        (["--dataset", "lfw", "--root", "DIR", "--protocol", "test"], "no data set 'lfw'"),
        (
            ["--dataset", "disfa", "--root", "DIR", "--protocol", "3fold"],
            "no file ActionUnit_Labels/SNxxx/SNxxx_auN.txt in it (found holiday.jpg",
        ),
        (["--config", "recipe.toml", "--protocol", "test"], "--protocol goes with --dataset"),
        (["--config", "missing.toml"], "no recipe at missing.toml"),
    ],
)
def test_mistakes_are_answered_with_what_was_expected(
    options: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "holiday.jpg").touch()
    given = [str(tmp_path) if option == "DIR" else option for option in options]
    assert main(["evaluate", *given]) == 2
    assert problem in capsys.readouterr().err


def test_a_recipe_or_a_data_set_is_required() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["evaluate"])
    assert caught.value.code == 2


def test_emotions_of_the_shipped_bundle_are_those_of_the_readers() -> None:
    assert set(FaceStateAnalyzer().bundle.manifest.head("emotion").labels) == set(EMOTIONS)
