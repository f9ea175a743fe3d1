"""Makes what a release consists of, from a clean clone, and says what was made.

    python packaging/release.py [--out DIR]

Wheel and source distribution, npm tarball, Swift package, C++ sources, Maven repository, an SBOM in
the form of CycloneDX, and SHA256SUMS. A part whose tool is missing here is left out, and named with
what it needs. The clone is of the last commit: changes that are not committed stop the command.
Nothing is published.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to make."""

    name: str
    tools: tuple[str, ...]
    """Programs that it takes."""
    make: Callable[[Path, Path, str], None]
    """From the clone, into a folder, of a version."""


def main() -> int:
    """Make all parts; returns the exit code, 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "release")
    out: Path = parser.parse_args().out.resolve()
    changed = run(ROOT, "git", "status", "--porcelain").strip()
    if changed:
        print(f"not committed:\n{changed}\ncommit or remove it first", file=sys.stderr)  # noqa: T201
        return 2
    if out.exists() and any(out.iterdir()):
        print(f"{out}: is not empty; expected a new folder", file=sys.stderr)  # noqa: T201
        return 2
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        run(ROOT, "git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
        told = make_all(clone, out)
    print("\n".join(told))  # noqa: T201
    return int(any(line.startswith("FAILED") for line in told))


def make_all(clone: Path, out: Path) -> list[str]:
    """Make every part whose tools are there; a line each, and one a file with its size."""
    version = version_of(clone)
    told = []
    for part in PARTS:
        missing = [tool for tool in part.tools if shutil.which(tool) is None]
        if missing:
            told.append(f"NOT MADE  {part.name}: needs {', '.join(missing)}")
            continue
        try:
            part.make(clone, out, version)
        except subprocess.CalledProcessError as error:
            told.append(f"FAILED    {part.name}: {' '.join(error.cmd)}\n{error.stderr or ''}")
            continue
        told.append(f"made      {part.name}")
    files = sorted(path for path in out.rglob("*") if path.is_file())
    digests = {path: sha256(path.read_bytes()).hexdigest() for path in files}
    lines = [f"{digest}  {path.relative_to(out).as_posix()}\n" for path, digest in digests.items()]
    (out / "SHA256SUMS").write_text("".join(lines))
    return told + [f"{p.stat().st_size:>12,}  {p.relative_to(out).as_posix()}" for p in files]


def version_of(clone: Path) -> str:
    """`__version__` of the package."""
    found = re.search(
        r'^__version__ = "(.*)"', (clone / "mf2_edge/__init__.py").read_text(), re.MULTILINE
    )
    assert found is not None
    return found[1]


def run(folder: Path, *command: str) -> str:
    """Run a program in a folder; its output. Raises CalledProcessError with what it said."""
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout


def make_web(clone: Path, out: Path, _version: str) -> None:
    """The npm tarball; the wheel takes the page from the same build."""
    web = clone / "bindings" / "web"
    run(web, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    run(web, "npm", "run", "--silent", "build")
    run(web, "npm", "pack", "--ignore-scripts", "--pack-destination", str(out))
    run(clone, sys.executable, "-m", "bindings.web.demo_page")


def make_wheel(clone: Path, out: Path, _version: str) -> None:
    """Wheel and source distribution."""
    for kind in ("--wheel", "--sdist"):
        run(clone, sys.executable, "-m", "build", kind, "--outdir", str(out))


def make_swift(clone: Path, out: Path, version: str) -> None:
    """The sources of the package at the root of the repository."""
    _archive(
        clone, out / f"mf2-edge-swift-{version}.zip", "Package.swift", "bindings/swift/Sources"
    )


def make_cpp(clone: Path, out: Path, version: str) -> None:
    """The CMake project."""
    _archive(clone, out / f"mf2-edge-cpp-{version}.zip", "bindings/cpp")


def _archive(clone: Path, archive: Path, *paths: str) -> None:
    folder = f"--prefix={archive.stem}/"
    run(clone, "git", "archive", folder, "-o", str(archive), "HEAD", "LICENSE", "NOTICE", *paths)


def make_android(clone: Path, out: Path, _version: str) -> None:
    """A Maven repository with core and android, their sources and POMs."""
    kotlin = clone / "bindings" / "kotlin"
    tasks = (":core:publish", ":android:publish")
    run(kotlin, "gradle", "--quiet", f"-Pmf2edge.repository={out / 'maven'}", *tasks)


def make_sbom(clone: Path, out: Path, version: str) -> None:
    """Everything that the packages hold or need, as CycloneDX."""
    path = out / f"mf2-edge-{version}.cdx.json"
    path.write_text(json.dumps(sbom(clone, version), indent=1, ensure_ascii=False) + "\n")


def sbom(clone: Path, version: str) -> dict[str, Any]:
    """The bill of materials: what a user's machine gets, not what builds or trains."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "library", "name": "mf2-edge", "version": version},
        },
        "components": [
            *_detectors(clone),
            *_bundles(clone),
            *_python(clone),
            *_npm(clone),
            *_maven(clone),
        ],
    }


