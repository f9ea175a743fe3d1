"""Kotlin on Android: compiled against stubs, tested on the JVM, and its README followed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge.bench.measure.import_report import import_report
from mf2_edge.bundle.loader import list_bundles, load_bundle
from tests.helpers.bindings.kotlin_android import (
    README,
    RESOURCES,
    app_jars,
    catalogue,
    jars_with_tests,
    react_native_jar,
    readme_blocks,
    versions,
)
from tests.helpers.bindings.kotlin_compiler import (
    JNA,
    JUNIT,
    KOTLIN,
    VERSION,
    missing_for_kotlin,
    run_java,
)
from tests.helpers.bindings.replay import DETECTORS, ROOT, litert_library
from tests.helpers.make_tiny_bundle import FOLDER as TINY
from tests.helpers.samples import astronaut

LEAST_TESTS: Final = 26
WRAPPER_SHA256: Final = "55243ef57851f12b070ad14f7f5bb8302daceeebc5bce5ece5fa6edb23e1145c"
"""Of gradle-wrapper.jar, as Gradle publishes it for 9.4.0 and 9.4.1."""
ANDROID: Final = "{http://schemas.android.com/apk/res/android}"
MISSING: Final = missing_for_kotlin() or (
    None if litert_library() else "ai-edge-litert is not installed"
)
needs_kotlin = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="session")
def jars() -> list[Path]:
    return jars_with_tests()


@needs_kotlin
@pytest.mark.slow
@pytest.mark.usefixtures("jars")
def test_the_module_for_react_native_compiles() -> None:
    assert react_native_jar().stat().st_size > 1000


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder that the README's quick start makes."""
    folder = tmp_path_factory.mktemp("project")
    (folder.parent / "mf2-edge").symlink_to(ROOT)
    project = folder.parent / "app"
    project.mkdir()
    (project / "app/src/main/assets").mkdir(parents=True)
    lines = [line for line in readme_blocks("sh")[0].splitlines() if not line.startswith("pip ")]
    _shell("\n".join(lines), project)
    return project / "app/src/main/assets/mf2-edge"


