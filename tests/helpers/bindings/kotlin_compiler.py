"""The Kotlin compiler for tests: npm's `kotlin-compiler`, which is JetBrains' own.

Fetched once into bindings/kotlin/build/, which git ignores; a jar is made anew only when its
sources or options have changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

KOTLIN: Final = Path(__file__).parents[3] / "bindings" / "kotlin"
BUILD: Final = KOTLIN / "build"
VERSION: Final = "2.4.20"
COMPILER: Final = BUILD / "compiler" / "node_modules" / "kotlin-compiler"
STDLIB: Final = COMPILER / "lib" / "kotlin-stdlib.jar"
JAVA: Final = Path("/usr/share/java")
"""Where Debian puts jars."""

JUNIT: Final = tuple(
    JAVA / f"{name}.jar"
    for name in (
        *("junit-jupiter-api", "junit-jupiter-engine", "junit-jupiter-params"),
        *("junit-platform-commons", "junit-platform-engine", "junit-platform-launcher"),
        *("junit-platform-console", "junit-platform-reporting", "opentest4j"),
        *("apiguardian-api", "picocli", "univocity-parsers"),
    )
)
JNA: Final = JAVA / "jna.jar"

STRICT: Final = ("-Werror", "-Xexplicit-api=strict", "-jvm-target", "17", "-no-reflect")
"""Options of all our sources."""

SHORT_LIVED: Final = "-Xmx1G -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Options of the compiler's own Java: it ends before the best machine code of itself pays off."""


def missing_for_kotlin() -> str | None:
    """What is not installed, as the reason of a skip; None if all is there."""
    absent = [name for name in ("java", "npm") if shutil.which(name) is None]
    absent += [jar.name for jar in (*JUNIT[:1], JNA) if not jar.exists()]
    return f"not installed: {', '.join(absent)}" if absent else None


def compile_kotlin(
    name: str,
    sources: Iterable[Path],
    classpath: Iterable[Path] = (),
    options: Iterable[str] = STRICT,
) -> Path:
    """`build/<name>.jar` of these source files; asserts that they compile without a warning."""
    jar, files, jars = BUILD / f"{name}.jar", sorted(sources), list(classpath)
    with _locked(name):
        command: list[object] = ["bash", _compiler() / "bin" / "kotlinc", *options]
        command += ["-cp", os.pathsep.join(map(str, jars))] if jars else []
        digest, stamp = _digest(files, jars, command), jar.with_suffix(".sha256")
        if jar.exists() and stamp.exists() and stamp.read_text() == digest:
            return jar
        stamp.unlink(missing_ok=True)
        done = subprocess.run(
            list(map(str, [*command, "-d", jar, *files])),
            capture_output=True,
            text=True,
            env={**os.environ, "JAVA_OPTS": SHORT_LIVED},
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        stamp.write_text(digest)
    return jar


def run_java(
    main: str, classpath: Iterable[Path], *arguments: object, options: Iterable[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a main class with Kotlin's library and these jars on the class path."""
    joined = os.pathsep.join(map(str, (STDLIB, *classpath)))
    command = ["java", *options, "-cp", joined, main, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _compiler() -> Path:
    """The compiler's folder; skips the test if it is not there and cannot be had."""
    if STDLIB.exists():
        return COMPILER
    folder = BUILD / "compiler"
    with _locked("compiler"):
        if STDLIB.exists():
            return COMPILER
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
        done = subprocess.run(
            [*command, f"kotlin-compiler@{VERSION}"], capture_output=True, text=True, check=False
        )
    if not STDLIB.exists():
        pytest.skip(f"npm cannot install kotlin-compiler {VERSION}: {done.stderr.strip()[-300:]}")
    return COMPILER


def _digest(files: list[Path], jars: list[Path], command: list[object]) -> str:
    made = sha256("\n".join(map(str, command)).encode())
    for file in (*files, *jars):
        made.update(f"{file}\n".encode())
        made.update(file.read_bytes())
    return made.hexdigest()


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """One process at a time."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
