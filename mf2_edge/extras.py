"""Optional packages: imported where they are needed, refused with one uniform message."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from mf2_edge.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional `module`.

    Raises MissingExtraError, naming the `extra` that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        state = "is not installed" if not installed(module) else f"cannot be imported ({error})"
        raise MissingExtraError(
            f"{package} {state}; install it with: pip install 'mf2-edge[{extra}]'"
        ) from error


def installed(module: str) -> bool:
    """Whether the package of a dotted `module` name is there, without importing it."""
    return find_spec(module.partition(".")[0]) is not None
