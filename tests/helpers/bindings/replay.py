"""What a native binding's tests read, what the SDK answers to the same, and the report of both.

`lay_out` writes a folder: `goldens/` and `stages/` (.npy, those of the default bundle and of the
bindings), `goldens_finder.json`, `smooth/`, `manifests.json` (cases), `crops.bin` (for each crop
its width and height as little-endian int32, then RGB). A binding's own program replays it and
prints one JSON object: `bundle_sha256`; `stages`, each with `max_difference`, `tolerance` and `n`;
`states` of the crops.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import struct
import sys
import zipfile
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import mf2_edge
from bindings.conformance import STAGES
from bindings.goldens import PATH as STAGE_GOLDENS
from bindings.goldens_finder import PATH as FINDER_GOLDENS
from bindings.model_cases import model_cases
from bindings.web.pages_data import (
    REAL_FACES,
    real_crops,
    sample_crops,
    toy_logits,
)
from exporters.checks.goldens import TOLERANCES
from exporters.checks.goldens_smooth import smooth_arrays
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import MANIFEST, MODEL, load_bundle
from mf2_edge.bundle.schema import Manifest
from mf2_edge.io.atomic import replacing
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.runtime.select import RuntimeName
from mf2_edge.verify import GOLDEN_NAMES

ROOT: Final = Path(__file__).parents[3]
BUNDLE: Final = load_bundle(None).path
DETECTORS: Final = Path(mf2_edge.__file__).parent / "detectors"
TOY: Final = ROOT / "tests" / "fixtures" / "tiny_bundle"
PORTRAIT: Final = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"


def litert_library() -> Path | None:
    """libLiteRt.so of the installed wheel."""
    spec = find_spec("ai_edge_litert")
    if spec is None or spec.origin is None:
        return None
    library = Path(spec.origin).parent / "libLiteRt.so"
    return library if library.exists() else None


def lay_out(folder: Path, runtime: RuntimeName = "auto") -> list[dict[str, Any]]:
    """Write everything into `folder`; returns the SDK's states of the crops, on that runtime."""
    for name, archive in (("goldens", BUNDLE / "goldens.npz"), ("stages", STAGE_GOLDENS)):
        with zipfile.ZipFile(archive) as archived:
            archived.extractall(folder / name)
    shutil.copy(FINDER_GOLDENS, folder)
    _lay_out_smooth(folder, load_bundle(None).manifest)
    _lay_out_heads(folder / "heads")
    (folder / "manifests.json").write_text(json.dumps(model_cases()))
    crops = real_crops() if REAL_FACES.exists() else sample_crops()
    write_crops(folder / "crops.bin", crops)
    return [state.to_dict() for state in analyzer(runtime).predict_crops(crops, color="rgb")]


def write_crops(path: Path, crops: list[NDArray[np.uint8]]) -> None:
    """Width and height as little-endian int32, then RGB, of each."""
    with path.open("wb") as stream:
        for crop in crops:
            stream.write(struct.pack("<ii", crop.shape[1], crop.shape[0]) + crop.tobytes())


def _lay_out_smooth(folder: Path, manifest: Manifest) -> None:
    arrays = {**smooth_arrays(manifest), "tolerance/smooth": TOLERANCES["smooth"]}
    extract(folder / "smooth", arrays)


def _lay_out_heads(folder: Path) -> None:
    """Decode and smooth of the toy bundle, which has every head and experimental units."""
    folder.mkdir()
    shutil.copy(TOY / "model.json", folder)
    manifest = load_bundle(TOY).manifest
    outputs = toy_logits(manifest)
    scores = Decoder(manifest).scores(outputs).named()
    arrays: dict[str, Any] = {"tolerance/decode": 1e-9}
    for head in manifest.heads:
        arrays[f"{GOLDEN_NAMES[head.name]}_logits"] = outputs[head.output]
        arrays[f"{GOLDEN_NAMES[head.name]}_scores"] = scores[head.name]
    extract(folder / "goldens", arrays)
    _lay_out_smooth(folder, manifest)


