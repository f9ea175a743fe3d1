"""`import mf2_edge` is cheap, and no import of the SDK drags a training framework along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.make_tiny_bundle import FOLDER

ASTRONAUT = Path(__file__).parents[2] / "mf2_edge" / "samples" / "astronaut.jpg"
FRAMEWORKS = {
    "torch",
    "torchvision",
    "torchao",
    "tensorflow",
    "mediapipe",
    "coremltools",
    "onnx",
    "onnxruntime",
    "executorch",
    "litert_torch",
    "sklearn",
    "matplotlib",
    "pyarrow",
    "distill",
    "exporters",
    "benchmarks",
}
LAZY = {"numpy", "cv2", "PIL", "msgspec", "tqdm", "ai_edge_litert", "tflite_runtime"}


def top_level_modules_after(code: str) -> set[str]:
    """Packages that a fresh interpreter holds after running `code`."""
    return {name.partition(".")[0] for name in all_modules_after(code)}


def all_modules_after(code: str) -> set[str]:
    """Modules that a fresh interpreter holds after running `code`."""
    report = "import sys, json; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_bare_import_loads_nothing_heavy() -> None:
    loaded = top_level_modules_after("import mf2_edge; mf2_edge.__version__")
    assert "mf2_edge" in loaded
    assert loaded & (FRAMEWORKS | LAZY) == set()


def test_bare_import_loads_few_modules() -> None:
    """Their number is what its time is made of, which benchmarks measure."""
    bare = len(all_modules_after("pass"))
    assert len(all_modules_after("import mf2_edge")) - bare < 40


def test_predicting_loads_no_framework() -> None:
    loaded = top_level_modules_after(
        "from mf2_edge import FaceStateAnalyzer\n"
        f"faces = FaceStateAnalyzer({str(FOLDER)!r}).predict({str(ASTRONAUT)!r})\n"
        "assert len(faces) == 1"
    )
    assert {"cv2", "numpy"} <= loaded
    assert loaded & FRAMEWORKS == set()


def test_public_names() -> None:
    import mf2_edge

    assert {"FaceStateAnalyzer", "FaceState", "Emotion", "ActionUnit", "Box", "Landmarks"} <= set(
        mf2_edge.__all__
    )
    for name in mf2_edge.__all__:
        value = getattr(mf2_edge, name)
        assert name == "__version__" or value.__module__.startswith("mf2_edge."), name
        assert name in dir(mf2_edge)
    with pytest.raises(AttributeError, match="has no attribute 'Analyser'"):
        _ = mf2_edge.Analyser


def test_lazy_names_and_typed_names_are_the_same() -> None:
    import ast

    import mf2_edge

    tree = ast.parse(Path(mf2_edge.__file__).read_text())
    typed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert typed | {"__version__"} == set(mf2_edge.__all__)
