"""`mf2-edge watch` and `mf2-edge report`: faces over time."""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mf2_edge.analyzer import FaceStateAnalyzer
    from mf2_edge.neutral import Baseline
    from mf2_edge.watch import Watched

_EXIT_INPUT, _EXIT_INTERRUPTED = 1, 130

# FFmpeg, inside OpenCV, prints its own words about every damaged frame; we say it once.
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "SILENT"}


def add_watch_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `watch`, all but those of the model."""
    parser.add_argument(
        "source", nargs="?", default="0", help="video file, camera number or rtsp:// (default: 0)"
    )
    for name, text in (
        ("jsonl", "an object a frame, on disk line by line"),
        ("csv", "a row a face"),
        ("parquet", "the same rows as Parquet (extra `parquet`)"),
        ("annotate", "an MP4 with boxes, track ids, emotions and Action Units"),
    ):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=text)
    parser.add_argument(
        "--style",
        choices=("mf2-edge", "openface", "py-feat"),
        default="mf2-edge",
        help="names of the columns of tables (default: mf2-edge)",
    )
    _stream_arguments(parser)


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `report`, all but those of the model."""
    parser.add_argument("source", help="video file")
    parser.add_argument("--html", type=Path, required=True, metavar="FILE", help="the page")
    _stream_arguments(parser)


def run_watch(arguments: argparse.Namespace, analyzer: FaceStateAnalyzer) -> int:
    """Analyse a source into the outputs that were asked for; returns the exit code."""
    os.environ.update({key: os.environ.get(key, value) for key, value in _QUIET.items()})
    from mf2_edge.face_outputs import annotated_video, csv_table, json_lines, parquet_table
    from mf2_edge.face_table import FaceTable
    from mf2_edge.video import VideoSource
    from mf2_edge.watch import watch

    source = VideoSource(arguments.source)
    stream = analyzer.stream(baseline=_baseline(arguments))
    table = FaceTable(arguments.style, analyzer.bundle.manifest, source.name)
    with ExitStack() as stack:
        outputs = []
        if arguments.jsonl:
            outputs.append(stack.enter_context(json_lines(arguments.jsonl)))
        if arguments.csv:
            outputs.append(stack.enter_context(csv_table(arguments.csv, table)))
        if arguments.parquet:
            outputs.append(stack.enter_context(parquet_table(arguments.parquet, table)))
        if arguments.annotate:
            outputs.append(stack.enter_context(annotated_video(arguments.annotate, source.fps)))
        result = watch(source, stream, outputs)
    return _conclude(result)


def run_report(arguments: argparse.Namespace, analyzer: FaceStateAnalyzer) -> int:
    """Analyse a video into one page; returns the exit code."""
    os.environ.update({key: os.environ.get(key, value) for key, value in _QUIET.items()})
    from mf2_edge.report import write_report
    from mf2_edge.video import VideoSource

    source = VideoSource(arguments.source)
    stream = analyzer.stream(baseline=_baseline(arguments))
    result = write_report(source, stream, arguments.html)
    print(arguments.html)
    return _conclude(result)


def _stream_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="a person's resting face (docs/streams.md)"
    )


def _baseline(arguments: argparse.Namespace) -> Baseline | None:
    from mf2_edge.neutral import load_baseline

    return None if arguments.baseline is None else load_baseline(arguments.baseline)


def _conclude(result: Watched) -> int:
    dropped = f", {result.dropped} dropped" if result.dropped else ""
    print(
        f"mf2-edge: {result.frames} frames in {result.seconds:.1f} s, {result.fps:.1f} fps{dropped}",
        file=sys.stderr,
    )
    if result.error is not None:
        print(f"mf2-edge: {result.error}", file=sys.stderr)
        return _EXIT_INPUT
    if result.interrupted:
        print("mf2-edge: interrupted", file=sys.stderr)
        return _EXIT_INTERRUPTED
    return 0