def _detectors(clone: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((clone / "mf2_edge" / "detectors").glob("*/detector.json")):
        told = json.loads(path.read_text())
        found.append(
            {
                "type": "machine-learning-model",
                "name": told["name"],
                "licenses": [{"license": {"id": told["license"]}}],
                "hashes": [{"alg": "SHA-256", "content": told["sha256"]}],
                "description": told["source"],
            }
        )
    return found


def _bundles(clone: Path) -> list[dict[str, Any]]:
    manifests = sorted((clone / "mf2_edge" / "bundles").glob("*/manifest.json"))
    bundles = [json.loads(path.read_text()) for path in manifests]
    return [
        {
            "type": "machine-learning-model",
            "name": artifact["file"],
            "version": told["version"],
            "licenses": [{"license": {"name": told["license"]["name"]}}],
            "hashes": [{"alg": "SHA-256", "content": artifact["sha256"]}],
        }
        for told in bundles
        for artifact in told["artifacts"]
    ]


def _python(clone: Path) -> list[dict[str, Any]]:
    project = tomllib.loads((clone / "pyproject.toml").read_text())["project"]
    named = [re.split(r"(?=[<>=!~])", text, maxsplit=1) for text in project["dependencies"]]
    return [
        {"type": "library", "name": name, "purl": f"pkg:pypi/{name}", "description": "".join(rest)}
        for name, *rest in named
    ]


def _npm(clone: Path) -> list[dict[str, Any]]:
    lock = json.loads((clone / "bindings" / "web" / "package-lock.json").read_text())["packages"]
    return [
        _versioned("npm", name.removeprefix("node_modules/"), told["version"])
        | {"licenses": [{"license": {"id": told["license"]}}]}
        for name, told in lock.items()
        if name and not told.get("dev") and not told.get("optional")
    ]


def _maven(clone: Path) -> list[dict[str, Any]]:
    path = clone / "bindings" / "kotlin" / "gradle" / "libs.versions.toml"
    told = tomllib.loads(path.read_text())
    build = (clone / "bindings" / "kotlin" / "android" / "build.gradle.kts").read_text()
    used = [name for name in told["libraries"] if f"libs.{name.replace('-', '.')})" in build]
    return [
        _versioned(
            "maven",
            told["libraries"][name]["module"].replace(":", "/"),
            told["versions"][told["libraries"][name]["version"]["ref"]],
        )
        for name in used
    ]


def _versioned(kind: str, name: str, version: str) -> dict[str, Any]:
    quoted = name.replace("@", "%40")
    purl = f"pkg:{kind}/{quoted}@{version}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


PARTS: Final = (
    Part("web: npm tarball, and the page of the wheel", ("node", "npm"), make_web),
    Part("python: wheel and source distribution", (), make_wheel),
    Part("swift: sources of the package", ("git",), make_swift),
    Part("c++: sources of the library", ("git",), make_cpp),
    Part("android: Maven repository", ("gradle",), make_android),
    Part("SBOM", (), make_sbom),
)
"""In the order in which they are made: the wheel holds the page that the web's build leaves."""

if __name__ == "__main__":
    sys.exit(main())
