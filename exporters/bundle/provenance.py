"""Provenance of a bundle: code, data, tools."""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mf2_edge.bundle.schema import ProvenanceSpec

if TYPE_CHECKING:
    from distill.training.checkpoint import Checkpoint

_log = logging.getLogger(__name__)

_ALWAYS: Final = ("torch", "numpy", "opencv-python-headless")


def make_provenance(
    path: Path, checkpoint: Checkpoint, backbone: str, packages: Iterable[str]
) -> ProvenanceSpec:
    """The provenance of a checkpoint at `path`, exported now, with the versions of `packages`.

    Data files of the recipe that are not on this machine are left out, and a warning names them.
    """
    files = {file: file.is_file() for file in checkpoint.data_files}
    if missing := [str(file) for file, is_there in files.items() if not is_there]:
        _log.warning(
            "not in the provenance, since no such file is here: %s; expected those that the recipe "
            "names, in the folder that MF2_EDGE_DATA names",
            ", ".join(missing),
        )
    return ProvenanceSpec(
        backbone=backbone,
        training_config=checkpoint.training_config,
        commit=_commit(),
        checkpoint_sha256=_sha256(path),
        data={file.name: _sha256(file) for file, is_there in files.items() if is_there},
        tools={"python": platform.python_version()} | _versions((*_ALWAYS, *packages)),
        created=datetime.now(UTC).date().isoformat(),
    )


def _commit() -> str:
    """The commit of this code, marked where files differ from it; "unknown" outside git."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    found = []
    for question in (("rev-parse", "HEAD"), ("status", "--porcelain")):
        ran = subprocess.run(  # noqa: S603  (a fixed command)
            [git, "-C", str(Path(__file__).parent), *question],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            return "unknown"
        found.append(ran.stdout.strip())
    commit, changes = found
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
