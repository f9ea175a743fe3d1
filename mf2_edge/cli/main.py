"""The command line: `mf2-edge predict|watch|report|demo|info|verify|...`.

Results go to stdout, everything else to stderr. Exit codes: 0 all well; 1 some input could not be
read, or a check failed; 2 wrong usage, or the bundle or runtime cannot be used; 130 interrupted.

What a command needs is imported when it runs, so `--help` loads no framework.
"""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mf2_edge import __version__
from mf2_edge.bench.options import add_arguments as _bench_arguments
from mf2_edge.bench.options import positive
from mf2_edge.cli import demo_command, export_command, report_command, watch_command
from mf2_edge.cli.output import shown
from mf2_edge.cli.process import ended_by_signals, take_closed_streams
from mf2_edge.errors import Mf2EdgeError, OutputError
from mf2_edge.io.arguments import path_argument

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from mf2_edge.analyzer import FaceStateAnalyzer

_EXIT_INPUT, _EXIT_USAGE, _EXIT_INTERRUPTED = 1, 2, 130


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table of commands."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code. argparse exits by itself on wrong usage."""
    take_closed_streams()
    try:
        arguments = _parsed(argv)
        _choose_encoding(arguments)
        run: Callable[[argparse.Namespace], int] = arguments.run
        if sys.stdout is None:
            raise OutputError("stdout is closed; expected a place for results, such as /dev/null")
        with ended_by_signals():
            code = run(arguments)
            sys.stdout.flush()
            return code
    except Mf2EdgeError as error:
        print(f"mf2-edge: {shown(str(error))}", file=sys.stderr)
        return _EXIT_USAGE
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        _discard_stdout()
        return 0
    except OSError as error:
        print(f"mf2-edge: {shown(str(error))}", file=sys.stderr)
        _discard_stdout()
        return _EXIT_USAGE
    except KeyboardInterrupt:
        print("mf2-edge: interrupted", file=sys.stderr)
        return _EXIT_INTERRUPTED


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return _parser().parse_args(argv)
    except SystemExit:
        if sys.stdout is not None:
            sys.stdout.flush()  # of --help and --version, for which there may be no room
        raise