def extract(folder: Path, arrays: dict[str, Any]) -> None:
    """Each array as a .npy in `folder`."""
    archive = folder.with_suffix(".npz")
    np.savez(archive, **arrays)
    with zipfile.ZipFile(archive) as archived:
        archived.extractall(folder)


def check_heads(found: dict[str, Any]) -> None:
    """A binding decodes and smooths every head of the toy bundle as the SDK does."""
    for stage in ("decode", "smooth"):
        assert found[stage]["max_difference"] is not None
        assert found[stage]["max_difference"] <= found[stage]["tolerance"]
    check_answers_of_toy(found["answers"])


def check_answers_of_toy(answers: list[dict[str, Any]]) -> None:
    """A binding's answers to the logits of the toy bundle."""
    manifest = load_bundle(TOY).manifest
    reasons = check_answers(answers, manifest, toy_logits(manifest))
    assert answers[-1]["reason"] == "not_visible"
    assert reasons >= {"confident", "low_confidence", "not_visible"}


def check_answers(
    answers: list[dict[str, Any]], manifest: Manifest, outputs: list[NDArray[np.float32]]
) -> set[str]:
    """A binding's answers to these outputs are the SDK's; returns the reasons told."""
    decoder = Decoder(manifest)
    reasons: set[str] = set()
    for i, ours in enumerate(answers):
        emotion, units, visibility = decoder.decode([logits[i : i + 1] for logits in outputs])
        assert (ours["emotion"], ours["reason"]) == (emotion.label, emotion.reason)
        assert set(ours["action_units"]) == set(units)
        for label, unit in units.items():
            told = ours["action_units"][label]
            assert (told["present"], told["reason"]) == (unit.present, unit.reason)
            assert told["level"] == unit.level
            assert abs(told["intensity"] - (unit.intensity or 0)) < 1e-9
            measured = unit.reliability and unit.reliability.world
            assert told["world"] == (measured and measured.f1)
            reasons.add(unit.reason)
        assert ours["visibility"].keys() == visibility.keys()
        reasons.add(emotion.reason)
    assert len(answers) == len(outputs[0])
    return reasons


def answer_of_web(told: dict[str, Any]) -> dict[str, Any]:
    """What `check_answers` reads, of the web binding's `Answers`."""
    units = {
        label: {name: unit[name] for name in ("present", "reason", "level", "intensity")}
        | {"world": ((unit["reliability"] or {}).get("world") or {}).get("f1")}
        for label, unit in told["action_units"].items()
    }
    emotion = {"emotion": told["emotion"]["label"], "reason": told["emotion"]["reason"]}
    return {**emotion, "action_units": units, "visibility": told["visibility"]}


def analyzer(runtime: RuntimeName = "auto") -> FaceStateAnalyzer:
    """The SDK's, with the detector that the bindings have."""
    return FaceStateAnalyzer(runtime=runtime, detector=BlazeFaceDetector())


def copy_model(folder: Path) -> Path:
    """A folder as an app has it: `model.json`, the models, the detector beside them."""
    folder.mkdir(parents=True)
    for file in (*BUNDLE.glob("*.tflite"), *BUNDLE.glob("*.pte"), BUNDLE / "model.json"):
        shutil.copy(file, folder)
    copy_detectors(folder)
    return folder


def copy_detectors(folder: Path) -> None:
    """The networks that find faces, beside a model."""
    shutil.copytree(DETECTORS, folder, dirs_exist_ok=True)


BROKEN: Final = (
    *("no_model_json", "no_json", "unknown_key", "other_manifest"),
    *("no_file", "damaged", "truncated"),
)


