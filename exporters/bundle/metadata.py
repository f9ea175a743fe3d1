"""Metadata of a bundle that its checkpoint does not hold: one TOML file for each bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from exporters.errors import PackError
from mf2_edge.bundle.schema import (
    AccuracySpec,
    CalibrationSpec,
    CardSpec,
    DecodingSpec,
    ReliabilitySpec,
    Text,
)

CONFIGS: Final = Path(__file__).parent / "configs"
"""Files of the bundles that this project ships, named after their recipes."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: immutable, closed to unknown keys."""


class LicenseText(_Part, frozen=True, kw_only=True):
    """Licence of the weights; the terms of the data come from the recipe."""

    name: Text
    """SPDX identifier, or a `LicenseRef-...` of our own."""
    summary: Text
    """Permitted use of the weights, in a sentence."""
    text: Text
    """The licence itself."""


class Metadata(_Part, frozen=True, kw_only=True):
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
    """Uses that are excluded or forbidden by law."""
    training: Text
    """How it was trained, in a sentence: the first of the card's limits."""
    limits: tuple[Text, ...]
    """Known weaknesses, and properties that were not measured."""
    license: LicenseText
    decoding: DecodingSpec
    experimental: tuple[Text, ...] = ()
    """Action Units that could not be shown reliable; users ask for them expressly."""
    minimum_os: dict[str, dict[str, str]] = {}
    """Oldest systems of a format's runtime; Core ML's follow from the precision."""


_T = TypeVar("_T")


def load_metadata(path: Path) -> Metadata:
    """Read a metadata file; raises PackError naming the file and the key.

    Keys that it leaves out come from the file beside it that `extends` names.
    """
    return decode_file(path, Metadata, "metadata of a bundle (exporters/bundle/configs/*.toml)")


def card_spec(metadata: Metadata) -> CardSpec:
    """The part of the metadata that the manifest holds as its card."""
    return CardSpec(
        intended_use=metadata.intended_use,
        misuse=metadata.misuse,
        limits=(metadata.training, *metadata.limits),
    )


def load_calibration(path: Path) -> CalibrationSpec:
    """Read a calibration: JSON of `mf2_edge.bundle.schema.CalibrationSpec`.

    Raises PackError naming the file and the key.
    """
    return decode_file(path, CalibrationSpec, "the calibration that `distill calibrate` writes")


def load_results(path: Path) -> tuple[AccuracySpec, ...]:
    """Read measurements: a JSON list of `mf2_edge.bundle.schema.AccuracySpec`.

    Raises PackError naming the file and the key.
    """
    return decode_file(path, tuple[AccuracySpec, ...], "the results that `distill evaluate` writes")


def load_reliability(path: Path) -> ReliabilitySpec:
    """Read the reliability of each label: JSON of `mf2_edge.bundle.schema.ReliabilitySpec`.

    Raises PackError naming the file and the key.
    """
    return decode_file(path, ReliabilitySpec, "F1 and recall label by label (ReliabilitySpec)")


def decode_file(path: Path, form: type[_T], what: str) -> _T:
    """Decode a TOML or JSON file as `form`; raises PackError saying that `what` was expected."""
    try:
        if path.suffix == ".toml":
            return msgspec.convert(_read_toml(path), form)
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror}); expected {what}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: {error}; expected {what}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    base = content.pop("extends", None)
    return content if base is None else _read_toml(path.parent / base) | content
