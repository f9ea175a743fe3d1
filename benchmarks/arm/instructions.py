"""Instructions of one inference on an emulated Cortex-A76, of every shipped file and of peers.

    python -m benchmarks.arm.instructions [--also NAME@SIDE=FILE...]

A count, not a time: it is the same on every machine, and says nothing of caches or of how many
instructions end a cycle. A plugin of Debian bookworm's QEMU counts; newer ones come without.
Networks of torchvision are exported with random weights, which change nothing about the count.
Writes `results/arm/instructions.json`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

import mf2_edge
from benchmarks.arm.__main__ import RESULTS, ROOT
from benchmarks.arm.emulator import Emulator, EmulatorError, cache_folder, prepare, unpack_debian
from benchmarks.peers.reference_networks import tflite_file
from benchmarks.report import conditions
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.io.atomic import write_json

CPU: Final = "cortex-a76"
TIMES: Final = 3
"""Inferences that are counted; the figure is their mean."""

COUNTED: Final = ("tflite", "onnx")
"""Formats of the files that are counted; what ExecuTorch needs there (`pytorch`) was not tried."""

PEERS: Final = ("efficientnet_b0@224", "mobilenet_v3_small@224", "resnet18@224")
DETECTORS: Final = {"yunet_n": (1, 480, 640, 3), "blazeface_short_range": (1, 128, 128, 3)}
"""Their inputs: a frame of 640x480 for the finder, one view for a look."""

CPUINFO: Final = """processor\t: 0
Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimdrdm lrcpc asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1

"""
"""Of a Cortex-A76: this QEMU shows the guest the host's own file, which stops its libraries."""


@dataclass(frozen=True)
class Counter:
    """QEMU with the plugin, and a root whose /proc/cpuinfo is an ARM processor's."""

    qemu: Path
    libraries: Path
    plugin: Path
    root: Path
    emulator: Emulator

    def count(self, file: Path, shape: Sequence[int]) -> int:
        """Instructions of one inference; EmulatorError with the program's words if it fails."""
        program = self.root / "usr" / "bin" / "python3.11"
        path = f"PYTHONPATH={self.emulator.python_path(ROOT)}"
        command: list[object] = [self.qemu, "-L", self.root, "-plugin", self.plugin, "-cpu", CPU]
        command += ["-E", path, "-E", "OMP_NUM_THREADS=1", "-E", "PYTHONDONTWRITEBYTECODE=1"]
        command += [program, "-m", "benchmarks.arm.repeat", file, TIMES, *shape]
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LD_LIBRARY_PATH": str(self.libraries)},
        )
        lines = [line.split() for line in done.stderr.splitlines()]
        counts = [int(words[1]) for words in lines if words[:1] == ["instructions"]]
        if done.returncode or len(counts) != 2:
            raise EmulatorError(f"{file.name}: {done.stderr.strip()[-500:]}")
        return round((counts[1] - counts[0]) / TIMES)


def main() -> int:
    """Run the command; returns the exit code: 2 where instructions cannot be counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--also", nargs="*", default=[], metavar="NAME@SIDE=FILE")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), help="networks of torchvision")
    options = parser.parse_args()
    also = {name: Path(file) for name, _, file in (each.partition("=") for each in options.also)}
    also |= {name: tflite_file(name) for name in options.peers}
    try:
        counter = prepare_counter(cache_folder())
        rows = [counted(counter, *each) for each in tqdm([*_shipped(), *_others(also)])]
    except EmulatorError as error:
        sys.stderr.write(f"instructions cannot be counted here: {error}\n")
        return 2
    report = {
        "what": f"instructions of one inference on an emulated {CPU}, one thread",
        **conditions(),
        "provenance": "measured-emulated",
        "times": TIMES,
        "rows": rows,
    }
    write_json(RESULTS / "instructions.json", report)
    return 0


def counted(
    counter: Counter, facts: dict[str, str], file: Path, shape: Sequence[int]
) -> dict[str, Any]:
    """A row of the report."""
    digest = sha256(file.read_bytes()).hexdigest()
    return {**facts, "sha256": digest, "instructions": counter.count(file, shape)}


def prepare_counter(folder: Path) -> Counter:
    """What counts, in the folder of `emulator.prepare`; made where it is missing.

    Raises EmulatorError if apt cannot fetch QEMU or the plugin cannot be compiled.
    """
    emulator = prepare(folder)
    qemu, root, plugin = (folder / name for name in ("qemu-plugins", "root-counted", "count.so"))
    if not qemu.exists():
        unpack_debian(folder / "apt-qemu-plugins", "bookworm", "amd64", ("qemu-user",), qemu)
    if not root.exists():
        partial = root.with_name("root-counted.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(emulator.root, partial, symlinks=True, copy_function=os.link)
        (partial / "proc").mkdir(exist_ok=True)
        (partial / "proc" / "cpuinfo").write_text(CPUINFO)
        partial.rename(root)
    source = Path(__file__).with_name("count_instructions.c")
    if not plugin.exists() or plugin.stat().st_mtime < source.stat().st_mtime:
        command = ["gcc", "-shared", "-fPIC", "-O2", "-fvisibility=hidden", str(source)]
        done = subprocess.run([*command, "-o", str(plugin)], capture_output=True, check=False)
        if done.returncode:
            raise EmulatorError(f"the plugin cannot be compiled: {done.stderr.decode()[-500:]}")
    libraries = qemu / "usr" / "lib" / "x86_64-linux-gnu"
    return Counter(qemu / "usr" / "bin" / "qemu-aarch64", libraries, plugin, root, emulator)


Case = tuple[dict[str, str], Path, Sequence[int]]
"""What a row says of a file, the file, and its input's shape."""


def _shipped() -> Iterator[Case]:
    for name in list_bundles():
        bundle = load_bundle(name)
        size = bundle.manifest.input
        for artifact in bundle.manifest.artifacts:
            if artifact.format in COUNTED and artifact.delegate is None:
                last = artifact.layout == "NHWC"
                sides = (size.height, size.width)
                shape = (*sides, size.channels) if last else (size.channels, *sides)
                yield (
                    {"network": name, "file": artifact.file},
                    bundle.path_of(artifact),
                    (1, *shape),
                )


def _others(files: dict[str, Path]) -> Iterator[Case]:
    detectors = Path(mf2_edge.__file__).parent / "detectors"
    for name, shape in DETECTORS.items():
        yield {"network": name, "file": "model.tflite"}, detectors / name / "model.tflite", shape
    for name, file in files.items():
        side = int(name.rpartition("@")[2])
        yield {"network": name, "file": file.name}, file, (1, side, side, 3)


if __name__ == "__main__":
    raise SystemExit(main())
