"""The wheel: the product alone, small, and enough to predict in an empty environment."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_the_product_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"mf2_edge"}
    for needed in ("py.typed", "detectors/blazeface_short_range/model.tflite"):
        assert f"mf2_edge/{needed}" in names


def test_it_is_under_12_megabytes(wheel: Path) -> None:
    assert wheel.stat().st_size < 12 * MEGABYTE


@pytest.mark.slow
def test_alone_in_an_empty_environment_it_predicts(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    photo = ROOT / "mf2_edge" / "samples" / "astronaut.jpg"
    run = subprocess.run(
        [python, "-m", "mf2_edge", "predict", "--json", str(photo)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "happiness" in json.dumps(json.loads(run.stdout))
    unwanted = "torch", "coremltools", "mediapipe"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    assert {package["name"] for package in json.loads(listed.stdout)}.isdisjoint(unwanted)
