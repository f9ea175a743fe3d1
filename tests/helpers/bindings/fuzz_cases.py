"""Made-up input for every binding, and what the SDK answers to it: `model.json`, faces and streams.

`lay_out_fuzz` fills a folder that a binding's replay program reads as it reads that of the goldens
(replay.py), with the toy bundle as the model; `compare` says where its answers differ from those of
the SDK. A round is small, because replays read whole files again and again; `SEED` plus the number
of the round seeds it. The tests try one round; MF2_EDGE_FUZZ_ROUNDS asks for more, 46 are 100,000
cases. With MF2_EDGE_RECORD what was tried goes into benchmarks/results/bindings-fuzz.json.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bindings.goldens import PATH as STAGE_GOLDENS
from bindings.goldens_finder import PATH as FINDER_GOLDENS
from bindings.model_cases import changed, judged
from bindings.web.pages_data import smoothed_arrays, write_arrays
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import MANIFEST, MODEL, load_bundle
from mf2_edge.bundle.schema import AlignmentSpec, Manifest
from mf2_edge.bundle.write import write_manifest
from mf2_edge.io.atomic import replacing
from mf2_edge.pipeline.align import align, similarity, warp
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.types import Landmarks, Point
from mf2_edge.verify import GOLDEN_NAMES
from tests.helpers.bindings.replay import (
    ROOT,
    TOY,
    answer_of_web,
    check_answers,
    copy_detectors,
    decisions,
    extract,
    write_crops,
)

SEED: Final = 1000
MODELS: Final = 500
FACES: Final = 500
FRAMES: Final = 500
CROPS: Final = 120
ALIGNED: Final = 30
ROUND: Final = MODELS + FACES + 2 * FRAMES + CROPS + 2 * ALIGNED
"""Cases of a round."""

ROUND_WEB: Final = MODELS + FACES + FRAMES + 2 * ALIGNED
"""Those of the stages that need no engine."""

ROUNDS: Final = int(os.environ.get("MF2_EDGE_FUZZ_ROUNDS", "1"))
RESULT: Final = ROOT / "benchmarks" / "results" / "bindings-fuzz.json"

ODD: Final = ("", '"', "}", ",", "\\", "1e999", "null", "\ufeff")
"""What a letter of a broken text is replaced by."""

TOLERANCES: Final = {"align": 0.0, "matrix": 1e-9, "decode": 1e-9, "smooth": 1e-9}
"""Beside the goldens' own; `align` in grey levels."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round: where it lies, and the SDK's answers."""

    folder: Path
    manifest: Manifest
    logits: list[NDArray[np.float32]]
    states: list[dict[str, Any]]


def copy_toy(folder: Path) -> Path:
    """The toy bundle as a model folder, the detector beside it."""
    shutil.copytree(TOY, folder)
    copy_detectors(folder)
    return folder


def lay_out_fuzz(folder: Path, number: int) -> Round:
    """Write a round into `folder`."""
    rng, draw = np.random.default_rng(SEED + number), random.Random(SEED + number)
    folder.mkdir(parents=True)
    with np.load(TOY / "goldens.npz", allow_pickle=False) as goldens:
        extract(folder / "goldens", dict(goldens))
    toy = load_bundle(TOY).manifest
    extract(folder / "smooth", _series(rng, toy))
    extract(folder / "stages", _stages(rng, toy.alignment))
    cases = [judged(_model(draw)) for _ in range(MODELS)]
    (folder / "manifests.json").write_text(json.dumps(cases))
    manifest, logits = _lay_out_heads(folder / "heads", rng, draw)
    finder = json.loads(FINDER_GOLDENS.read_text())
    (folder / FINDER_GOLDENS.name).write_text(json.dumps(finder | {"sides": [], "frames": []}))
    crops = [_crop(rng) for _ in range(CROPS)]
    write_crops(folder / "crops.bin", crops)
    analyzer = FaceStateAnalyzer(TOY, runtime="litert", detector=BlazeFaceDetector())
    states = [state.to_dict() for state in analyzer.predict_crops(crops, color="rgb")]
    return Round(folder, manifest, logits, states)


def compare(found: dict[str, Any], expected: Round) -> list[str]:
    """Where a binding differs from the SDK, one line each."""
    stages = {f"heads {name}": found["heads"][name] for name in ("decode", "smooth")}
    stages |= {name: stage for name, stage in found["stages"].items() if name != "detect"}
    differ = _compare_pure(stages, found["heads"]["answers"], expected)
    for i, (ours, theirs) in enumerate(zip(found["states"], expected.states, strict=True)):
        known = (theirs["emotion"]["score"], theirs["quality"]["overall"])
        close = np.allclose((ours["score"], ours["quality"]), known, rtol=0, atol=(1e-6, 1e-3))
        same = decisions(ours) == decisions(theirs)
        if not (close and same and ours["reason"] == theirs["emotion"]["reason"]):
            differ.append(f"crop {i}: {ours}, expected {theirs}")
    return differ


def compare_web(found: dict[str, Any], expected: Round) -> list[str]:
    """The same of the stages that run in Node; see bindings/web/test/node_replay.mjs."""
    cases = json.loads((expected.folder / "manifests.json").read_text())
    judged_alike = found["manifests"] == [case["valid"] for case in cases]
    differ = [] if judged_alike else ["model.json: verdicts differ"]
    stages = {name: found[name] for name in ("align", "smooth")}
    answers = [answer_of_web(told) for told in found["answers"]]
    return differ + _compare_pure(stages, answers, expected)


def _compare_pure(
    stages: dict[str, Any], answers: list[dict[str, Any]], expected: Round
) -> list[str]:
    differ = [
        f"{name}: {figures}"
        for name, figures in stages.items()
        if figures["max_difference"] is None or figures["max_difference"] > figures["tolerance"]
    ]
    try:
        check_answers(answers, expected.manifest, expected.logits)
    except AssertionError as error:
        differ.append(f"answers: {error}")
    return differ


def lay_out_for_node(made: Round) -> Path:
    """The round as bindings/web/test/node_replay.mjs reads it, in a folder inside its own."""
    folder = made.folder / "node"
    (folder / "toy").mkdir(parents=True)
    shutil.copy(made.folder / "heads" / MODEL, folder / "toy")
    write_arrays(folder, "stages", made.folder / "stages.npz")
    write_arrays(folder, "logits", made.folder / "heads" / "goldens.npz")
    write_arrays(folder, "series", made.folder / "heads" / "smooth.npz")
    cases = json.loads((made.folder / "manifests.json").read_text())
    (folder / "manifests.json").write_text(json.dumps([case["text"] for case in cases]))
    return folder


def check_rounds(binding: str, rounds: list[Round], replay: Callable[[Path], Any]) -> None:
    """Replay every round in a binding and compare; AssertionError says where it differs."""
    judge, cases = (compare_web, ROUND_WEB) if binding == "web" else (compare, ROUND)
    folders = [lay_out_for_node(made) if binding == "web" else made.folder for made in rounds]
    differ = {
        made.folder.name: judge(replay(folder), made)
        for made, folder in zip(rounds, folders, strict=True)
    }
    wrong = {name: lines for name, lines in differ.items() if lines}
    record(binding, cases * len(rounds), len(wrong))
    assert not wrong, "\n".join(f"{name}: {line}" for name in wrong for line in wrong[name])


def record(binding: str, cases: int, differences: int) -> None:
    """Put what was tried into the results, if MF2_EDGE_RECORD asks for it."""
    if not os.environ.get("MF2_EDGE_RECORD"):
        return
    told = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    told[binding] = {
        "what": "model.json, logits, series, landmarks, views and crops made up, against the SDK",
        "cases": cases,
        "rounds_that_differ": differences,
        "seed": SEED,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}",
        "bundle_sha256": load_bundle(TOY).manifest_sha256,
    }
    with replacing(RESULT) as partial:
        partial.write_text(json.dumps(dict(sorted(told.items())), indent=1) + "\n")


def _model(draw: random.Random) -> str:
    """The toy's `model.json` with one to three changes, in one of eight cases as broken text."""
    text = (TOY / MODEL).read_text()
    for _ in range(draw.choice((1, 1, 2, 3))):
        text = changed(json.loads(text), draw)
    if draw.random() < 0.125:
        at = draw.randrange(len(text))
        text = text[:at] + draw.choice(ODD) + text[at + 1 :]
    return text


