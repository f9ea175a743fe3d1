"""Reading, checking and writing the manifest of a bundle, the only place of facts about a model.

`parse_manifest` turns the bytes of a `manifest.json` into a `Manifest` (see `schema.py`, key by
key) or says in a `ManifestError` what is wrong, and where. An unknown key is an error: a fact
that one reader ignores is a fact that two readers disagree on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec

from mf2_edge.bundle.schema import (
    Activation,
    ArtifactFormat,
    ArtifactSpec,
    Delegate,
    HeadName,
    IoDtype,
    Layout,
    Manifest,
    ModelInput,
    Precision,
    ReliabilitySpec,
)
from mf2_edge.errors import ManifestError
from mf2_edge.facs import ACTION_UNIT_NAMES, REGIONS
from mf2_edge.types import Landmarks

SCHEMA_VERSION: Final = "2.0"
"""Schema that this release writes; it reads every 2.x whose keys it knows."""

_ACTIVATIONS: Final[dict[HeadName, Activation]] = {
    "emotion": "softmax",
    "action_units": "sigmoid",
    "strength": "sigmoid",
    "visibility": "sigmoid",
}
_REQUIRED: Final[tuple[HeadName, ...]] = ("emotion", "action_units")

_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "name": get_args(HeadName),
    "activation": get_args(Activation),
    "format": get_args(ArtifactFormat),
    "precision": get_args(Precision),
    "layout": get_args(Layout),
    "io_dtype": get_args(IoDtype),
    "delegate": get_args(Delegate),
    "input": get_args(ModelInput),
    "channels": (3,),
    "color": ("rgb",),
    "interpolation": ("bilinear",),
    "border": ("replicate",),
}


_SMALLEST: Final = 1e-4
"""Of temperatures and slopes; its inverse is the largest."""


class _Versioned(msgspec.Struct):
    """The one key that every schema, older or newer, has."""

    schema_version: str


def parse_manifest(data: bytes, *, source: str) -> Manifest:
    """Read a manifest from JSON bytes; `source` (a path) is named in errors.

    Raises ManifestError: not JSON, a missing, unknown or ill-typed key (with its JSON path), a
    newer major schema, or parts that contradict each other.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{source}: {_explain(error)}") from error
    _check_version(version, source)
    _check_duplicates(data, source)
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{source}: {_explain(error)}{_hint(version)}") from error
    problems = list(_contradictions(manifest))
    if problems:
        raise ManifestError(f"{source}: " + "; ".join(problems))
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON ending in a newline; `parse_manifest` gives it back equal."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def manifest_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the manifest, from which bindings generate their types."""
    return msgspec.json.schema(Manifest)


