"""Java for aarch64, beside the rest of the emulation: Debian's JRE without a desktop, and JNA.

    python -m benchmarks.arm.java

fetches it into the cache folder (about 230 MB).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.arm.emulator import Emulator, EmulatorError, cache_folder, prepare, unpack_debian

PACKAGES: Final = ("openjdk-17-jre-headless", "libjna-jni")
"""Of Debian bookworm, as the rest of the guest."""

OPTIONS: Final = ("-Xmx1G", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""The emulation translates what the compiler wrote once more: its best code does not pay off."""


def prepare_java(emulator: Emulator, folder: Path) -> Emulator:
    """The same emulator on a root in `folder` that has Java, which is filled if it is not there.

    Raises EmulatorError if apt cannot fetch it.
    """
    root = folder / "root-java"
    if not root.exists():
        partial = folder / "root-java.unpacked"
        unpack_debian(folder / "apt-java", "bookworm", "arm64", PACKAGES, partial)
        _keep_links_inside(partial)
        partial.rename(root)
    return replace(emulator, root=root)


def java_command(
    emulator: Emulator, cpu: str, classpath: Iterable[Path], *arguments: str | Path
) -> list[str]:
    """The command that runs the guest's `java` with these jars; `emulator` is of `prepare_java`."""
    [program] = emulator.root.glob("usr/lib/jvm/java-17-openjdk-arm64/bin/java")
    jni = emulator.root / "usr/lib/aarch64-linux-gnu/jni"
    joined = ":".join(map(str, classpath))
    options = (*OPTIONS, f"-Djna.boot.library.path={jni}", "-cp", joined)
    return emulator.command(cpu, program, *options, *arguments)


def _keep_links_inside(root: Path) -> None:
    """Absolute links of packages lead into the root, not to files of this machine."""
    for link in root.rglob("*"):
        if link.is_symlink() and (target := link.readlink()).is_absolute():
            up = "../" * (len(link.relative_to(root).parts) - 1)
            link.unlink()
            link.symlink_to(f"{up}{str(target).lstrip('/')}")


def main() -> int:
    """Run the command; returns the exit code."""
    try:
        prepare_java(prepare(cache_folder()), cache_folder())
    except EmulatorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