def _stages(rng: np.random.Generator, spec: AlignmentSpec) -> dict[str, Any]:
    """Landmarks anywhere around the portrait, and views of it through any matrix."""
    with np.load(STAGE_GOLDENS, allow_pickle=False) as goldens:
        made = {
            name: goldens[name] for name in goldens.files if name.startswith(("frame", "alpha"))
        }
        made |= {name: goldens[name] for name in goldens.files if name.startswith("tolerance")}
    frame = made["frame"]
    template = np.array([spec.points[name] for name in spec.points])
    points = np.zeros((ALIGNED, 6, 2), np.float32)
    for face in points:
        turn, scale = rng.uniform(-np.pi, np.pi), np.exp(rng.uniform(-2.5, 1.5))
        rotated = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        face[:4] = scale * template @ rotated.T + rng.normal(0, 3, (4, 2)) * scale
        face[4:] = rng.normal(0, 50, (2, 2))
        face += rng.uniform(-100, 400, 2)
    matrices, aligned = [], []
    for face in points:
        landmarks = Landmarks(*(Point(float(x), float(y)) for x, y in face))
        matrices.append(similarity(landmarks, spec))
        aligned.append(align(frame, landmarks, spec))
    views = rng.normal(0, 1, (ALIGNED, 2, 3)) * [1, 1, 60]
    made |= {"align/landmarks": points, "align/matrix": np.stack(matrices)}
    made |= {"align/aligned": np.stack(aligned), "warp/matrix": views}
    made["warp/view"] = np.stack([warp(frame, view, 128, 128, "black") for view in views])
    return made | {"tolerance/align": TOLERANCES["align"], "tolerance/matrix": TOLERANCES["matrix"]}


