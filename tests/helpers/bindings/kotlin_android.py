"""The Android layer, apps and README of the Kotlin binding, compiled against stubs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.export.code import example
from tests.helpers.bindings.kotlin_compiler import BUILD, JNA, JUNIT, KOTLIN, STRICT, compile_kotlin
from tests.helpers.bindings.replay import ROOT

RESOURCES: Final = KOTLIN / "sample" / "src" / "main" / "res"
README: Final = KOTLIN / "README.md"
XML_ID: Final = "{http://schemas.android.com/apk/res/android}id"
LENIENT: Final = tuple(option for option in STRICT if "explicit-api" not in option)
"""For apps and tests, which are nobody's library."""


def catalogue() -> dict[str, Any]:
    """gradle/libs.versions.toml."""
    return tomllib.loads((KOTLIN / "gradle" / "libs.versions.toml").read_text())


def versions() -> dict[str, str]:
    """Version by `group:name` of each library of the catalogue."""
    found = catalogue()
    return {
        library["module"]: found["versions"][library["version"]["ref"]]
        for library in found["libraries"].values()
    }


def readme_blocks(language: str) -> list[str]:
    """The README's fenced blocks of a language."""
    return fenced_blocks(README, language)


def fenced_blocks(page: Path, language: str) -> list[str]:
    """A page's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def core_jar() -> Path:
    """As tests/bindings/test_kotlin.py makes it: core, LiteRT on the JVM, and their tests."""
    sources = [*(KOTLIN / "core" / "src").rglob("*.kt"), *(KOTLIN / "jvm").rglob("*.kt")]
    return compile_kotlin("core-and-tests", sources, [JNA, *JUNIT])


def android_jars() -> list[Path]:
    """The layer and what it needs: core and stubs."""
    stubs = compile_kotlin("stubs", (KOTLIN / "stubs" / "src").glob("*.kt"), options=LENIENT)
    below = [core_jar(), stubs]
    return [compile_kotlin("android", _main("android"), below), *below]


def app_jars() -> list[Path]:
    """Bench, sample and the README's blocks on top of the layer, with what Gradle generates."""
    below = android_jars()
    sources = [*_main("bench"), *_main("sample"), *_generated()]
    return [compile_kotlin("apps", sources, below, LENIENT), *below]


def react_native_jar() -> Path:
    """The module of examples/react-native, the exported `FaceState.kt` beside it."""
    module = ROOT / "examples/react-native/android/Mf2EdgeModule.kt"
    bundle = load_bundle("mf2-edge-m")
    _, code = example(bundle.manifest, bundle.select("tflite"), "android")
    comment, _, rest = code.partition("import ")
    exported = BUILD / "generated" / "react_native" / "FaceState.kt"
    exported.parent.mkdir(parents=True, exist_ok=True)
    exported.write_text(f"{comment}package dev.mf2edge.reactnative\nimport {rest}")
    return compile_kotlin("react-native", [module, exported], android_jars(), LENIENT)


def jars_with_tests() -> list[Path]:
    """The tests of layer, bench and sample; they see the internals of the first."""
    below = app_jars()
    sources = (KOTLIN / "stubs" / "test").glob("*.kt")
    options = [*LENIENT, f"-Xfriend-paths={below[1]}"]
    return [compile_kotlin("android-tests", sources, [*below, JNA, *JUNIT], options), *below]


def _main(module: str) -> list[Path]:
    return list((KOTLIN / module / "src" / "main" / "kotlin").rglob("*.kt"))


def _generated() -> list[Path]:
    """R of the sample, BuildConfig of the bench, the README's blocks, what `export` hands out."""
    strings = ElementTree.parse(RESOURCES / "values" / "strings.xml").getroot()
    layouts = sorted((RESOURCES / "layout").glob("*.xml"))
    ids = [
        view.attrib[XML_ID].removeprefix("@+id/")
        for layout in layouts
        for view in ElementTree.parse(layout).iter()
        if XML_ID in view.attrib
    ]
    kinds = {
        "string": [string.attrib["name"] for string in strings],
        "layout": [layout.stem for layout in layouts],
        "id": ids,
    }
    lines = ["package dev.mf2edge.sample", "object R {"]
    for kind, names in kinds.items():
        constants = " ".join(f"const val {name} = {i};" for i, name in enumerate(names))
        lines.append(f"    object {kind} {{ {constants} }}")
    texts = {"R": "\n".join([*lines, "}"])}
    wanted = re.findall(r'buildConfigField\("String", "(\w+)"', _gradle("bench"))
    fields = " ".join(f'const val {name} = "";' for name in wanted)
    texts["BuildConfig"] = f"package dev.mf2edge.bench\nobject BuildConfig {{ {fields} }}"
    for i, block in enumerate(readme_blocks("kotlin")):
        texts[f"Readme{i}"] = block
    bundle = load_bundle("mf2-edge-m")
    for form in ("tflite", "executorch"):
        _, code = example(bundle.manifest, bundle.select(form), "android")
        comment, _, rest = code.partition("import ")
        texts[f"Exported{form}"] = f"{comment}package exported.{form}\nimport {rest}"
    [shown] = fenced_blocks(KOTLIN.parents[1] / "README.md", "kotlin")
    parameters = "context: android.content.Context, bitmap: android.graphics.Bitmap"
    texts["ReadmeLines"] = f"package exported.tflite\nfun lines({parameters}) {{\n{shown}}}"
    folder = BUILD / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.kt").write_text(text + "\n")
    return [folder / f"{name}.kt" for name in texts]


def _gradle(module: str) -> str:
    return (KOTLIN / module / "build.gradle.kts").read_text()
