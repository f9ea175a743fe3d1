"""The wheel: the product alone, small, and enough to predict in an empty environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from urllib.request import urlopen

import pytest

from bindings.web import check
from bindings.web.demo_page import BUILT, copy_page
from mf2_edge.cli.demo_server import PAGE
from tests.docs.test_docs import blocks

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000
DETECTORS = ("yunet_n", "blazeface_short_range")
BUNDLES = ("mf2-edge-base", "mf2-edge-m", "mf2-edge-s", "mf2-edge-open")


MISSING = check.missing_tools()


def build_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_it_holds_the_product_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"mf2_edge"}
    for needed in ("py.typed", *(f"detectors/{name}/model.tflite" for name in DETECTORS)):
        assert f"mf2_edge/{needed}" in names


@pytest.mark.slow
def test_it_says_its_licences_and_holds_those_of_what_it_holds(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    expression = "License-Expression: Apache-2.0 AND LicenseRef-mf2-edge-research-only"
    assert expression in archive.read(metadata).decode().splitlines()
    folder = metadata.removesuffix("METADATA") + "licenses/"
    licences = {n.removeprefix(folder) for n in archive.namelist() if n.startswith(folder)}
    # The demo page, where it was built, has copies of the same detectors.
    own = re.compile(r"mf2_edge/(bundles|detectors)/[^/]+/(manifest|detector)[.]json")
    models = {name for name in archive.namelist() if own.fullmatch(name)}
    of_models = {f"{name.rpartition('/')[0]}/LICENSE" for name in models}
    assert licences == {"LICENSE", "NOTICE"} | of_models


@pytest.mark.slow
def test_it_holds_all_four_bundles_in_less_than_45_megabytes(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for bundle in BUNDLES:
        for file in ("manifest.json", "model.json"):
            assert f"mf2_edge/bundles/{bundle}/{file}" in names
    assert wheel.stat().st_size < 45 * MEGABYTE


@pytest.mark.slow
def test_alone_in_an_empty_environment_it_does_all_that_it_says(
    wheel: Path, tmp_path: Path
) -> None:
    """The README's Python; of each bundle a prediction, and all four formats out and checked."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True)

    def run(*words: str) -> str:
        done = subprocess.run(
            [python, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    [code], [printed] = blocks("README.md", "python"), blocks("README.md", "text")
    assert run("-c", code) == printed
    photo = str(ROOT / "mf2_edge" / "samples" / "astronaut.jpg")
    for bundle in BUNDLES:
        name = bundle.removeprefix("mf2-edge-")
        told = run("-m", "mf2_edge", "predict", "--json", "--bundle", name, photo)
        assert "happiness" in json.dumps(json.loads(told))
        words = ("--bundle", name, "--format", "pte", "mlpackage", "tflite", "onnx", "--no-code")
        run("-m", "mf2_edge", "export", *words, "--out", name)
        assert "FAILED" not in run("-m", "mf2_edge", "verify", name)
        found = {path.suffix for path in (tmp_path / name).iterdir()}
        assert {".pte", ".mlpackage", ".tflite", ".onnx"} <= found
    rows = run("-m", "mf2_edge.bench", "--device", "iphone", "--format", "mlpackage")
    assert all(bundle in rows for bundle in BUNDLES)
    unwanted = "torch", "coremltools", "mediapipe"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    assert {package["name"] for package in json.loads(listed.stdout)}.isdisjoint(unwanted)


@pytest.mark.slow
@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_installed_from_a_wheel_the_demo_is_served(tmp_path: Path) -> None:
    check.build()
    copy_page(BUILT, PAGE)
    wheel = build_wheel(tmp_path / "wheel")
    assert wheel.stat().st_size < 45 * MEGABYTE
    installed = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*pip, str(installed), str(wheel)], check=True)
    command = [sys.executable, "-m", "mf2_edge", "demo", "--no-open"]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    for platform in ("ios", "android", "web", "cpp", "python"):
        folder = str(tmp_path / platform)
        for words in (["export", "--platform", platform, "--out", folder], ["verify", folder]):
            ran = [sys.executable, "-m", "mf2_edge", *words]
            subprocess.run(ran, check=True, capture_output=True, cwd=tmp_path, env=environment)
        assert any((tmp_path / platform / "code").iterdir())
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127[.]0[.]0[.]1:[0-9]+/", process.stdout.readline())
            assert found is not None
            with urlopen(found[0] + "models/models.json") as answer:
                names = {choice["name"] for choice in json.load(answer)}
            assert names == set(BUNDLES)
            for file in ("", "demo.js", "assets/wasm/litert_wasm_internal.js"):
                with urlopen(found[0] + file) as answer:
                    assert len(answer.read()) > 100
        finally:
            process.terminate()
