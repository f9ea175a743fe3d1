"""Writes the constraints of the environments that the Makefile makes: `make constraints`.

    python packaging/constraints.py

`requirements-sdk.txt` has every package of the SDK and of its build with the hashes of all its
files, for every platform and Python: pip takes nothing else. `constraints-dev.txt` has the versions
of this environment, without hashes: which build of torch there is, and so its hash, differs from
index to index, and pip wants hashes of all packages or of none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from mf2_edge.io.atomic import replacing

ROOT: Final = Path(__file__).parents[1]
SDK: Final = ROOT / "packaging" / "requirements-sdk.txt"
DEV: Final = ROOT / "packaging" / "constraints-dev.txt"
HEADER: Final = "# Written by `make constraints`; not for editing.\n"
OLDEST: Final = "3.11"


def main() -> int:
    """Write both files; returns the exit code."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file() and shutil.which("uv") is None:
        print("uv is not installed; pip install uv", file=sys.stderr)  # noqa: T201
        return 2
    texts = {SDK: hashed(str(uv) if uv.is_file() else "uv"), DEV: installed()}
    for path, text in texts.items():
        with replacing(path) as partial:
            partial.write_text(HEADER + text)
    return 0


def hashed(uv: str) -> str:
    """Packages that the SDK and its build need, with hashes, for all platforms."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    command = [uv, "pip", "compile", "--universal", "--python-version", OLDEST, "--quiet"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "pyproject.toml", "-"]
    done = subprocess.run(  # noqa: S603
        command, input="\n".join(build), cwd=ROOT,
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def installed() -> str:
    """The versions of this environment, without the project and without local builds' suffixes."""
    found = {
        each.name.lower().replace("_", "-"): each.version.partition("+")[0]
        for each in distributions()
    }
    outside = {"mf2-edge", "pip", "setuptools", "uv", "torch"}
    lines = [f"{name}=={found[name]}\n" for name in sorted(found.keys() - outside)]
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
