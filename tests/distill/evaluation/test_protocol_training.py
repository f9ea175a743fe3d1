"""Published protocols from a data set's own layout to the table, in miniature."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from distill.__main__ import main
from distill.config import ConfigError, Recipe, load_recipe
from distill.datasets.readers.bp4d import BP4D_FOLDS, BP4D_UNITS
from distill.datasets.readers.disfa import DISFA_FOLDS
from distill.evaluation.protocols.trained import ProtocolReport, run_protocol
from distill.faces.store import load_faces
from distill.training.checkpoint import load_network
from distill.training.sources.stored import load_source
from tests.helpers.dataset_trees import (
    affectnet_crops,
    bp4d_codes,
    disfa_labels,
    write_picture,
    write_text,
)
from tests.helpers.tiny_training import RECIPE, SMALL

pytestmark = pytest.mark.slow

CONFIGS = RECIPE.parent / "protocols"
TINY = [
    *("train.steps=1", "train.micro_batch=4", "train.warmup=0", "train.checkpoint_every=1"),
    *("network.init_from=''", "network.backbone=mobilefacenet", "network.width=0.5"),
    f"network.drop_blocks={json.dumps(SMALL['drop_blocks'])}",
]


def bp4d(root: Path) -> None:
    """A frame of every subject of the folds, with all units and with none in turns."""
    units = [int(unit.removeprefix("AU")) for unit in BP4D_UNITS]
    for number, subject in enumerate(sorted(set().union(*BP4D_FOLDS))):
        shown = number % 2
        row = [1, *[shown] * len(units)]
        if subject == "F001":
            row[1 + BP4D_UNITS.index("AU7")] = 9
        bp4d_codes(root, f"{subject}_T1", units, [",".join(map(str, row))])
        for unit, intensity in ((6, 4 * shown), (12, 2 * shown)):
            path = root / f"AUCoding/AU_INT/AU{unit:02d}/{subject}_T1_AU{unit:02d}.csv"
            write_text(path, f"1,{intensity}", "2,9")
        write_picture(root / f"{subject}/T1/0001.jpg", value=60 * (1 + shown))


def disfa(root: Path) -> None:
    """A frame of every subject of the folds; in every second AU9 is marked, AU12 slight."""
    subjects = sorted(set().union(*DISFA_FOLDS))
    disfa_labels(root, {s: {9: (4 * (i % 2),), 12: (2 * (i % 2),)} for i, s in enumerate(subjects)})
    for number, subject in enumerate(subjects):
        write_picture(root / f"{subject}/1.png", value=60 * (1 + number % 2))


def arguments(config: str, runs: Path, data: Path, *more: str) -> list[str]:
    changes = [*TINY, f"runs={runs}"]
    sets = [part for change in changes for part in ("--set", change)]
    return ["--config", str(CONFIGS / f"{config}.toml"), *sets, "--data-root", str(data), *more]


def tiny(config: str, *changes: str) -> Recipe:
    return load_recipe(CONFIGS / f"{config}.toml", [*TINY, *changes])


def test_bp4d_and_disfa_are_trained_on_together_and_judged_by_bp4d_s_folds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bp4d(tmp_path / "BP4D")
    disfa(tmp_path / "DISFA")
    monkeypatch.setenv("MF2_EDGE_DATA", "")
    out = tmp_path / "table.json"
    command = arguments("bp4d-and-disfa", tmp_path / "runs", tmp_path, "--protocol", "3fold")
    batch = ("--set", "train.batch={bp4d=3, disfa=1}")
    assert main(["protocol", *command, *batch, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| | AU1 | AU2 | AU4 | AU6 |" in printed
    report = msgspec.json.decode(out.read_bytes(), type=ProtocolReport)
    figures = report.figures["unit F1"]
    assert set(figures) == {*BP4D_UNITS, "mean"}
    mean = report.results[-1]
    assert mean.n == 41
    assert "mean over folds, trained on the other folds" in mean.protocol
    assert figures["mean"] == [mean.value]
    folds = [result.value for result in report.results[:-1]]
    assert len(folds) == 3
    assert mean.value == pytest.approx(np.mean(folds), abs=1e-3)

    recipe = tiny("bp4d-and-disfa", f"runs={tmp_path}/runs")
    column = recipe.action_units.index
    ours, theirs = load_faces(recipe, "bp4d"), load_faces(recipe, "disfa")
    assert np.isnan(ours.action_units[:, column("AU9")]).all()  # not coded: not absent
    assert np.isnan(theirs.action_units[:, column("AU7")]).all()
    assert np.isnan(ours.action_units[:, column("AU7")]).sum() == 1
    assert theirs.action_units[:, column("AU12")].tolist()[:2] == [0, 1]
    assert ours.strength[:2, column("AU6")].tolist() == [0, 1]
    assert ours.strength[:2, column("AU12")].tolist() == [0, 0]  # present, and slight
    assert np.isnan(ours.strength[:, column("AU1")]).all()
    assert theirs.strength[:2, column("AU9")].tolist() == [0, 1]
    assert theirs.strength[:2, column("AU12")].tolist() == [0, 0]

    for number, subjects in enumerate(BP4D_FOLDS):
        source = load_source(recipe, "bp4d", number)
        assert set(ours.subjects[source.rows]) == set().union(*BP4D_FOLDS) - subjects
        member = tmp_path / f"runs/bp4d-and-disfa-seed0/folds/{number}"
        assert load_network(member / "network.pt").fold == number
    record = json.loads((member / "run.json").read_text())
    assert record["recipe"]["training_seed"] == 0
    assert len(record["data"]["disfa"]["labels_sha256"]) == 64
    assert record["commit"] is None or len(record["commit"]) >= 40

    places = (f"runs={tmp_path}/runs", f"data.bp4d.root={tmp_path}/BP4D")
    seeded = tiny("bp4d", *places, "folds.published=false")
    with pytest.raises(ConfigError, match="published = true"):
        run_protocol(seeded, "bp4d", "3fold", [0], out)
    with pytest.raises(ConfigError, match=r"folds\.count is 5: BP4D has 3"):
        load_source(tiny("bp4d", *places, "folds.count=5"), "bp4d", 0)
    with pytest.raises(ConfigError, match=r"no data\.disfa in bp4d"):
        run_protocol(tiny("bp4d", *places), "disfa", "3fold", [0], out)


def test_affectnet_is_trained_on_its_training_part_with_every_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    affectnet_crops(tmp_path / "AffectNet")
    monkeypatch.setenv("MF2_EDGE_DATA", "")
    out = tmp_path / "table.json"
    command = arguments("affectnet-7", tmp_path / "runs", tmp_path, "--protocol", "valid-7")
    more = ("--set", "train.batch={affectnet=4}", "--seeds", "3", "4")
    assert main(["protocol", *command, *more, "--out", str(out)]) == 0
    assert "AffectNet, validation, 7 emotions (no contempt): accuracy" in capsys.readouterr().out
    report = msgspec.json.decode(out.read_bytes(), type=ProtocolReport)
    assert report.seeds == (3, 4)
    assert [result.seed for result in report.results] == [3, 3, 4, 4]
    assert {result.n for result in report.results} == {8}  # two of ten show contempt
    assert {key: len(value["mean"]) for key, value in report.figures.items()} == {
        "accuracy": 2,
        "mean F1": 2,
    }


def test_every_recipe_of_a_protocol_is_valid() -> None:
    for path in CONFIGS.glob("*.toml"):
        if path.stem != "base":
            recipe = load_recipe(path)
            assert recipe.name == path.stem
            assert set(recipe.train.batch) == set(recipe.data)
