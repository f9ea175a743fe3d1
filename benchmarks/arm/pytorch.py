"""PyTorch and ExecuTorch for the emulated guest, which has no CUDA.

ExecuTorch's Python binding links to PyTorch, and the only wheel of PyTorch for aarch64 that PyPI
has is built for CUDA. Its CUDA libraries are left out; what the others want of them is an object of
zeros under each name, which is enough for a program that makes no use of it. `torch.distributed`,
which would call it on import, is switched off.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from benchmarks.arm.emulator import Emulator, EmulatorError, download_wheels

WHEELS: Final = (
    *("torch", "executorch", "typing-extensions", "sympy", "mpmath", "networkx", "jinja2"),
    *("markupsafe", "fsspec", "filelock", "setuptools"),
)
"""Without those of CUDA, which torch's metadata would add."""

LEFT_OUT: Final = re.compile(r"torch/(include|bin/protoc|lib/lib(torch_|c10_)?(cuda|nvshmem))")
KEPT: Final = tuple(f"lib{n}.so" for n in ("torch_python", "torch", "torch_cpu", "c10", "shm"))
TOOLS: Final = "aarch64-linux-gnu-"
DISTRIBUTED: Final = re.compile(r'hasattr\(torch\._C, "_\w+_init"\)')


def add_pytorch(emulator: Emulator, folder: Path) -> Emulator:
    """The emulator with PyTorch and ExecuTorch, made in `folder` where they are missing.

    Raises EmulatorError if pip cannot fetch them or binutils and gcc for aarch64 are not installed.
    """
    if shutil.which(f"{TOOLS}gcc") is None:
        raise EmulatorError(f"{TOOLS}gcc is needed (Debian: g++-aarch64-linux-gnu)")
    site, told = folder / "pytorch", folder / "pytorch" / "wheels.txt"
    wheels = [f"{name}=={version(name).partition('+')[0]}" for name in WHEELS]
    if not told.exists() or told.read_text().split() != wheels:
        work = folder / "wheels-pytorch"
        for place in (work, site):
            shutil.rmtree(place, ignore_errors=True)
        download_wheels(work, wheels, "--no-deps")
        for wheel in sorted(work.glob("*.whl")):
            with ZipFile(wheel) as archive:
                archive.extractall(site, [n for n in archive.namelist() if not LEFT_OUT.match(n)])
        shutil.rmtree(work)
        _switch_off(site)
        _stand_in_for_cuda(site / "torch" / "lib", emulator.root)
        told.write_text("\n".join(wheels))
    return replace(emulator, packages=(*emulator.packages, site))


def _switch_off(site: Path) -> None:
    """What runs on import and is not needed to run a program."""
    for module in (site / "torch").rglob("*.py"):
        source = module.read_text(encoding="utf-8")
        if DISTRIBUTED.search(source):
            module.write_text(DISTRIBUTED.sub("False", source), encoding="utf-8")
    (site / "executorch" / "exir" / "__init__.py").write_text("")  # the exporter, with torchao


def _stand_in_for_cuda(libraries: Path, root: Path) -> None:
    """The libraries that those kept are linked to and that are neither here nor in the root."""
    kept = [libraries / name for name in KEPT]
    folders = [root / place / "aarch64-linux-gnu" for place in ("lib", "usr/lib")]
    system = [path for folder in folders for path in folder.glob("lib*.so*")]
    there = [*kept, *libraries.glob("lib[gna]*.so*"), *system]
    defined = set(_symbols("--defined-only", there, kinds=None))
    wanted = sorted(set(_symbols("--undefined-only", kept, kinds="wv")) - defined)
    _link(libraries / "libtorch_cuda.so", _assembly(wanted))
    present = {path.name for path in (*libraries.iterdir(), *system)} | {"ld-linux-aarch64.so.1"}
    for name in sorted(set(_needed(kept)) - present):
        _link(libraries / name, "")


def _symbols(which: str, files: Iterable[Path], kinds: str | None) -> Iterator[str]:
    """Dynamic symbols without their versions; those whose kind is among `kinds` are passed over."""
    for line in _run(f"{TOOLS}nm", "-D", which, *files).splitlines():
        *_, kind, name = ["", "", *line.split()]
        if len(kind) == 1 and (kinds is None or kind not in kinds):
            yield name.partition("@")[0]


def _needed(files: Iterable[Path]) -> Iterator[str]:
    for match in re.finditer(r"\(NEEDED\).*\[(.+)\]", _run(f"{TOOLS}readelf", "-d", *files)):
        yield match[1]


def _assembly(symbols: Iterable[str]) -> str:
    """Every symbol: an object of zeros, a function that returns its address, or a type."""
    lines = [".text", "give: adrp x0,zeros", "add x0,x0,:lo12:zeros", "ret"]
    lines += [".data", ".balign 64", "zeros: .zero 4096"]
    for name in symbols:
        function = not name.startswith(("_ZTV", "_ZTS", "_ZTI"))
        lines += [f'.globl "{name}"', f'.type "{name}",%{"function" if function else "object"}']
        if name.startswith("_ZTI"):  # C++ compares names when it looks for a type
            lines += [f'"name of {name}": .asciz "{name[4:]}"', ".balign 8"]
            table = "_ZTVN10__cxxabiv117__class_type_infoE+16"
            lines += [f'"{name}": .quad {table}, "name of {name}"']
        else:
            lines += [f'.set "{name}",{"give" if function else "zeros"}']
    return "\n".join(lines) + "\n"


def _link(library: Path, assembly: str) -> None:
    source = library.with_suffix(".s")
    source.write_text(assembly)
    name = f"-Wl,-soname,{library.name}"
    _run(f"{TOOLS}gcc", "-shared", "-nostdlib", name, "-o", library, source)
    source.unlink()


def _run(*command: str | Path) -> str:
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulatorError(f"{words[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
