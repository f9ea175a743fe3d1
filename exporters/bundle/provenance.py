"""Provenance of a bundle: code, data, tools."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from mf2_edge.bundle.schema import ProvenanceSpec

if TYPE_CHECKING:
    from distill.training.checkpoint import Checkpoint

_ALWAYS: Final = ("torch", "numpy", "opencv-python-headless")


def make_provenance(
    path: Path, checkpoint: Checkpoint, backbone: str, packages: Iterable[str]
) -> ProvenanceSpec:
    """The provenance of a checkpoint at `path`, exported now, with the versions of `packages`.

    Data files of the recipe that are not on this machine are left out.
    """
    recipe = checkpoint.recipe
    digest = sha256(msgspec.json.encode(recipe)).hexdigest()
    named = [*(data.root for data in recipe.data.values()), recipe.network.weights]
    roots = [Path(root) for root in named if root]
    return ProvenanceSpec(
        backbone=backbone,
        training_config=f"recipe {recipe.name}, stage {checkpoint.stage}, sha256 {digest}",
        commit=_commit(),
        checkpoint_sha256=_sha256(path),
        data={root.name: _sha256(root) for root in roots if root.is_file()},
        tools={"python": platform.python_version()} | _versions((*_ALWAYS, *packages)),
        created=datetime.now(UTC).date().isoformat(),
    )


def _commit() -> str:
    """The commit of this code, marked where files differ from it; "unknown" outside git."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    answers = []
    for question in (("rev-parse", "HEAD"), ("status", "--porcelain")):
        asked = subprocess.run(  # noqa: S603  (a fixed command)
            [git, "-C", str(Path(__file__).parent), *question],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode != 0:
            return "unknown"
        answers.append(asked.stdout.strip())
    commit, changes = answers
    return f"{commit} with changes" if changes else commit


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
