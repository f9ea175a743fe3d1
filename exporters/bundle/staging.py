"""A folder that appears whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from exporters.errors import PackError
from mf2_edge.io.atomic import exchange


@contextmanager
def new_folder(target: Path, holds: str, what: str) -> Iterator[Path]:
    """Yield an empty folder beside `target`; it takes `target`'s place if the block succeeds.

    On any exception, Ctrl-C among them, it is removed and what was at `target` stays as it was.
    Raises PackError if `target` is there and is no `what`, which is a folder that `holds` a file
    of that name: it would be deleted.
    """
    target = target.absolute()
    if target.exists() and not (target / holds).is_file():
        raise PackError(
            f"{target} exists and is no {what}; expected a new folder, or a {what} to replace"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
    try:
        staging.chmod(0o755)  # mkdtemp's own mode keeps everybody else out
        yield staging
        _replace(target, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _replace(target: Path, staging: Path) -> None:
    """Move `staging` to `target`; where the two cannot be exchanged, what is there makes way."""
    if not target.exists():
        staging.rename(target)
        return
    if exchange(staging, target):
        return
    old = Path(mkdtemp(prefix=f".{target.name}.old-", dir=target.parent)) / target.name
    target.rename(old)
    try:
        staging.rename(target)
    except BaseException:
        old.rename(target)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)
