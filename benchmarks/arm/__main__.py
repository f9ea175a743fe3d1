"""The shipped files on emulated ARM processors beside this machine; `make arm`.

    python -m benchmarks.arm [--bundle NAME]... [--cpu CPU]... [--faces N] [--out FOLDER]

Every file that a Python runtime of aarch64 reads is loaded on each CPU, its goldens are replayed,
and its answers to N aligned faces are compared with those of the same file, and the same version of
the runtime, on this machine. The faces are of pictures drawn (seed 0) from the folder in the
variable MF2_EDGE_FACES; without it they are those of the goldens and of the sample picture.

Writes FOLDER/BUNDLE.json. ARM's kernels run, but not an ARM processor: nothing here says how long
anything takes. Exits with 1 if an answer is not ARM's and this machine's alike (`LEAST`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import mf2_edge
from benchmarks.arm.answers import answers
from benchmarks.arm.emulator import CPUS, Emulator, EmulatorError, cache_folder, prepare
from benchmarks.arm.pytorch import add_pytorch
from exporters.checks.agreement import compare_scores
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import write_json
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.detect import BlazeFaceDetector

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import AlignmentSpec, ArtifactSpec

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "benchmarks" / "results" / "arm"
LEAST: Final = 0.999
"""Agreement of decisions, by head, below which ARM and this machine are not alike."""

SEED: Final = 0
FORMATS: Final = {"tflite": "ai-edge-litert", "executorch": "executorch", "onnx": "onnxruntime"}
"""What runs in the emulation, and the package that runs it."""

NOT_RUN: Final = {
    "coreml": "Core ML is Apple's; mf2_edge's reference interpreter runs no ARM kernel",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 2 where ARM cannot be emulated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", action="append", choices=list_bundles())
    parser.add_argument("--cpu", action="append", choices=CPUS)
    parser.add_argument("--faces", type=int, default=500, help="how many at most")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    try:
        emulator = add_pytorch(prepare(cache_folder()), cache_folder())
    except EmulatorError as error:
        sys.stderr.write(f"ARM cannot be emulated here: {error}\n")
        return 2
    alike = True
    for name in options.bundle or list_bundles():
        result = compare(load_bundle(name), emulator, options.cpu or CPUS, options.faces)
        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / f"{name}.json", result)
        alike = alike and is_alike(result)
    return 0 if alike else 1


def is_alike(result: dict[str, Any]) -> bool:
    """Whether every file decided as here on every CPU, and no golden failed."""
    runs = [run for file in result["files"] for run in file["runs"]]
    if any("FAILED" in checks.values() for checks in result["other_checks"]):
        return False
    return bool(runs) and all(
        run["goldens"].startswith("OK")
        and min(run["emotion_agreement"], run["au_agreement"]) >= LEAST
        for run in runs
    )


def compare(bundle: Bundle, emulator: Emulator, cpus: Sequence[str], most: int) -> dict[str, Any]:
    """The result of one bundle, as its file holds it."""
    source, faces = _faces(bundle.manifest.alignment, bundle, most)
    artifacts = [a for a in bundle.manifest.artifacts if a.format in FORMATS and not a.delegate]
    here = {artifact.file: answers(bundle, artifact, faces) for artifact in artifacts}
    files: dict[str, dict[str, Any]] = {
        a.file: {"file": a.file, "sha256": a.sha256, "precision": a.precision, "runs": []}
        for a in artifacts
    }
    stages = []
    for cpu in cpus:
        print(f"{bundle.manifest.name} on {cpu}", flush=True)  # noqa: T201 - it takes minutes
        there, checks = _emulate(emulator, cpu, bundle, faces)
        for artifact in artifacts:
            run = _compared(bundle, artifact, here[artifact.file], there[artifact.file])
            files[artifact.file]["runs"].append(
                {"cpu": cpu, "goldens": " ".join(checks.pop(f"model {artifact.file}")), **run}
            )
        stages.append({"cpu": cpu, **{name: how for name, (how, _) in checks.items()}})
    return {
        "what": "files on emulated ARM processors, beside the same files on this machine",
        "provenance": "measured-emulated",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {_qemu_version(emulator)}",
        "versions": {package: version(package) for package in FORMATS.values()},
        "bundle": bundle.manifest.name,
        "bundle_sha256": bundle.manifest_sha256,
        "faces": {"of": source, "n": len(faces), "seed": SEED},
        "files": list(files.values()),
        "other_checks": stages,
        "not_run": [
            {"file": a.file, "why": NOT_RUN[a.format]}
            for a in bundle.manifest.artifacts
            if a.format in NOT_RUN
        ],
    }


def _emulate(
    emulator: Emulator, cpu: str, bundle: Bundle, faces: NDArray[np.uint8]
) -> tuple[dict[str, list[NDArray[np.float32]]], dict[str, tuple[str, str]]]:
    """Outputs by file, and outcome and detail of each check of the bundle, on an emulated CPU."""
    with TemporaryDirectory() as folder:
        pictures, out = Path(folder) / "faces.npy", Path(folder) / "out.npz"
        np.save(pictures, faces)
        program = ("-m", "benchmarks.arm.answers", bundle.path, pictures, out)
        done = subprocess.run(
            emulator.python(cpu, *program, path=ROOT), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EmulatorError(f"{bundle.manifest.name} on {cpu}: {done.stderr[-2000:]}")
        with np.load(out, allow_pickle=False) as found:
            checks = {name: (how, why) for name, how, why in json.loads(str(found["verify"]))}
            outputs: dict[str, list[NDArray[np.float32]]] = {}
            for name in found.files:
                if name != "verify":
                    outputs.setdefault(name.rpartition("/")[0], []).append(found[name])
    return outputs, checks


def _compared(
    bundle: Bundle,
    artifact: ArtifactSpec,
    here: list[NDArray[np.float32]],
    there: list[NDArray[np.float32]],
) -> dict[str, Any]:
    places = [head.output for head in bundle.manifest.heads]
    differences = np.concatenate([np.abs(here[i] - there[i]).ravel() for i in places])
    same = compare_scores(bundle.manifest, (artifact.file, artifact.file), (here, there))
    return {
        "max_logit_difference": float(differences.max()),
        "mean_logit_difference": float(differences.mean()),
        "emotion_agreement": same.emotion,
        "au_agreement": same.action_units,
    }


def _faces(spec: AlignmentSpec, bundle: Bundle, most: int) -> tuple[str, NDArray[np.uint8]]:
    """Where the faces come from, and up to `most` of them, uint8 [n, H, W, 3]."""
    detector = BlazeFaceDetector()
    if folder := os.environ.get("MF2_EDGE_FACES"):
        found = sorted(p for p in Path(folder).rglob("*") if p.suffix in (".jpg", ".png"))
        order = np.random.default_rng(SEED).permutation(len(found))
        files, name, known = [found[i] for i in order], Path(folder).name, []
    else:
        files = [Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"]
        name, known = "the goldens and the sample picture", [_goldens_faces(bundle)]
    aligned = []
    for file in files:
        try:
            frame = read_image(file)
        except Mf2EdgeError:
            continue
        marks = [face.landmarks for face in detector.detect(frame)[:1]]
        aligned += [align(frame, each, spec) for each in marks if each is not None]
        if len(aligned) == most:
            break
    return name, np.concatenate([*known, np.stack(aligned)])[:most]


def _goldens_faces(bundle: Bundle) -> NDArray[np.uint8]:
    with np.load(bundle.path_of(bundle.manifest.goldens[0]), allow_pickle=False) as goldens:
        faces: NDArray[np.uint8] = goldens["aligned"]
    return faces


def _qemu_version(emulator: Emulator) -> str:
    told = subprocess.run([emulator.qemu, "--version"], capture_output=True, text=True, check=True)
    return "QEMU " + told.stdout.split("version ")[1].split()[0]


if __name__ == "__main__":
    raise SystemExit(main())
