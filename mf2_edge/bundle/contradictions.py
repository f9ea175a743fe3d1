"""Parts of a model's facts that disagree with each other, which types cannot express."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from mf2_edge.bundle.model_schema import ArtifactSpec, HeadName, ModelSpec, ReliabilitySpec
from mf2_edge.facs import ACTION_UNIT_NAMES, REGIONS
from mf2_edge.types import Landmarks

_REQUIRED: Final[tuple[HeadName, ...]] = ("emotion", "action_units")
_OPTIONAL: Final[tuple[HeadName, ...]] = ("strength", "visibility")

_SMALLEST: Final = 1e-4
"""Of temperatures and slopes; its inverse is the largest."""


def contradictions(model: ModelSpec) -> Iterator[str]:
    """Parts of a model's facts that disagree, which types cannot express."""
    names = [head.name for head in model.heads]
    if len(set(names)) < len(names) or not set(names).issuperset(_REQUIRED):
        yield (
            f"$.heads: expected one head each of {_REQUIRED}, and at most one each of "
            f"{_OPTIONAL}, found {names}"
        )
        return
    yield from _head_contradictions(model)
    yield from _label_contradictions(model)
    yield from _input_contradictions(model)
    yield from _file_contradictions(model)
    yield from _extremes(model)
    # Patterns of Python let a line break pass at the end.
    if any(text.endswith("\n") for text in (model.name, model.version)):
        yield "$.name, $.version: end with a line break; expected letters, digits and ._+-"


def _extremes(model: ModelSpec) -> Iterator[str]:
    """Numbers that are finite, and would not leave the scores so."""
    calibration = model.calibration
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


def _input_contradictions(model: ModelSpec) -> Iterator[str]:
    """Of input, alignment and preprocessing."""
    template, size = model.alignment, model.input
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
    if 0 in model.preprocessing.std:
        yield "$.preprocessing.std: 0 would divide by zero; expected numbers other than 0"


def _file_contradictions(model: ModelSpec) -> Iterator[str]:
    """Of artifacts."""
    if not model.artifacts:
        yield "$.artifacts: empty; expected at least one model file"
    variants = Counter(map(_variant, model.artifacts))
    for variant in sorted(variant for variant, count in variants.items() if count > 1):
        yield f"$.artifacts: {variant} more than once; expected one file of a kind"
    yield from paths_that_leave(artifact.file for artifact in model.artifacts)
    for artifact in model.artifacts:
        for system, version in artifact.minimum_os.items():
            if version.endswith("\n"):
                yield f"$.artifacts ({artifact.file}): {system} {version!r} ends with a line break"


def paths_that_leave(files: Iterable[str]) -> Iterator[str]:
    """What is wrong with the paths that lead out of the bundle's folder."""
    yield from (f"`{file}` is not a path inside the bundle" for file in files if leaves(file))


def _variant(artifact: ArtifactSpec) -> str:
    """The properties in which artifacts of a bundle must differ."""
    io_dtype = "int8 inputs and outputs" if artifact.io_dtype == "int8" else None
    parts = (artifact.format, artifact.precision, io_dtype, artifact.delegate)
    return " ".join(part for part in parts if part)


def _head_contradictions(model: ModelSpec) -> Iterator[str]:
    for head in model.heads:
        where = f"$.heads ({head.name})"
        if not head.labels:
            yield f"{where}: no labels; expected one a logit"
        twice = sorted({label for label in head.labels if head.labels.count(label) > 1})
        if twice:
            yield f"{where}: labels {twice} more than once; expected unique labels"
    outputs = [head.output for head in model.heads]
    outputs += [embedding.output for embedding in model.embeddings]
    if len(set(outputs)) < len(outputs):
        yield f"$.heads, $.embeddings: outputs {outputs}; expected different outputs"


def _label_contradictions(model: ModelSpec) -> Iterator[str]:
    """Unknown labels, and parts whose labels differ."""
    labels_of = {head.name: head.labels for head in model.heads}
    units, emotions = labels_of["action_units"], labels_of["emotion"]
    strength, regions = labels_of.get("strength"), labels_of.get("visibility", ())
    unknown = [label for label in units if label not in ACTION_UNIT_NAMES]
    if unknown:
        yield f"$.heads (action_units): {unknown} are not FACS Action Units such as 'AU12'"
    strange = [label for label in regions if label not in REGIONS]
    if strange:
        yield f"$.heads (visibility): unknown regions {strange}; expected some of {list(REGIONS)}"
    if strength is not None and strength != units:
        yield "$.heads (strength): expected the labels of head action_units in their order"
    calibration: dict[HeadName, tuple[set[str], tuple[str, ...]]] = {
        "action_units": (set(model.calibration.action_units), units),
        "strength": (set(model.calibration.strength), units if strength else ()),
        "visibility": (set(model.calibration.visibility), regions),
    }
    for name, (calibrated, labels) in calibration.items():
        if calibrated != set(labels):
            odd = sorted(calibrated ^ set(labels))
            yield (
                f"$.calibration.{name} and the labels of head {name} differ in {odd}; "
                "expected one entry a label"
            )
    reliability = model.reliability or ReliabilitySpec()
    named = {
        "experimental": (model.experimental, units),
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
