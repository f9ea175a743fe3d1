"""Updates of a bundle that exists; its model files stay as they are.

    python -m exporters update BUNDLE ... [--metadata] [--teacher FILE] [--goldens]
    python -m exporters update BUNDLE [--reliability FILE] [--metadata]
    python -m exporters update BUNDLE [--evaluation FILE ...]

--metadata    description, experimental units, card and README.md from
              exporters/bundle/configs/NAME.toml
--reliability F1 and recall of each label, JSON of mf2_edge.bundle.schema.ReliabilitySpec; with
              --metadata they are written into README.md as well
--evaluation  accuracy of files, as `python -m distill evaluate --bundle` measured it; the first
              FILE is written into README.md, which --metadata writes without it
--teacher     accuracy of the teacher, as `python -m distill teacher` measured it
--goldens     the stages align and smooth of the goldens, recorded again
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from exporters.bundle.evaluation import (
    Evaluation,
    accuracy_of_file,
    check_evaluation,
    load_evaluation,
    with_evaluation,
)
from exporters.bundle.metadata import CONFIGS, card_spec, load_metadata, load_reliability
from exporters.bundle.model_card import CARD, model_card
from exporters.errors import PackError
from mf2_edge.bundle.edit import edit_manifest
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import AccuracySpec, ReliabilitySpec, TeacherSpec
from mf2_edge.io.atomic import replacing

_NETWORK: Final = "teacher"


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One network of the file that `python -m distill teacher` writes."""

    network: str
    views: int
    accuracy: tuple[AccuracySpec, ...]


def refresh_metadata(folder: Path) -> None:
    """Write description and card of the bundle in `folder` from its TOML file.

    Raises PackError if that file is of another version, or if the card has a table of int8 files
    beside one another, which only a new export can make.
    """
    manifest = load_bundle(folder).manifest
    metadata = load_metadata(CONFIGS / f"{manifest.name}.toml")
    if metadata.version != manifest.version:
        raise PackError(
            f"{manifest.name} is {manifest.version}, but its metadata are of {metadata.version}: "
            "export it again"
        )
    if sum(artifact.precision == "int8" for artifact in manifest.artifacts) > 1:
        raise PackError(f"{manifest.name} holds several int8 files: export it again")
    changes = {
        "description": metadata.description,
        "experimental": list(metadata.experimental),
        "card": msgspec.to_builtins(card_spec(metadata)),
    }
    updated = edit_manifest(folder, lambda raw: raw.update(changes))
    _write_card(folder, model_card(metadata, updated))


def add_evaluations(folder: Path, evaluations: Sequence[Evaluation]) -> None:
    """Write the accuracy of files into the manifest, and the first evaluation into README.md.

    Raises PackError if an evaluation is of another bundle, version or file.
    """
    manifest = load_bundle(folder).manifest
    for evaluation in evaluations:
        check_evaluation(evaluation, manifest)
    card = with_evaluation((folder / CARD).read_text(encoding="utf-8"), evaluations[0])
    measured = {evaluation.sha256: evaluation for evaluation in evaluations}

    def change(raw: dict[str, Any]) -> None:
        for entry, artifact in zip(raw["artifacts"], manifest.artifacts, strict=True):
            if artifact.sha256 in measured:
                accuracy = accuracy_of_file(measured[artifact.sha256], artifact)
                entry["accuracy"] = msgspec.to_builtins(accuracy)

    edit_manifest(folder, change)
    _write_card(folder, card)


def add_teacher(folder: Path, teacher: TeacherSpec) -> None:
    """Write `teacher` into the manifest in `folder`; raises BundleError if it is no bundle."""
    edit_manifest(folder, lambda raw: raw.update(teacher=msgspec.to_builtins(teacher)))


def set_reliability(folder: Path, reliability: ReliabilitySpec) -> None:
    """Write `reliability` into the manifest in `folder`.

    Raises BundleError if it is no bundle, ManifestError if it names labels that are not there.
    """
    told = msgspec.to_builtins(reliability)
    edit_manifest(folder, lambda raw: raw.update(reliability=told))


def load_teacher(path: Path) -> TeacherSpec:
    """The teacher of a file of `python -m distill teacher`, in the most views, without labels.

    Raises PackError naming the file and what was expected.
    """
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=tuple[_Row, ...])
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: {error}; expected what `distill teacher` writes") from error
    found = [row for row in rows if row.network == _NETWORK]
    if not found:
        raise PackError(f"{path}: no row of the network {_NETWORK!r}; measure the teacher again")
    best = max(found, key=lambda row: row.views)
    accuracy = tuple(msgspec.structs.replace(spec, labels={}) for spec in best.accuracy)
    return TeacherSpec(name=f"the ensemble, {best.views} views", accuracy=accuracy)


def update_command(arguments: Sequence[str]) -> None:
    """Run `python -m exporters update`; raises Mf2EdgeError, PackError or OSError."""
    parser = argparse.ArgumentParser(
        prog="python -m exporters update",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folders")
    parser.add_argument("--metadata", action="store_true")
    parser.add_argument("--evaluation", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--teacher", type=Path, metavar="FILE")
    parser.add_argument("--reliability", type=Path, metavar="FILE")
    parser.add_argument("--goldens", action="store_true")
    options = parser.parse_args(arguments)
    asked = (options.metadata, options.evaluation, options.teacher, options.goldens)
    if not any((*asked, options.reliability)):
        parser.error("expected --metadata, --evaluation, --teacher, --reliability or --goldens")
    if (options.evaluation or options.reliability) and len(options.bundles) > 1:
        parser.error("--evaluation and --reliability are of one bundle")
    evaluations = [load_evaluation(path) for path in options.evaluation]
    teacher = None if options.teacher is None else load_teacher(options.teacher)
    reliability = None if options.reliability is None else load_reliability(options.reliability)
    for folder in options.bundles:
        if reliability is not None:
            set_reliability(folder, reliability)
        if options.metadata:
            refresh_metadata(folder)
        if evaluations:
            add_evaluations(folder, evaluations)
        if teacher is not None:
            add_teacher(folder, teacher)
        if options.goldens:
            from exporters.checks.goldens import refresh_goldens

            refresh_goldens(folder)


def _write_card(folder: Path, text: str) -> None:
    with replacing(folder / CARD) as partial:
        partial.write_text(text, encoding="utf-8")
