"""`mf2-edge export`: a model of a bundle, ready for an app."""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import sys

from mf2_edge.io.arguments import path_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, all but those that every command on bundles has."""
    parser.add_argument(
        "--platform", choices=("ios", "android", "web", "cpp", "python"),
        help="whose app (default: ios of an mlpackage, python of an onnx, else android)",
    )  # fmt: skip
    parser.add_argument(
        "--format", nargs="+", choices=("pte", "mlpackage", "tflite", "onnx"), dest="kinds",
        default=(), help="one or more (default: mlpackage for ios, else tflite)",
    )  # fmt: skip
    parser.add_argument(
        "--precision", choices=("fp32", "fp16", "int8"),
        help="(default: for ios, android and web the smallest file; else the first in the bundle)",
    )  # fmt: skip
    parser.add_argument(
        "--delegate", choices=("coreml", "vulkan"),
        help="of a pte, instead of XNNPACK, which runs on every CPU",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=path_argument, required=True, metavar="DIR", help="made if need be"
    )
    parser.add_argument(
        "--no-code", dest="code", action="store_false", help="the model alone, without DIR/code"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the files and list them on stdout; returns the exit code.

    Raises BundleError if the bundle cannot be used or holds no such model, OutputError if a file
    would overwrite one of the bundle, or one that no export wrote.
    """
    from mf2_edge.bundle.loader import load_bundle
    from mf2_edge.errors import BundleError, Mf2EdgeError
    from mf2_edge.export.artifact import Choice, export_bundle

    if not arguments.kinds and arguments.platform is None:
        raise BundleError("nothing says what to export; expected --platform or --format, or both")
    bundle = load_bundle(arguments.bundle)
    choice = Choice(
        kinds=tuple(dict.fromkeys(arguments.kinds)),
        platform=arguments.platform,
        precision=arguments.precision,
        delegate=arguments.delegate,
        code=arguments.code,
    )
    try:
        written = export_bundle(bundle, arguments.out, choice)
    except Mf2EdgeError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise BundleError(f"{arguments.out}: cannot be written ({reason})") from error
    for path in written:
        print(path)
    terms = bundle.manifest.license
    print(f"mf2-edge: weights under {terms.name}: {terms.summary}", file=sys.stderr)
    return 0
