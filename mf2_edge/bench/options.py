"""The options of the bench; imports nothing that is slow."""

from __future__ import annotations

import argparse
from typing import Final

from mf2_edge.io.arguments import path_argument

_LARGEST: Final = 100_000
"""Of counts that a command takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of `mf2-edge bench` and `python -m mf2_edge.bench`."""
    parser.add_argument(
        "--device", metavar="NAME", nargs="+", dest="devices",
        help="one or more: host (the default), iphone, iphone-13, galaxy-s24, rpi5, ...; an "
        "unknown name lists all",
    )  # fmt: skip
    parser.add_argument(
        "--bundle", nargs="+", dest="bundles",
        help="names or folders of bundles (default: the one that `predict` takes on this machine, "
        "all that ship on another device)",
    )  # fmt: skip
    parser.add_argument(
        "--format", type=lambda text: _FORMATS.get(text, text),
        choices=("tflite", "executorch", "coreml", "onnx"), help="or pte, or mlpackage",
    )  # fmt: skip
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"))
    parser.add_argument("--threads", type=positive, default=1, help="(default: 1)")
    parser.add_argument("--quick", action="store_true", help="64 queries instead of 1,024 or 60 s")
    parser.add_argument("--require-measured", action="store_true", help="an estimate is an error")
    parser.add_argument(
        "--import", type=path_argument, metavar="FILE", dest="imported",
        help="a report written on a phone by a bench target",
    )  # fmt: skip
    parser.add_argument(
        "--runner", type=path_argument, metavar="FILE",
        help="benchmark_model (tflite) or executor_runner (executorch), for an Android phone",
    )  # fmt: skip
    parser.add_argument("--serial", help="which phone of adb, if there are several")
    parser.add_argument(
        "--json", type=path_argument, metavar="FILE", help="write the reports as JSON"
    )
    parser.add_argument(
        "--html", type=path_argument, metavar="FILE", help="write a page with a picture"
    )
    parser.add_argument(
        "--save", type=path_argument, metavar="DIR",
        help="write DIR/<device>/<bundle>-<format>-<precision>.json",
    )  # fmt: skip
    parser.add_argument(
        "--errors", action="store_true",
        help="print the cost model's error, network by network, and measure nothing",
    )  # fmt: skip
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of reports to --import"
    )


_FORMATS: Final = {"pte": "executorch", "mlpackage": "coreml"}
"""By suffix, as `mf2-edge export` names them."""


def positive(text: str) -> int:
    """A whole number from 1 on, of threads, faces or frames."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, 1 to {_LARGEST:,}")
    return number