@pytest.fixture(scope="session")
def checked(jars: list[Path], exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Faces of the sample photo, by `predict` and through the camera, and the bench's report."""
    folder = tmp_path_factory.mktemp("jvm")
    photo = astronaut()
    photo = photo[: photo.shape[0] // 2 * 2, : photo.shape[1] // 2 * 2]
    (folder / "photo.rgb").write_bytes(photo.tobytes())
    (folder / "turned.nv12").write_bytes(_nv12(np.rot90(photo)))
    height, width = photo.shape[:2]
    report = folder / "report.json"
    done = run_java(
        "dev.mf2edge.bench.JvmCheckKt",
        [*jars, JNA],
        *(litert_library(), exported, folder / "photo.rgb", width, height),
        *(folder / "turned.nv12", report),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    faces = [line.split() for line in done.stdout.splitlines()]
    return faces, report


@needs_kotlin
@pytest.mark.slow
def test_layer_apps_and_readme_compile() -> None:
    assert all(jar.exists() for jar in app_jars())


@needs_kotlin
@pytest.mark.slow
def test_the_tests_in_kotlin_pass(jars: list[Path]) -> None:
    models = [*(ROOT / "mf2_edge" / "bundles").rglob("*.tflite"), *TINY.glob("*.tflite")]
    orders = [f"{path}={_order(path)}" for path in (*models, *DETECTORS.glob("*/*.tflite"))]
    assert any("=3,2,1,0" in order for order in orders), "no file has an order of its own"
    done = run_java(
        "org.junit.platform.console.ConsoleLauncher",
        [*jars, *JUNIT],
        *("--scan-class-path", jars[0], "--disable-banner", "--disable-ansi-colors"),
        options=[f"-Dmodels={';'.join(orders)}"],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) tests successful", done.stdout)
    assert passed is not None, done.stdout
    assert int(passed[1]) >= LEAST_TESTS


@needs_kotlin
@pytest.mark.slow
def test_a_turned_camera_image_shows_what_the_photo_does(checked: Any) -> None:
    faces = {line[0]: line[1:] for line in checked[0]}
    assert len(checked[0]) == 2
    photo, camera = faces["predict"], faces["camera"]
    assert photo[0] == camera[0] == "happiness"
    box, seen = (np.array(each[1:4], float) for each in (photo, camera))
    assert np.abs(box - seen).max() < 0.05 * box[2]
    scores, found = (np.array(each[4:], float) for each in (photo, camera))
    assert np.abs(scores - found).max() < 0.15


@needs_kotlin
@pytest.mark.slow
def test_import_takes_the_report_of_the_bench(checked: Any, exported: Path) -> None:
    bundle = load_bundle(exported)
    [report] = import_report(checked[1], bundle, None)
    assert report.device.name == "galaxy-s24"
    assert report.provenance == "imported"
    assert report.network is not None
    assert report.network.queries == 5
    assert 0 < report.network.p50 < report.stages["predict"].p50
    assert report.conditions.noise == ("thermal state serious at the end: throttled",)
    [command] = re.findall(r"^mf2-edge bench .*$", readme_blocks("sh")[-1], re.MULTILINE)
    project = exported.parents[4]
    shutil.copy(checked[1], project / "report.json")
    assert "Samsung Galaxy S24" in _shell(command, project)


def test_versions_are_those_of_the_catalogue() -> None:
    pinned = versions()
    tools = catalogue()["versions"]
    assert tools["kotlin"] == VERSION
    assert f" {tools['agp']}," in README.read_text()
    named = re.findall(r'([\w.-]+:[\w-]+):(\d[\w.-]*?)[`"]', README.read_text())
    assert len(named) >= 5
    for stub in (KOTLIN / "stubs" / "src").glob("*.kt"):
        header = stub.read_text().split("\npackage ")[0]
        found = re.findall(r"^// ([\w.]+:[\w-]+):(\d[\w.]*\d)[.,;]", header)
        assert found or "API 36" in header or "brings" in header, stub.name
        named += found
    assert {name: pinned.get(name, version) for name, version in named} == dict(named)
    stubbed = {name for name, _ in named}
    assert set(pinned) - stubbed == set(), "libraries that neither README nor stubs know"


def test_the_wrapper_is_gradle_s_own_and_checks_what_it_fetches(tmp_path: Path) -> None:
    """Its archive is the one that Gradle published; another in its place is not unpacked."""
    own = KOTLIN / "gradle" / "wrapper"
    jar = (own / "gradle-wrapper.jar").read_bytes()
    assert sha256(jar).hexdigest() == WRAPPER_SHA256
    told = (own / "gradle-wrapper.properties").read_text()
    [version] = re.findall(r"gradle-([\d.]+)-bin\.zip$", told, re.MULTILINE)
    assert f"Gradle {version}" in README.read_text()
    assert f"Gradle {version}" in (ROOT / "NOTICE").read_text()
    assert re.search(r"^distributionSha256Sum=[0-9a-f]{64}$", told, re.MULTILINE)
    assert os.access(KOTLIN / "gradlew", os.X_OK)
    if shutil.which("java") is None:
        pytest.skip("no java: the wrapper itself did not run")
    copied = tmp_path / "gradle" / "wrapper"
    shutil.copytree(own, copied)
    shutil.copy(KOTLIN / "gradlew", tmp_path)
    other = tmp_path / "other.zip"
    other.write_bytes(b"another distribution")
    changed = re.sub(r"(?m)^distributionUrl=.*", f"distributionUrl={other.as_uri()}", told)
    (copied / "gradle-wrapper.properties").write_text(changed)
    environment = os.environ | {"GRADLE_USER_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [tmp_path / "gradlew", "--version"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Verification of Gradle distribution failed" in done.stdout + done.stderr


def test_an_app_may_run_where_the_library_and_the_models_do() -> None:
    """`minSdk` of every module, the README's among them, is at least what each file needs."""
    modules = {path: path.read_text() for path in KOTLIN.glob("*/build.gradle.kts")}
    levels = {int(n) for text in modules.values() for n in re.findall(r"minSdk = (\d+)", text)}
    [level] = levels
    assert f"minSdk {level} or more" in README.read_text()
    needed = [
        int(artifact.minimum_os["android"])
        for name in list_bundles()
        for artifact in load_bundle(name).manifest.artifacts
        if artifact.format in ("tflite", "executorch")
    ]
    assert needed
    assert max(needed) <= level


def test_gradle_files_name_what_there_is() -> None:
    found = catalogue()
    aliases = {f"libs.{name.replace('-', '.')}" for name in found["libraries"]}
    aliases |= {f"libs.plugins.{name.replace('-', '.')}" for name in found["plugins"]}
    aliases |= {f"libs.versions.{name}.get" for name in found["versions"]}
    for file in KOTLIN.rglob("*.gradle.kts"):
        used = set(re.findall(r"\blibs(?:\.\w+)+", file.read_text()))
        assert used <= aliases, file
    settings = (KOTLIN / "settings.gradle.kts").read_text()
    [include] = re.findall(r"^include\((.*)\)$", settings, re.MULTILINE)
    [apps] = re.findall(r"listOf\((.*?)\)", settings)
    for module in re.findall(r'":(\w+)"', include) + re.findall(r'"(\w+)"', apps):
        assert (KOTLIN / module / "build.gradle.kts").exists(), module
        assert (KOTLIN / module / "src" / "main" / "kotlin").is_dir(), module
    for path in re.findall(r'Directory\.\w+\("(.*?)"\)', _text("sample") + _text("bench")):
        assert (KOTLIN / "bench" / path).exists(), path


def test_xml_is_well_formed_and_names_what_there_is() -> None:
    defined = {
        f"@string/{each.attrib['name']}"
        for each in ElementTree.parse(RESOURCES / "values" / "strings.xml").getroot()
    }
    files = [f for f in KOTLIN.rglob("*.xml") if "build" not in f.relative_to(KOTLIN).parts]
    assert len(files) >= 4
    for file in files:
        for element in ElementTree.parse(file).iter():
            values = set(element.attrib.values())
            assert {value for value in values if value.startswith("@string/")} <= defined, file
            own = element.attrib.get(f"{ANDROID}name", "") if element.tag == "activity" else ""
            own = own or (element.tag if element.tag.startswith("dev.mf2edge.") else "")
            if own:
                source = file.parents[2 if file.parent.name == "layout" else 0]
                name = f"{own.split('.')[-1]}.kt"
                assert list((source / "kotlin").rglob(name)), f"{file} names {own}"


def test_the_apps_cannot_send_anything() -> None:
    for module, wanted in (("sample", ["android.permission.CAMERA"]), ("bench", [])):
        manifest = ElementTree.parse(KOTLIN / module / "src" / "main" / "AndroidManifest.xml")
        found = [each.attrib[f"{ANDROID}name"] for each in manifest.iter("uses-permission")]
        assert found == wanted


def _text(module: str) -> str:
    return (KOTLIN / module / "build.gradle.kts").read_text()


def _order(path: Path) -> str:
    """Where in the file each output lies, in the order in which the SDK gives them."""
    from ai_edge_litert.interpreter import Interpreter

    from mf2_edge.runtime.litert import in_model_order

    interpreter = Interpreter(str(path))
    tensors = [tensor["index"] for tensor in interpreter.get_output_details()]
    return ",".join(str(tensors.index(t["index"])) for t in in_model_order(interpreter))


def _nv12(rgb: NDArray[np.uint8]) -> bytes:
    """BT.601 in full range, chroma the mean of 2 x 2 pixels."""
    red, green, blue = (rgb[..., i].astype(float) for i in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = np.stack([(blue - luma) / 1.772, (red - luma) / 1.402], axis=-1) + 128
    rows, columns = luma.shape
    halved = chroma.reshape(rows // 2, 2, columns // 2, 2, 2).mean(axis=(1, 3))
    planes = (np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in (luma, halved))
    return b"".join(plane.tobytes() for plane in planes)


def _shell(lines: str, folder: Path) -> str:
    """Run lines of the README, `mf2-edge` being that of this checkout."""
    script = f'set -e; mf2-edge() {{ "$PYTHON" -m mf2_edge "$@"; }}\n{lines}'
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
