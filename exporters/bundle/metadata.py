"""What a bundle says about itself beyond what its checkpoint knows: one TOML file a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

import msgspec

from distill.evaluation.reports.schema import Evaluation
from distill.extended_toml import read_extended
from exporters.errors import PackError
from mf2_edge.bundle.schema import AccuracySpec, CalibrationSpec, DecodingSpec, Text

FOLDER: Final = Path(__file__).parent / "configs"
"""One file a bundle that this project ships, named after its recipe."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: immutable, closed to unknown keys."""


class LicenseText(_Part, frozen=True, kw_only=True):
    """Licence of the weights; the terms of the data come from the recipe."""

    name: Text
    """SPDX identifier, or a `LicenseRef-...` of our own."""
    summary: Text
    """What one may do with the weights, in a sentence."""
    text: Text
    """The licence itself."""


class About(_Part, frozen=True, kw_only=True):
    """A whole file."""

    name: Text
    """Name of the bundle and of its folder."""
    version: Text
    """Version of the weights."""
    description: Text
    """What it is, in a sentence."""
    backbone: Text
    """Network, and the weights it started from."""
    intended_use: Text
    """For the model card."""
    misuse: tuple[Text, ...]
    """What it must not be used for, among it what the law forbids."""
    training: Text
    """How it was trained, in a sentence: the first of its limits."""
    limits: tuple[Text, ...]
    """What it is not good at, and what nobody measured."""
    license: LicenseText
    decoding: DecodingSpec
    minimum_os: dict[str, dict[str, str]] = {}
    """By format: oldest systems that run it."""


_T = TypeVar("_T")


def load_about(path: Path) -> About:
    """Read what a bundle says about itself; raises PackError naming the file and the key.

    `extends` names a file beside it, from which what it leaves out is taken.
    """
    return _decode(
        path, About, "what the bundle says about itself (exporters/bundle/configs/*.toml)"
    )


def load_calibration(path: Path) -> CalibrationSpec:
    """Read a calibration: JSON of `mf2_edge.bundle.schema.CalibrationSpec`.

    Raises PackError naming the file and the key.
    """
    return _decode(path, CalibrationSpec, "the calibration that `distill calibrate` writes")


def load_results(path: Path) -> tuple[AccuracySpec, ...]:
    """Read measurements: a JSON list of `mf2_edge.bundle.schema.AccuracySpec`.

    Raises PackError naming the file and the key.
    """
    return _decode(path, tuple[AccuracySpec, ...], "the results that `distill evaluate` writes")


def load_evaluated(path: Path) -> Evaluation:
    """Read an evaluation of an exported file: JSON of its schema, `Evaluation`.

    Raises PackError naming the file and the key.
    """
    return _decode(path, Evaluation, "what `distill evaluate --bundle` writes")


def _decode(path: Path, form: type[_T], what: str) -> _T:
    try:
        if path.suffix == ".toml":
            return msgspec.convert(read_extended(path), form)
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror}); expected {what}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: {error}; expected {what}") from error
