"""`mf2-edge bench`, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from mf2_edge.cli.main import main as mf2_edge_main


def main(arguments: Sequence[str]) -> int:
    """Run `mf2-edge bench` with these arguments; returns its exit code."""
    return mf2_edge_main(["bench", *arguments])
