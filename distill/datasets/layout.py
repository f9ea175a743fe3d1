"""What readers share: texts of a tree, pictures by a pattern, and saying what was looked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from distill.datasets.labelled import LayoutError
from distill.datasets.tree import Tree


def read_text(tree: Tree, name: str, dataset: str) -> str:
    """A text file that the data set cannot do without; raises LayoutError if it is not there."""
    try:
        return tree.read(name).decode()
    except KeyError:
        refuse(dataset, f"file {name}", tree.names())


def refuse(dataset: str, looked_for: str, names: Sequence[str]) -> NoReturn:
    """Raise the LayoutError of a tree that has no `looked_for`."""
    found = ", ".join(names[:3]) or "nothing"
    raise LayoutError(
        f"this is not {dataset}: no {looked_for} in it (found {found}, ...). "
        "Point the root at the folder or archive that holds it."
    )


def refuse_line(dataset: str, name: str, number: int, line: str, expected: str) -> NoReturn:
    """Raise the LayoutError of a line (counted from 1) that cannot be read."""
    raise LayoutError(f"{dataset}: line {number} of {name} is {line[:80]!r}; expected {expected}")


def matching(names: Iterable[str], pattern: str) -> Iterator[tuple[str, re.Match[str]]]:
    """The names that end as the pattern says, whatever folders lie above; letter case is free.

    People unpack the official archives into folders of their own choice, so only the part of a
    path that the data set itself fixes is required.
    """
    compiled = re.compile(rf"(?:^|/){pattern}$", re.IGNORECASE)
    for name in names:
        if match := compiled.search(name):
            yield name, match