def _choose_encoding(arguments: argparse.Namespace) -> None:
    """UTF-8 for programs. File names need not be text; the rest is written as an escape."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        told = vars(arguments)
        for_programs = told.get("form", "text") != "text" or told.get("json") is True
        encoding = "utf-8" if for_programs else None
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def _discard_stdout() -> None:
    """What is still to be written goes nowhere: Python would complain again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Parser(argparse.ArgumentParser):
    """A parser that says so if its help cannot be written."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if message and file is not None and file is sys.stdout:
            file.write(message)  # argparse would pass over a full disk
        else:
            super()._print_message(message, file)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="mf2-edge", description="Facial state: emotion and FACS Action Units of faces."
    )
    parser.add_argument("--version", action="version", version=f"mf2-edge {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=path_argument,
        metavar="PATH",
        help="photographs, or folders of them",
    )
    form = parser.add_mutually_exclusive_group()
    for name, text in (
        ("json", "one JSON array, an object a file"),
        ("jsonl", "one JSON object a line, a line a file"),
        ("csv", "one row a face, the same columns whatever is found"),
    ):
        form.add_argument(
            f"--{name}", dest="form", action="store_const", const=name, default="text", help=text
        )
    parser.add_argument(
        "--annotate",
        type=path_argument,
        metavar="DIR",
        help="write annotated pictures into this folder",
    )
    parser.add_argument(
        "--workers", type=positive, help="photographs analysed at a time (default: a core each)"
    )
    _model_arguments(parser)


def _watch_arguments(parser: argparse.ArgumentParser) -> None:
    watch_command.add_arguments(parser)
    _model_arguments(parser)


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    report_command.add_arguments(parser)
    _model_arguments(parser)


def _model_arguments(parser: argparse.ArgumentParser) -> None:
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--min-face", type=float, metavar="SIZE",
        help="height of the smallest face looked for, pixels or, below 1, a part of the longer "
        "side; the smaller, the slower (default: about 0.06)",
    )  # fmt: skip
    size.add_argument(
        "--fast", action="store_true", help="near faces only, from about 0.11 of the longer side on"
    )
    parser.add_argument("--max-faces", type=positive, help="the largest so many of each picture")
    parser.add_argument(
        "--min-detection-score", type=float, default=0.0, metavar="SCORE",
        help="0 to 1: leave out faces found less surely",
    )  # fmt: skip
    _bundle_argument(parser)
    parser.add_argument(
        "--runtime", choices=("auto", "litert", "executorch", "onnx"), default="auto"
    )
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"))
    parser.add_argument(
        "--experimental",
        action="store_true",
        help="also the Action Units that could not be shown reliable",
    )
    parser.add_argument("--threads", type=positive, default=1, help="for each network (default: 1)")


def _bundle_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", help="name or folder of a bundle (default: the one that ships)")


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    _bundle_argument(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    named = parser.add_mutually_exclusive_group()
    named.add_argument(
        "folder", nargs="?", metavar="FOLDER",
        help="name or folder of a bundle, or what `export` wrote (default: the one that ships)",
    )  # fmt: skip
    named.add_argument("--bundle", help="the same")
    parser.add_argument("--sha256", metavar="DIGEST", help="of the manifest that is expected")
    signed = parser.add_mutually_exclusive_group()
    signed.add_argument(
        "--key",
        type=path_argument,
        metavar="PEM",
        help="public key that must have signed the bundle",
    )
    signed.add_argument(
        "--released", action="store_true", help="this package's own key must have signed it"
    )


def _sign_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=path_argument, metavar="FOLDER", help="of a bundle")
    parser.add_argument(
        "--key", type=path_argument, metavar="PEM", required=True, help="your private key (Ed25519)"
    )


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    _bundle_argument(parser)
    export_command.add_arguments(parser)


def _predict(arguments: argparse.Namespace) -> int:
    from mf2_edge.cli.predict_files import predict_files
    from mf2_edge.parallel import default_workers

    failures = predict_files(
        partial(_analyzer, arguments),
        arguments.paths,
        form=arguments.form,
        annotate=arguments.annotate,
        workers=arguments.workers or default_workers(),
    )
    if arguments.annotate is not None:
        print(f"annotated pictures are in {arguments.annotate}", file=sys.stderr)
    if failures:
        print(f"mf2-edge: {len(failures)} of the inputs could not be read:", file=sys.stderr)
        for failure in failures:
            print(f"  {shown(failure)}", file=sys.stderr)
    return _EXIT_INPUT if failures else 0


def _watch(arguments: argparse.Namespace) -> int:
    return watch_command.run(arguments, partial(_analyzer, arguments))


def _report(arguments: argparse.Namespace) -> int:
    return report_command.run(arguments, partial(_analyzer, arguments))


def _analyzer(arguments: argparse.Namespace) -> FaceStateAnalyzer:
    from mf2_edge.analyzer import FaceStateAnalyzer
    from mf2_edge.pipeline.finder import YuNetDetector

    try:
        detector = YuNetDetector(
            num_threads=arguments.threads,
            min_face=arguments.min_face,
            max_faces=arguments.max_faces,
            min_detection_score=arguments.min_detection_score,
            fast=arguments.fast,
        )
    except ValueError as error:
        raise Mf2EdgeError(str(error)) from error
    return FaceStateAnalyzer(
        arguments.bundle,
        runtime=arguments.runtime,
        precision=arguments.precision,
        num_threads=arguments.threads,
        include_experimental=arguments.experimental,
        detector=detector,
    )


def _info(arguments: argparse.Namespace) -> int:
    import json

    from mf2_edge.bundle.loader import load_bundle
    from mf2_edge.cli.output import info_text

    info = load_bundle(arguments.bundle).info()
    print(json.dumps(info, indent=2, ensure_ascii=False) if arguments.json else info_text(info))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from mf2_edge.cli.verify_command import run
    from mf2_edge.runtime.native_output import held_back

    with held_back():  # the child's as well, which holds back nothing: it may crash
        return run(arguments)


def _sign(arguments: argparse.Namespace) -> int:
    from mf2_edge.bundle.signature import SIGNATURE, sign_bundle
    from mf2_edge.io.outputs import check_outputs

    check_outputs([arguments.folder / SIGNATURE], [arguments.key])
    try:
        print(sign_bundle(arguments.folder, arguments.key))
    except OSError as error:
        raise OutputError(f"{arguments.folder}: cannot be written ({error.strerror})") from error
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from mf2_edge.bench.command import run

    return run(arguments)


COMMANDS: tuple[Command, ...] = (
    Command("predict", "Analyse photographs.", _predict_arguments, _predict),
    Command("watch", "Analyse a video, a camera or a stream.", _watch_arguments, _watch),
    Command("report", "A page about the faces of a video.", _report_arguments, _report),
    Command(
        "demo",
        "The camera in the browser, on this machine.",
        demo_command.add_arguments,
        demo_command.run,
    ),
    Command("info", "Describe a bundle: labels, licence, accuracy.", _info_arguments, _info),
    Command("verify", "Check a bundle's files and replay its goldens.", _verify_arguments, _verify),
    Command("sign", "Sign a bundle of your own.", _sign_arguments, _sign),
    Command(
        "export", "Copy a model out for an app, with code.", _export_arguments, export_command.run
    ),
    Command("bench", "Latency on a device, beside accuracy.", _bench_arguments, _bench),
)
"""What `mf2-edge` can do, in the order of `--help`."""
