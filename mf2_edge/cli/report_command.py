"""`mf2-edge report`: a page about the faces of a video."""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from mf2_edge.cli.output import shown
from mf2_edge.io.arguments import path_argument

if TYPE_CHECKING:
    from mf2_edge.analyzer import FaceStateAnalyzer

_EXIT_INPUT, _EXIT_INTERRUPTED = 1, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `report` takes beside the arguments on the model."""
    parser.add_argument("source", metavar="VIDEO", help="a video file")
    parser.add_argument(
        "--html", type=path_argument, required=True, metavar="FILE", help="the page"
    )
    parser.add_argument(
        "--baseline", type=path_argument, help="a person's resting face (docs/stream.md)"
    )


def run(arguments: argparse.Namespace, open_analyzer: Callable[[], FaceStateAnalyzer]) -> int:
    """Write the page; returns the exit code.

    Raises VideoError if the video cannot be read at all, OutputError if the page cannot be written.
    """
    from mf2_edge.bundle.loader import load_bundle
    from mf2_edge.errors import VideoError
    from mf2_edge.io.outputs import check_outputs
    from mf2_edge.io.video import VideoSource, input_files
    from mf2_edge.report.build import write_report
    from mf2_edge.tracking.baseline import load_baseline

    inputs = [*input_files(arguments.source), *load_bundle(arguments.bundle).files()]
    inputs += [] if arguments.baseline is None else [arguments.baseline]
    check_outputs([arguments.html], inputs)
    baseline = None if arguments.baseline is None else load_baseline(arguments.baseline)
    with VideoSource(arguments.source) as source:
        if source.live:
            raise VideoError(f"{source.name}: never ends; expected a video file")
        error = write_report(source, open_analyzer().stream(baseline=baseline), arguments.html)
    print(arguments.html)
    if error is None:
        return 0
    if isinstance(error, KeyboardInterrupt):
        print("mf2-edge: interrupted; the page holds what came before", file=sys.stderr)
        return _EXIT_INTERRUPTED
    print(f"mf2-edge: {shown(str(error))}", file=sys.stderr)
    return _EXIT_INPUT