def _check_duplicates(data: bytes, source: str) -> None:
    """A key that is there twice means one thing to one reader and another to the next."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        if twice := [key for key, count in counts.items() if count > 1]:
            raise ManifestError(f"{source}: keys {twice} more than once; expected each once")
        return dict(pairs)

    try:
        json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"{source}: not valid JSON ({error})") from error


def _check_version(version: str, source: str) -> None:
    parts = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", version)
    if parts is None:
        raise ManifestError(
            f"{source}: schema_version {version[:80]!r} - at `$.schema_version`; "
            f'expected "MAJOR.MINOR", such as "{SCHEMA_VERSION}"'
        )
    major, ours = int(parts[1]), int(SCHEMA_VERSION.split(".")[0])
    if major > ours:
        raise ManifestError(
            f"{source}: schema {major}.x needs a newer mf2-edge: pip install -U mf2-edge; "
            f"this release reads {ours}.x"
        )
    if major < ours:
        raise ManifestError(
            f"{source}: schema {major}.x is older than what this release reads ({ours}.x); "
            "export the model again, or install the mf2-edge release that wrote the bundle"
        )


def _explain(error: Exception) -> str:
    """The error of msgspec with what to do about it."""
    text = str(error)
    unknown = re.search(r"unknown field `(.*?)`(?: - at `(.*)`)?", text)
    if unknown:
        where = unknown[2] or "$"
        return f"unknown key `{unknown[1]}` - at `{where}`; remove it or correct its spelling"
    missing = re.search(r"missing required field `(.*?)`(?: - at `(.*)`)?", text)
    if missing:
        return f"missing key `{missing[1]}` - at `{missing[2] or '$'}`; add it"
    if text.startswith("Invalid enum value"):
        key = re.findall(r"\.(\w+)", text)[-1]
        return f"{text}; expected one of {', '.join(map(repr, _CHOICES[key]))}"
    if isinstance(error, msgspec.ValidationError):
        return text
    return f"not valid JSON ({text}); expected a manifest as schema {SCHEMA_VERSION} describes it"


def _hint(version: str) -> str:
    """A newer minor schema may hold keys that this release does not know."""
    newer = int(version.split(".")[1]) > int(SCHEMA_VERSION.split(".")[1])
    if not newer:
        return ""
    return (
        f" (the bundle is of schema {version}, this release knows {SCHEMA_VERSION}: "
        "pip install -U mf2-edge)"
    )


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """Parts of a manifest that disagree, which types cannot express."""
    names = [head.name for head in manifest.heads]
    if len(set(names)) < len(names) or not set(names).issuperset(_REQUIRED):
        yield (
            f"$.heads: expected one head each of {_REQUIRED}, and at most one each of "
            f"{tuple(_ACTIVATIONS)[len(_REQUIRED) :]}, found {names}"
        )
        return
    yield from _head_contradictions(manifest)
    yield from _label_contradictions(manifest)
    yield from _input_contradictions(manifest)
    yield from _file_contradictions(manifest)
    yield from _extremes(manifest)
    # Patterns of Python let a line break pass at the end.
    if any(text.endswith("\n") for text in (manifest.name, manifest.version)):
        yield "$.name, $.version: end with a line break; expected letters, digits and ._+-"


def _extremes(manifest: Manifest) -> Iterator[str]:
    """Numbers that are finite, and would not leave the scores so."""
    calibration = manifest.calibration
    numbers = {"emotion.temperature": calibration.emotion.temperature}
    for part in ("action_units", "strength"):
        for label, unit in getattr(calibration, part).items():
            numbers[f"{part}.{label}.scale"] = unit.scale
    for name, value in numbers.items():
        if not _SMALLEST <= value <= 1 / _SMALLEST:
            yield f"$.calibration.{name} is {value:g}; expected {_SMALLEST:g} to {1 / _SMALLEST:g}"
    biases = {
        f"{part}.{label}": each.bias
        for part in ("action_units", "strength", "visibility")
        for label, each in getattr(calibration, part).items()
    }
    for name, value in biases.items():
        if not abs(value) <= 1 / _SMALLEST:
            yield f"$.calibration.{name}.bias is {value:g}; expected {1 / _SMALLEST:g} at most"


def _input_contradictions(manifest: Manifest) -> Iterator[str]:
    """Of input, alignment and preprocessing."""
    template, size = manifest.alignment, manifest.input
    if (template.width, template.height) != (size.width, size.height):
        yield (
            f"$.alignment is {template.width}x{template.height} px, but $.input takes "
            f"{size.width}x{size.height} px; expected the same size"
        )
    known = Landmarks.__dataclass_fields__
    if unknown := sorted(set(template.points) - set(known)):
        yield f"$.alignment.points: unknown landmarks {unknown}; expected some of {list(known)}"
    if len(set(template.points.values())) < 2:
        yield "$.alignment.points: expected at least two different points"
    if 0 in manifest.preprocessing.std:
        yield "$.preprocessing.std: 0 would divide by zero; expected numbers other than 0"


def _file_contradictions(manifest: Manifest) -> Iterator[str]:
    """Of artifacts and goldens."""
    if not manifest.artifacts:
        yield "$.artifacts: empty; expected at least one model file"
    variants = Counter(map(_variant, manifest.artifacts))
    for variant in sorted(variant for variant, count in variants.items() if count > 1):
        yield f"$.artifacts: {variant} more than once; expected one file of a kind"
    artifacts = [artifact.file for artifact in manifest.artifacts]
    files = artifacts + [golden.file for golden in manifest.goldens]
    yield from (f"`{file}` is not a path inside the bundle" for file in files if leaves(file))


def _variant(artifact: ArtifactSpec) -> str:
    """The properties in which artifacts of a bundle must differ."""
    io_dtype = "int8 inputs and outputs" if artifact.io_dtype == "int8" else None
    parts = (artifact.format, artifact.precision, io_dtype, artifact.delegate)
    return " ".join(part for part in parts if part)


def _head_contradictions(manifest: Manifest) -> Iterator[str]:
    for head in manifest.heads:
        where, activation = f"$.heads ({head.name})", _ACTIVATIONS[head.name]
        if not head.labels:
            yield f"{where}: no labels; expected one a logit"
        twice = sorted({label for label in head.labels if head.labels.count(label) > 1})
        if twice:
            yield f"{where}: labels {twice} more than once; expected unique labels"
        if head.activation != activation:
            yield f"{where}: activation {head.activation!r}; expected {activation!r}"
    outputs = [head.output for head in manifest.heads]
    outputs += [embedding.output for embedding in manifest.embeddings]
    if len(set(outputs)) < len(outputs):
        yield f"$.heads, $.embeddings: outputs {outputs}; expected different outputs"


def _label_contradictions(manifest: Manifest) -> Iterator[str]:
    """Unknown labels, and parts whose labels differ."""
    units = manifest.head("action_units").labels
    strength, visibility = manifest.find_head("strength"), manifest.find_head("visibility")
    regions = visibility.labels if visibility else ()
    unknown = [label for label in units if label not in ACTION_UNIT_NAMES]
    if unknown:
        yield f"$.heads (action_units): {unknown} are not FACS Action Units such as 'AU12'"
    strange = [label for label in regions if label not in REGIONS]
    if strange:
        yield f"$.heads (visibility): unknown regions {strange}; expected some of {list(REGIONS)}"
    if strength is not None and strength.labels != units:
        yield "$.heads (strength): expected the labels of head action_units in their order"
    calibration: dict[HeadName, tuple[set[str], tuple[str, ...]]] = {
        "action_units": (set(manifest.calibration.action_units), units),
        "strength": (set(manifest.calibration.strength), units if strength else ()),
        "visibility": (set(manifest.calibration.visibility), regions),
    }
    for name, (calibrated, labels) in calibration.items():
        if calibrated != set(labels):
            odd = sorted(calibrated ^ set(labels))
            yield (
                f"$.calibration.{name} and the labels of head {name} differ in {odd}; "
                "expected one entry a label"
            )
    emotions = manifest.head("emotion").labels
    reliability = manifest.reliability or ReliabilitySpec()
    named = {
        "experimental": (manifest.experimental, units),
        "reliability.action_units": (reliability.action_units, units),
        "reliability.emotion": (reliability.emotion, emotions),
    }
    for part, (found, labels) in named.items():
        if odd := [label for label in found if label not in labels]:
            yield f"$.{part}: {odd} are no labels of the head"


def leaves(file: str) -> bool:
    """Whether a path is anything but a plain relative path with forward slashes."""
    parts = file.split("/")
    forbidden = any(c in file for c in "\\:\0\n")
    return forbidden or any(part in ("", ".", "..") for part in parts)
