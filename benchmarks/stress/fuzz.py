"""Damaged and made-up inputs at the entry points of the SDK: `benchmarks/results/fuzz.json`.

    python -m benchmarks.stress.fuzz [--seconds 120] [--seed 0]

- manifest: texts of `manifest.json`, changed byte by byte and value by value
- image: files of six formats, changed, cut and joined
- frame: arrays of any type and shape, boxes of any numbers
- report: device reports, changed likewise
- golden, head, baseline, detections, video: see `fuzz_inputs.py`

An entry point answers, or refuses with an error of `mf2_edge.errors`; anything else is a finding,
whose input is kept under runs/fuzz, and the exit code is 1. Seeded: the same inputs in order.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import mf2_edge
from benchmarks.report import conditions
from benchmarks.stress import fuzz_inputs
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bench.measure.import_report import import_report
from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import write_json
from mf2_edge.io.image_file import read_image

OUT = Path("benchmarks/results/fuzz.json")
KEPT = Path("runs/fuzz")
PORTRAIT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 10**30, 1e308, "", "x", "\ud7ff", [], [[]], {}, {"x": [1]}),
)
DTYPES = ("uint8", "int8", "uint16", "float32", "float64", "bool", "complex64", "object", "U1")

Draw = np.random.Generator
Feed = Callable[[Any], object]


@dataclass
class EntryPoint:
    """What is fed, and what came of it: how many inputs, and how many of each answer."""

    name: str
    inputs: Iterator[Any]
    feed: Feed
    tried: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def try_one(self) -> None:
        given = next(self.inputs)
        self.tried += 1
        try:
            self.feed(given)
            self.answers["accepted"] += 1
        except Mf2EdgeError as error:
            self.answers[type(error).__name__] += 1
        except Exception as error:  # what this command is for
            self.answers[type(error).__name__] += 1
            self.findings.append(f"{type(error).__name__}: {error}")
            KEPT.mkdir(parents=True, exist_ok=True)
            kept = KEPT / f"{self.name}-{self.tried}"
            kept.write_bytes(given if isinstance(given, bytes) else repr(given).encode())


def entry_points(seed: int, folder: Path) -> list[EntryPoint]:
    """The entry points, each with inputs of its own."""
    bundle = load_bundle(None)
    manifest = (bundle.path / MANIFEST).read_bytes()
    report = device_report(bundle.manifest_sha256, bundle.manifest.artifacts[0].sha256)
    analyzer = FaceStateAnalyzer(num_threads=1)
    file = folder / "file"

    def read_file(data: bytes) -> object:
        file.write_bytes(data)
        return read_image(file)

    def import_file(data: bytes) -> object:
        file.write_bytes(data)
        return import_report(file, bundle, None)

    golden = bundle.read(bundle.manifest.goldens[0])
    draws = [np.random.default_rng((seed, place)) for place in range(9)]
    return [
        EntryPoint(
            "manifest", texts(manifest, draws[0]), lambda data: parse_manifest(data, source="x")
        ),
        EntryPoint("image", pictures(draws[1]), read_file),
        EntryPoint(
            "frame", frames(draws[2]), lambda given: analyzer.predict(given[0], boxes=given[1])
        ),
        EntryPoint("report", texts(report, draws[3]), import_file),
        EntryPoint(
            "golden",
            fuzz_inputs.goldens(golden, draws[4], damaged),
            fuzz_inputs.check_golden(bundle, folder),
        ),
        EntryPoint(
            "head", texts(fuzz_inputs.head_text(), draws[5]), fuzz_inputs.read_head_in(folder)
        ),
        EntryPoint(
            "baseline",
            texts(fuzz_inputs.baseline_text(bundle), draws[6]),
            fuzz_inputs.read_baseline_at(folder / "baseline.json"),
        ),
        EntryPoint("detections", fuzz_inputs.detections(draws[7]), fuzz_inputs.check_detections),
        EntryPoint(
            "video",
            fuzz_inputs.damaged_films(fuzz_inputs.film(folder), draws[8], damaged),
            fuzz_inputs.read_video_at(folder / "damaged.mp4"),
        ),
    ]


def device_report(bundle_sha256: str, artifact_sha256: str) -> bytes:
    """A sound one."""
    phone = {
        "platform": "ios",
        "model": "iPhone13,2",
        "os_version": "17.4",
        "thermal_before": "nominal",
        "thermal_after": "fair",
        "low_power_mode": False,
        "battery_percent": 80,
    }
    run = {
        "artifact_sha256": artifact_sha256,
        "compute_unit": "all",
        "runtime": "LiteRT",
        "load_ms": 20.0,
        "first_ms": 4.0,
        "samples_ms": [2.0] * 20,
    }
    told = {
        "kind": "mf2-edge-device-report",
        "schema_version": "1.0",
        "bundle": "mf2-edge-base",
        "bundle_sha256": bundle_sha256,
        "date": "2026-11-23",
        "phone": phone,
        "runs": [run],
    }
    return json.dumps(told).encode()


def texts(sound: bytes, draw: Draw) -> Iterator[bytes]:
    """The text itself, then changed: values of the JSON, or bytes."""
    yield sound
    parsed = json.loads(sound)
    while True:
        if draw.random() < 0.5:
            yield damaged(sound, draw)
        else:
            yield json.dumps(changed(parsed, draw)).encode()


def changed(value: Any, draw: Draw) -> Any:
    """One part, somewhere within, replaced, left out or put under another key."""
    if not isinstance(value, dict | list) or not value or draw.random() < 0.15:
        return STRANGE[draw.integers(len(STRANGE))]
    if isinstance(value, list):
        place = int(draw.integers(len(value)))
        return [*value[:place], changed(value[place], draw), *value[place + 1 :]]
    key = list(value)[draw.integers(len(value))]
    if draw.random() < 0.1:
        rest = {name: part for name, part in value.items() if name != key}
        return rest | {f"{key}_": value[key]} if draw.random() < 0.5 else rest
    return {**value, key: changed(value[key], draw)}


def damaged(data: bytes, draw: Draw) -> bytes:
    """Some bytes changed, cut out, repeated, or the end missing."""
    made = bytearray(data)
    for _ in range(1 + int(draw.integers(8))):
        at = int(draw.integers(max(1, len(made))))
        match draw.integers(4):
            case 0:
                made[at : at + 1] = draw.bytes(1)
            case 1:
                del made[at : at + int(draw.integers(64))]
            case 2:
                made[at:at] = made[at : at + int(draw.integers(64))]
            case _ if draw.random() < 0.2:
                del made[at:]
    return bytes(made)


def pictures(draw: Draw) -> Iterator[bytes]:
    """Small files of each format, with EXIF, whole and damaged."""
    with Image.open(PORTRAIT) as opened:
        portrait = opened.convert("RGB").resize((96, 96))
    exif = Image.Exif()
    exif[0x0112] = 6
    sound = []
    for name in FORMATS:
        file = io.BytesIO()
        portrait.save(file, name, **({"exif": exif} if name in ("JPEG", "PNG", "WEBP") else {}))
        sound.append(file.getvalue())
    yield from sound
    while True:
        one, other = (sound[draw.integers(len(sound))] for _ in range(2))
        joined = one[: draw.integers(len(one))] + other[draw.integers(len(other)) :]
        yield damaged(joined if draw.random() < 0.1 else one, draw)


def frames(draw: Draw) -> Iterator[tuple[Any, Any]]:
    """Arrays and boxes."""
    numbers = (
        0.0,
        -1.0,
        5.0,
        40.0,
        1e9,
        1e308,
        float("nan"),
        float("inf"),
        10**400,
        "7" * 5000,
        10**6000,
    )
    while True:
        sides = draw.choice([0, 1, 2, 3, 4, 7, 64], size=int(draw.integers(1, 5)))
        if draw.random() < 0.5:
            height, width = draw.integers(2, 65, size=2).tolist()
            frame: Any = draw.integers(0, 256, (height, width, 3), np.uint8)
        else:
            frame = np.zeros(tuple(sides.tolist()), DTYPES[draw.integers(len(DTYPES))])
        drawn = draw.integers(len(numbers), size=(int(draw.integers(3)), 4)).tolist()
        boxes = [tuple(numbers[place] for place in box) for box in drawn]
        yield frame, boxes if draw.random() < 0.5 else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of all entry points together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="entry points (default: all)")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow tells of each damaged tag
    with TemporaryDirectory() as folder:
        tried = entry_points(options.seed, Path(folder))
        if options.only:
            tried = [entry for entry in tried if entry.name in options.only]
        for entry in tqdm(tried, unit="entry point"):
            end = monotonic() + options.seconds / len(tried)
            while monotonic() < end:
                entry.try_one()
    report = {
        "what": "damaged and made-up inputs at the entry points of the SDK",
        **conditions(),
        "seed": options.seed,
        "entry_points": [
            {"name": d.name, "inputs": d.tried, "answers": d.answers, "findings": d.findings}
            for d in tried
        ],
    }
    write_json(options.out, report)
    for entry in tried:
        sys.stdout.write(f"{entry.name}: {entry.tried:,} inputs, {len(entry.findings)} findings\n")
        sys.stdout.writelines(f"  {finding}\n" for finding in entry.findings[:10])
    return int(any(entry.findings for entry in tried))


if __name__ == "__main__":
    raise SystemExit(main())
