"""What `distill evaluate --bundle` measured on a bundle's files, into the bundle.

    python -m exporters.bundle.add_evaluation BUNDLE --evaluation FILE [FILE ...]

The first is written onto the model card; the accuracy of each goes beside its file in the manifest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from distill.evaluation.metrics.intervals import WILSON
from exporters.bundle.metadata import load_evaluated
from exporters.bundle.model_card import with_evaluation
from exporters.errors import PackError
from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.bundle.schema import AccuracySpec, ArtifactSpec
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import replacing

if TYPE_CHECKING:
    from distill.evaluation.reports.schema import Evaluation
    from mf2_edge.bundle.schema import Manifest

CARD: Final = "README.md"


def add_evaluations(folder: Path, evaluations: Sequence[Evaluation]) -> None:
    """Renew card and manifest in `folder`; raises PackError if another file was measured.

    Every key of the manifest but the files' accuracy stays as it was.
    """
    manifest = load_bundle(folder).manifest
    for evaluation in evaluations:
        check_evaluation(evaluation, manifest)
    card = with_evaluation((folder / CARD).read_text(encoding="utf-8"), evaluations[0])
    raw: dict[str, Any] = msgspec.json.decode((folder / MANIFEST).read_bytes())
    measured = {evaluation.sha256: evaluation for evaluation in evaluations}
    for entry, artifact in zip(raw["artifacts"], manifest.artifacts, strict=True):
        if artifact.sha256 in measured:
            figures = accuracy_of_file(measured[artifact.sha256], artifact)
            entry["accuracy"] = msgspec.to_builtins(figures)
    data = msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"
    parse_manifest(data, source=str(folder / MANIFEST))
    with replacing(folder / MANIFEST) as partial:
        partial.write_bytes(data)
    with replacing(folder / CARD) as partial:
        partial.write_text(card, encoding="utf-8")


def accuracy_of_file(evaluation: Evaluation, artifact: ArtifactSpec) -> list[AccuracySpec]:
    """Emotions of every part that the file was run on; label by label they are on the card."""
    return [
        AccuracySpec(
            dataset=part.dataset,
            split=part.split,
            protocol=part.labels_are,
            metric="accuracy",
            precision=artifact.precision,
            value=part.accuracy.value,
            low=part.accuracy.low,
            high=part.accuracy.high,
            interval=WILSON,
            n=part.n,
            seed=evaluation.seed,
            date=evaluation.date,
            machine=evaluation.machine,
        )
        for part in evaluation.emotions
    ]


def check_evaluation(evaluation: Evaluation, manifest: Manifest) -> None:
    """Raise PackError if the evaluation is of another bundle, version or file."""
    found = f"{evaluation.bundle} {evaluation.version}"
    expected = f"{manifest.name} {manifest.version}"
    held = {artifact.file: artifact.sha256 for artifact in manifest.artifacts}
    if found != expected or evaluation.sha256 not in held.values():
        raise PackError(
            f"the evaluation is of {found}, a file with sha256 {evaluation.sha256}; the bundle is "
            f"{expected} and has no such file, but {', '.join(held)}: measure what was exported, "
            "with `python -m distill evaluate --bundle`"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 if a file could not be read or does not belong to it."""
    parser = argparse.ArgumentParser(
        prog="python -m exporters.bundle.add_evaluation", description=__doc__
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="its folder")
    parser.add_argument("--evaluation", type=Path, required=True, nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        add_evaluations(options.bundle, [load_evaluated(path) for path in options.evaluation])
    except (Mf2EdgeError, PackError, OSError) as error:
        sys.stderr.write(f"exporters.bundle.add_evaluation: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
