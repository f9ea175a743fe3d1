"""`mfa codes`: the files of MFA-wild, from what coders wrote."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from distill.datasets.wild.files import FOLDER, read_lines, save_part
from distill.mfa.errors import MfaError
from distill.mfa.wild.coded import Batch, join
from mf2_edge.io.atomic import replacing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("lines", type=Path, nargs="?", help="coded faces (JSON lines)")
    parser.add_argument("--key", type=Path, help="in place of these: key.csv of `mfa sheets`")
    parser.add_argument("--coder-a", type=Path, help="what coder A wrote (JSON lines)")
    parser.add_argument("--coder-b", type=Path, help="what coder B wrote, if there is one")
    parser.add_argument("--part", required=True, help="name of the file to write, codes-002")
    parser.add_argument("--coder", required=True, help="by what it was coded, in a few words")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the files of MFA-wild")
    parser.add_argument("--controls", type=Path, help="where to write the controls (JSON lines)")


def run(arguments: argparse.Namespace) -> int:
    """Write a part of the codes, and its controls."""
    batch = _read(arguments)
    if batch.controls and arguments.controls is None:
        raise MfaError(
            f"{len(batch.controls)} of the faces are controls; say where they go with --controls"
        )
    if not batch.faces:
        raise MfaError("there is no coded face in these files")
    part = save_part(arguments.folder, f"{arguments.part}.jsonl.gz", batch.faces, arguments.coder)
    sys.stdout.write(f"{part.faces:,} faces in {arguments.folder / part.file}, {part.sha256}\n")
    if arguments.controls is not None:
        with replacing(arguments.controls) as partial:
            lines = [msgspec.json.encode(control) + b"\n" for control in batch.controls]
            partial.write_bytes(b"".join(lines))
        sys.stdout.write(f"{len(batch.controls):,} controls in {arguments.controls}\n")
    return 0


def _read(arguments: argparse.Namespace) -> Batch:
    lines, key = arguments.lines, arguments.key
    if (lines is None) == (key is None) or (key is None) != (arguments.coder_a is None):
        raise MfaError("give either a file of coded faces, or --key and --coder-a")
    if lines is not None:
        return Batch(tuple(read_lines(lines.read_bytes(), str(lines))), ())
    return join(key, arguments.coder_a, arguments.coder_b)
