"""`mf2-edge watch`: a video file, a camera or a network stream, face by face and frame by frame."""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mf2_edge.bench.options import positive
from mf2_edge.cli.output import shown
from mf2_edge.errors import BaselineError, OutputError, VideoError
from mf2_edge.io.arguments import path_argument

if TYPE_CHECKING:
    from mf2_edge.analyzer import FaceStateAnalyzer

_EXIT_INPUT, _EXIT_INTERRUPTED = 1, 130

OUTPUTS: Final = ("jsonl", "csv", "parquet", "annotate", "resting_face")
STYLES: Final = ("native", "openface", "pyfeat")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `watch` takes beside the arguments on the model."""
    parser.add_argument(
        "source", nargs="?", default="0",
        help="a video file, a folder or pattern of pictures (frames/%%05d.png), the number of a "
        "camera (default: 0), or a URL such as rtsp://...",
    )  # fmt: skip
    parser.add_argument(
        "--jsonl", type=path_argument, metavar="FILE", help="one JSON object a frame"
    )
    parser.add_argument(
        "--csv", type=path_argument, metavar="FILE", help="one row a face and frame"
    )
    parser.add_argument("--parquet", type=path_argument, metavar="FILE", help="the same as Parquet")
    parser.add_argument(
        "--style", choices=STYLES, default="native", help="whose columns CSV and Parquet have"
    )
    parser.add_argument(
        "--annotate", type=path_argument, metavar="FILE", help="an annotated .mp4, .mov or .mkv"
    )
    parser.add_argument(
        "--every", type=positive, default=1, metavar="N", help="every N-th frame (default: 1)"
    )
    rest = parser.add_mutually_exclusive_group()
    rest.add_argument(
        "--baseline", type=path_argument, help="a person's resting face (docs/stream.md)"
    )
    rest.add_argument(
        "--record-baseline", type=path_argument, metavar="FILE", dest="resting_face",
        help="write the resting face of the one person there",
    )  # fmt: skip


def run(arguments: argparse.Namespace, open_analyzer: Callable[[], FaceStateAnalyzer]) -> int:
    """Watch until the source ends or Ctrl-C; returns the exit code.

    Raises OutputError, before anything is opened, for outputs that cannot be.
    """
    from mf2_edge.bundle.loader import load_bundle
    from mf2_edge.cli.watch import Outputs, WatchStats, watch
    from mf2_edge.io.outputs import check_outputs
    from mf2_edge.io.video import VideoSource, input_files
    from mf2_edge.tracking.baseline import load_baseline

    named = {name: getattr(arguments, name) for name in OUTPUTS}
    inputs = input_files(arguments.source)
    inputs += [] if arguments.baseline is None else [arguments.baseline]
    inputs += load_bundle(arguments.bundle).files()
    check_outputs(filter(None, named.values()), inputs)
    baseline = None if arguments.baseline is None else load_baseline(arguments.baseline)
    outputs = Outputs(**named, style=arguments.style)
    stats, code = WatchStats(), 0
    try:
        with VideoSource(arguments.source, every=arguments.every) as source:
            stream = open_analyzer().stream(baseline=baseline)
            watch(source, stream, outputs, stats)
    except (VideoError, OutputError, BaselineError) as error:
        print(f"mf2-edge: {shown(str(error))}", file=sys.stderr)
        code = _EXIT_INPUT
    except KeyboardInterrupt:
        print("mf2-edge: interrupted; the results so far are written", file=sys.stderr)
        code = _EXIT_INTERRUPTED
    if not stats.frames:
        return code
    unreadable = f"{stats.missing:,} could not be read, " if stats.missing else ""
    print(
        f"{stats.frames:,} frames, {stats.dropped:,} dropped, {unreadable}"
        f"{len(stats.faces):,} faces, {stats.events:,} events of Action Units",
        file=sys.stderr,
    )
    return code