def broken_models(model: Path, folder: Path) -> dict[str, Path]:
    """Copies of a model folder, each damaged in the way that its name says."""
    made = {}
    for name in BROKEN:
        made[name] = Path(shutil.copytree(model, folder / name))
    (made["no_model_json"] / MODEL).unlink()
    (made["no_json"] / MODEL).write_text("{")
    told = json.loads((model / MODEL).read_text())
    (made["unknown_key"] / MODEL).write_text(json.dumps(told | {"colour": 1}))
    (made["other_manifest"] / MANIFEST).write_bytes((BUNDLE / MANIFEST).read_bytes() + b" ")
    next(made["no_file"].glob("*.tflite")).unlink()
    for name in ("damaged", "truncated"):
        file = next(made[name].glob("*.tflite"))
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data if name == "damaged" else data[: len(data) // 2])
    return made


def report(binding: str, found: dict[str, Any], skipped: dict[str, str]) -> dict[str, Any]:
    """The binding's conformance report; `skipped` stages say why."""
    stages: dict[str, Any] = {}
    for name in STAGES:
        if name in skipped:
            figures = dict.fromkeys(("max_difference", "tolerance", "n"))
            stages[name] = {"outcome": "skipped", **figures, "why": skipped[name]}
            continue
        figures = found["stages"][name]
        passed = figures["max_difference"] is not None  # JSON has no infinity
        passed = passed and figures["max_difference"] <= figures["tolerance"]
        figures["max_difference"] = figures["max_difference"] if passed else sys.float_info.max
        stages[name] = {"outcome": "passed" if passed else "failed", **figures, "why": None}
    return {
        "binding": binding,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}",
        "bundle_sha256": found["bundle_sha256"],
        "stages": stages,
    }


def write_report(binding: str, made: dict[str, Any]) -> None:
    """Put a report beside the binding if MF2_EDGE_RECORD is set and it says anything new."""
    if not os.environ.get("MF2_EDGE_RECORD"):
        return
    path = ROOT / "bindings" / binding / "conformance.json"
    old = json.loads(path.read_text()) if path.exists() else {}
    if {**old, "date": None} == {**made, "date": None}:
        return
    with replacing(path) as partial:
        partial.write_text(json.dumps(made, indent=1) + "\n")


def check_stream(moments: list[dict[str, Any]]) -> None:
    """A binding's stream is told as the SDK's: a face moves, is away for three frames, returns.

    Then the clock jumps to milliseconds since 1970: the face is lost, and found as another.
    """
    with np.load(STAGE_GOLDENS, allow_pickle=False) as archive:
        portrait = archive["frame"]
    stream = FaceStateAnalyzer().stream()
    for t, ours in enumerate(moments):
        moved = min(t, 11)
        frame = portrait[2 * moved : 2 * moved + 290, 4 * moved : 4 * moved + 270]
        time = t * 40.0 + (0 if t < 12 else 1.75e12)
        states = stream.update(frame * (t not in range(6, 9)), time, color="rgb")
        assert [face["track_id"] for face in ours["faces"]] == [each.track_id for each in states]
        for face, state in zip(ours["faces"], states, strict=True):
            assert decisions(face) == decisions(state.to_dict())
            assert abs(face["score"] - state.emotion.score) < 1e-6
            assert abs(face["x"] - state.box.x) < 1e-3
        for event, told in zip(ours["events"], stream.take_events(), strict=True):
            assert (event["label"], event["kind"]) == (told.label, told.kind)
            assert abs(event["score"] - told.score) < 1e-6
    ids = [[face["track_id"] for face in moment["faces"]] for moment in moments]
    assert (ids[0], ids[11], ids[12], ids[-1]) == ([1], [1], [], [2])
    assert any(moment["events"] for moment in moments)


def decisions(state: dict[str, Any]) -> tuple[Any, ...]:
    """What an app acts on: status, emotion, and which units are present."""
    emotion = state["emotion"]
    label = emotion if isinstance(emotion, str) else emotion["label"]
    units = state["action_units"]
    return state["status"], label, {name: unit["present"] for name, unit in units.items()}
