"""Optional packages: imported where they are needed, refused with one uniform message."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from types import ModuleType

from mf2_edge.errors import MissingExtraError

_PACKAGES = {"sklearn": "scikit-learn"}
"""Modules that are called otherwise than the package that holds them."""


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


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error that names the extra of a module that is not there; None if no extra has it.

    Of several extras the first in the package's own list.
    """
    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module).replace("_", "-").lower()
    try:
        lines = requires("mf2-edge") or []
    except PackageNotFoundError:  # run from its sources
        return None
    for line in lines:
        found = re.match(r"""([A-Za-z0-9._-]+).*;.*extra == ["']([^"']+)["']""", line)
        if found and found[1].replace("_", "-").lower() == package:
            return MissingExtraError(
                f"{package} is not installed; install it with: pip install 'mf2-edge[{found[2]}]'"
            )
    return None


def installed(module: str) -> bool:
    """Whether the package of a dotted `module` name is there, without importing it."""
    return find_spec(module.partition(".")[0]) is not None
