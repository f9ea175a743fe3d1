"""Export of a trained checkpoint as a verified bundle.

python -m exporters CHECKPOINT ...      a bundle
python -m exporters update BUNDLE ...   metadata, accuracy or goldens of a bundle that exists
python -m exporters head HEAD ...       a head of `python -m distill adapt`, for phones
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mf2_edge.extras import missing_extra

if TYPE_CHECKING:
    from exporters.bundle.build import ExportedArtifact
    from exporters.formats.spec import Operators
    from mf2_edge.bundle.schema import ParitySpec

_EXIT_FAILED, _EXIT_INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 if it was refused, 130 after Ctrl-C."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        match given[:1]:
            case ["update"]:
                from exporters.bundle.update import update_command

                update_command(given[1:])
            case ["head"]:
                from exporters.bundle.heads import head_command

                head_command(given[1:])
            case _:
                _export(_parser().parse_args(given))
    except KeyboardInterrupt:
        sys.stderr.write("exporters: interrupted, nothing was written\n")
        return _EXIT_INTERRUPTED
    except Exception as error:
        told = missing_extra(error) if isinstance(error, ModuleNotFoundError) else None
        if told is not None:
            sys.stderr.write(f"exporters: {told}\n")
            return _EXIT_FAILED
        if not _is_foreseen(error):
            raise
        sys.stderr.write(f"exporters: {error}\n")
        return _EXIT_FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m exporters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="network.pt of `python -m distill`")
    parser.add_argument(
        "--to", nargs="+", default=["tflite", "executorch"], metavar="FORMAT",
        help="FORMAT or FORMAT:PRECISION, first the one that runs by default: tflite executorch "
        "(the default) coreml onnx; variants: tflite/int8-io executorch/coreml executorch/vulkan",
    )  # fmt: skip
    parser.add_argument(
        "--precision", choices=("fp32", "fp16", "int8"), default="fp32",
        help="of the formats that name none (default: fp32)",
    )  # fmt: skip
    parser.add_argument(
        "--allow-outside-delegate", action="store_true",
        help="accept .pte files with operators outside the delegate",
    )  # fmt: skip
    parser.add_argument(
        "--ios", help="oldest iOS for coreml (default: the lowest that the precision allows)"
    )
    parser.add_argument(
        "--calibration", type=Path, required=True, help="JSON of `python -m distill calibrate`"
    )
    parser.add_argument(
        "--results", type=Path, required=True, help="JSON of `python -m distill evaluate`"
    )
    parser.add_argument(
        "--teacher", type=Path, metavar="FILE",
        help="JSON of `python -m distill teacher`, for the points lost against it",
    )  # fmt: skip
    parser.add_argument(
        "--reliability", type=Path, metavar="FILE",
        help="JSON with F1 and recall of each label (mf2_edge.bundle.schema.ReliabilitySpec)",
    )  # fmt: skip
    parser.add_argument(
        "--integers", type=Path, metavar="PT2",
        help="the network in 8-bit integers, for int8 (default: network.pt2 beside CHECKPOINT)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    faces = parser.add_mutually_exclusive_group(required=True)
    faces.add_argument(
        "--faces", type=Path, metavar="STORE", help="folder of aligned faces to compare on"
    )
    faces.add_argument(
        "--synthetic-faces",
        action="store_true",
        help="compare on synthetic pictures, which the manifest records",
    )
    parser.add_argument(
        "--metadata", type=Path, help="TOML of the bundle (default: that of the recipe's name)"
    )
    parser.add_argument("--name", help="name of the bundle, instead of that in --metadata")
    parser.add_argument("--version", help="version of the weights, instead of that in --metadata")
    return parser


def _export(options: argparse.Namespace) -> None:
    import msgspec

    from distill.training.checkpoint import load_network
    from exporters.bundle.build import export_bundle
    from exporters.bundle.draft import ExportRequest
    from exporters.bundle.metadata import (
        CONFIGS,
        load_calibration,
        load_metadata,
        load_reliability,
        load_results,
    )
    from exporters.bundle.update import load_teacher
    from exporters.checks.agreement import agreement_rows
    from exporters.formats.registry import choose_formats

    formats = choose_formats(options.to, options.precision)
    metadata_file = options.metadata
    if metadata_file is None:
        metadata_file = CONFIGS / f"{load_network(options.checkpoint).recipe.name}.toml"
    given = {key: getattr(options, key) for key in ("name", "version") if getattr(options, key)}
    request = ExportRequest(
        checkpoint=options.checkpoint,
        integers=options.integers or options.checkpoint.with_name("network.pt2"),
        formats=formats,
        metadata=msgspec.structs.replace(load_metadata(metadata_file), **given),
        calibration=load_calibration(options.calibration),
        accuracy=load_results(options.results),
        faces=options.faces,
        teacher=None if options.teacher is None else load_teacher(options.teacher),
        reliability=None if options.reliability is None else load_reliability(options.reliability),
        ios=options.ios,
        partial=options.allow_outside_delegate,
    )
    exported = export_bundle(request, options.out)
    sys.stdout.write(_summary(exported.artifacts))
    if exported.agreements:
        sys.stdout.write("\n" + _table(agreement_rows(exported.agreements)))
    sys.stdout.write(f"bundle: {options.out}\n")


def _is_foreseen(error: Exception) -> bool:
    """Whether an error's message is meant for the user; anything else keeps its traceback."""
    from distill.training.checkpoint import CheckpointError
    from exporters.errors import ExportError
    from mf2_edge.errors import Mf2EdgeError

    return isinstance(error, CheckpointError | ExportError | Mf2EdgeError | OSError)


def _summary(artifacts: Sequence[ExportedArtifact]) -> str:
    """One line for each artifact; "delegated": the share of its operators in a delegate."""
    head = "file,MB,delegated,max diff,mean diff,PSNR dB,emotion,AUs,s,operators"
    rows = [tuple(head.split(","))]
    for each in artifacts:
        artifact, conversion = each.artifact, each.conversion
        rows.append(
            (
                artifact.file,
                f"{artifact.bytes / 1e6:.2f}",
                _delegated(conversion.operators),
                *_parity_cells(artifact.parity),
                f"{conversion.seconds:.0f}",
                ", ".join(f"{count} {name}" for name, count in conversion.operators.items()),
            )
        )
    return _table(rows)


def _parity_cells(parity: ParitySpec | None) -> tuple[str, ...]:
    if parity is None:
        return ("not run here", "", "", "", "")
    return (
        f"{parity.max_abs_difference:.1e}",
        f"{parity.mean_abs_difference:.1e}",
        "-" if parity.psnr_db is None else f"{parity.psnr_db:.1f}",
        f"{parity.emotion_agreement:.2%}",
        f"{parity.au_agreement:.2%}",
    )


def _delegated(operators: Operators) -> str:
    inside = sum(count for name, count in operators.items() if name.startswith("in "))
    return f"{inside / sum(operators.values()):.1%}" if inside else "-"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
