"""Types of a command line's arguments."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path


def path_argument(text: str) -> Path:
    """A path; raises ArgumentTypeError for an empty one, which `Path` takes for this folder."""
    if not text:
        raise ArgumentTypeError("expected a path, found an empty text (an unset variable?)")
    return Path(text)