def _lay_out_heads(
    folder: Path, rng: np.random.Generator, draw: random.Random
) -> tuple[Manifest, list[NDArray[np.float32]]]:
    """A toy with other calibration, margins and filters; logits and series for it."""
    folder.mkdir()
    raw = json.loads((TOY / MANIFEST).read_text())
    for head, entries in raw["calibration"].items():
        for entry in [entries] if head == "emotion" else entries.values():
            for key, low, high in (("temperature", 0.1, 5), ("scale", 0.05, 6), ("bias", -3, 3)):
                if key in entry:
                    entry[key] = draw.uniform(low, high)
    raw["decoding"] |= {"min_emotion_score": draw.random(), "au_margin": draw.uniform(0, 0.4)}
    for name in ("emotion", "action_units", "landmarks"):
        for key in raw["smoothing"][name]:
            raw["smoothing"][name][key] = draw.uniform(0.1, 9)
    raw["smoothing"] |= {
        "emotion_margin": draw.uniform(0, 0.3),
        "au_hysteresis": draw.uniform(0, 0.2),
    }
    manifest = write_manifest(folder, json.dumps(raw).encode())
    heads = sorted(manifest.heads, key=lambda head: head.output)
    spread = np.exp(rng.uniform(-6, 6, (FACES, 1)))  # from all alike to beyond what exp can hold
    logits = [(rng.normal(0, 1, (FACES, len(h.labels))) * spread).astype(np.float32) for h in heads]
    scores = Decoder(manifest).scores(logits).named()
    arrays: dict[str, Any] = {"tolerance/decode": TOLERANCES["decode"]}
    for head in heads:
        arrays[f"{GOLDEN_NAMES[head.name]}_logits"] = logits[head.output]
        arrays[f"{GOLDEN_NAMES[head.name]}_scores"] = scores[head.name]
    extract(folder / "goldens", arrays)
    extract(folder / "smooth", _series(rng, manifest))
    return manifest, logits


def _series(rng: np.random.Generator, manifest: Manifest) -> dict[str, Any]:
    """Scores over time, in half of the series since 1970: repeats, gaps, jumps, long rests."""
    steps = rng.choice([0.0, 0.25, 16.0, 33.0, 66.0, 500.0, 90_000.0], FRAMES)
    times = np.cumsum(steps) + rng.choice([0.0, 1.8e12])
    scores = {}
    for head in manifest.heads:
        held = np.repeat(rng.uniform(0, 1, (FRAMES // 5, len(head.labels))), 5, axis=0)
        raw = np.clip(held + rng.normal(0, 0.1, held.shape), 0, 1)
        whole = raw.sum(axis=1, keepdims=True) if head.name == "emotion" else 1.0
        scores[f"{GOLDEN_NAMES[head.name]}_scores"] = raw / whole
    return smoothed_arrays(manifest, times, scores) | {"tolerance/smooth": TOLERANCES["smooth"]}


def _crop(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise, a ramp or one colour, from 2 x 2 pixels on, as wide or high as twenty to one."""
    height, width = np.maximum(2, np.exp(rng.uniform(0.7, 5.5, 2))).astype(int)
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == 1:
        return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3)).copy()
    ramp = np.linspace(0, 1, width)[None, :, None] * rng.uniform(0, 255, 3) + rng.normal(
        0, 9, (height, 1, 1)
    )
    return np.asarray(np.clip(ramp, 0, 255), np.uint8)
