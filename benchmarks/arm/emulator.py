"""What the emulation needs, fetched once: QEMU, a root of Debian for arm64, wheels for aarch64.

Nothing is installed on this machine: apt and pip fetch into a cache folder, verified as always, and
packages are unpacked there. Root rights are not needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("python3.11-minimal", "libpython3.11-stdlib", "libgomp1", "libstdc++6")
"""Of Debian bookworm, whose Python's wheels manylinux offers."""

WHEELS: Final = ("ai-edge-litert", "msgspec", "numpy", "onnxruntime", "pillow", "tqdm")
LONELY_WHEELS: Final = ("opencv-python-headless",)
"""Whose dependencies are among the others."""

CPUS: Final = ("cortex-a55", "cortex-a76", "max")

_PLATFORMS: Final = ("manylinux2014_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
_MIDR: Final = "0x00000000414fd0b1\n"
"""Of a Cortex-A76, for libraries that look for it in sysfs."""


class EmulatorError(RuntimeError):
    """The emulation cannot be set up here; the message says why."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """Runs programs for aarch64."""

    qemu: Path
    root: Path
    packages: tuple[Path, ...]
    """Folders of Python packages for the guest."""

    def command(self, cpu: str, program: Path, *arguments: str | Path) -> list[str]:
        """The command that runs a program of aarch64 on an emulated CPU."""
        return [
            str(self.qemu),
            "-L",
            str(self.root),
            "-cpu",
            cpu,
            str(program),
            *map(str, arguments),
        ]

    def python_path(self, path: Path) -> str:
        """PYTHONPATH of the guest, with `path` first."""
        return ":".join(map(str, (path, *self.packages)))

    def python(self, cpu: str, *arguments: str | Path, path: Path) -> list[str]:
        """The command that runs the guest's Python with `path` and the wheels to import from."""
        found = f"PYTHONPATH={self.python_path(path)}"
        quiet = ("-E", found, "-E", "OMP_NUM_THREADS=1", "-E", "PYTHONDONTWRITEBYTECODE=1")
        program = self.root / "usr" / "bin" / "python3.11"
        head, *rest = self.command(cpu, program, *arguments)
        return [head, *quiet, *rest]


def cache_folder() -> Path:
    """MF2_EDGE_ARM_ROOT, else a folder of the user's cache."""
    if folder := os.environ.get("MF2_EDGE_ARM_ROOT"):
        return Path(folder)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "mf2-edge" / "arm64"


def prepare(folder: Path) -> Emulator:
    """The emulator in `folder`, which is filled where something is missing.

    Raises EmulatorError if apt or pip cannot fetch what is needed.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise EmulatorError("apt-get and dpkg-deb are needed: QEMU and the root come from Debian")
    qemu, root, site = folder / "qemu", folder / "root", folder / "site"
    if not qemu.exists():
        unpack_debian(folder / "apt-qemu", "trixie", "amd64", ("qemu-user",), qemu)
    if not root.exists():
        unpack_debian(folder / "apt-root", "bookworm", "arm64", PACKAGES, root)
    _describe_cpu(root)
    wheels = [f"{name}=={version(name)}" for name in (*WHEELS, *LONELY_WHEELS)]
    told = site / "wheels.txt"
    if not told.exists() or told.read_text().split() != wheels:
        _unpack_wheels(wheels, folder / "wheels", site)
        told.write_text("\n".join(wheels))
    return Emulator(qemu / "usr" / "bin" / "qemu-aarch64", root, (site,))


def _describe_cpu(root: Path) -> None:
    place = root / "sys/devices/system/cpu/cpu0/regs/identification/midr_el1"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(_MIDR)


def unpack_debian(
    work: Path, release: str, architecture: str, packages: Sequence[str], target: Path
) -> None:
    """Packages of a release with all that they depend on, into `target`."""
    partial = target.with_name(f"{target.name}.partial")
    for place in (work, partial):
        shutil.rmtree(place, ignore_errors=True)
    for part in ("lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True)
    partial.mkdir()
    (work / "status").touch()
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (work / "sources.list").write_text(f"deb [signed-by={keys}] {_mirror()} {release} main\n")
    settings = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    _run(*apt, "update")
    _run(*apt, "install", "-y", "--no-install-recommends", "--download-only", *packages)
    for package in sorted((work / "cache" / "archives").glob("*.deb")):
        content = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True
        )
        subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(partial)],
            input=content.stdout,
            check=True,
        )
    shutil.rmtree(work)
    partial.rename(target)


def _mirror() -> str:
    """The Debian mirror of this machine's own sources."""
    told = subprocess.run(
        ["apt-get", "--print-uris", "download", "dash"], capture_output=True, text=True, check=False
    )
    mirror, pool, _ = told.stdout.strip().strip("'").partition("/pool/")
    if not pool:
        raise EmulatorError("apt's sources name no Debian mirror; run apt-get update first")
    return mirror


def _unpack_wheels(wheels: Sequence[str], work: Path, site: Path) -> None:
    """Wheels for the guest's Python, and what they depend on."""
    for place in (work, site):
        shutil.rmtree(place, ignore_errors=True)
    site.mkdir(parents=True)
    download_wheels(work, wheels[: len(WHEELS)])
    download_wheels(work, wheels[len(WHEELS) :], "--no-deps")
    for wheel in sorted(work.glob("*.whl")):
        shutil.unpack_archive(wheel, site, "zip")
    shutil.rmtree(work)


def download_wheels(folder: Path, wheels: Sequence[str], *options: str) -> None:
    """Wheels for the guest's Python into a folder; EmulatorError if pip cannot fetch them."""
    _run(*_pip(), *options, "--dest", str(folder), *wheels)


def _pip() -> Iterator[str]:
    yield from (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:")
    yield from ("--python-version", "3.11", "--implementation", "cp")
    for abi in ("cp311", "abi3", "none"):
        yield from ("--abi", abi)
    for platform in _PLATFORMS:
        yield from ("--platform", platform)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulatorError(f"{' '.join(command[:1])} failed: {done.stderr.strip()[-500:]}")
