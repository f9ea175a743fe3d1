"""Tables of models beside one another: the files that ship, and what others published."""

from __future__ import annotations

import tomllib
from pathlib import Path

import mf2_edge
from benchmarks.report import RESULTS
from distill.evaluation.reports.markdown import table
from distill.evaluation.reports.schema import EmotionReport, Evaluation, load_evaluation
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.bundle.schema import SizeSpec
from mf2_edge.errors import BundleError
from mf2_edge.export.platforms import PLATFORMS, SUFFIXES, choose_export

PUBLISHED = Path(__file__).parent / "published.toml"

PARTS = {"RAF-DB (basic)": "validation", "FER+": "test"}
"""Faces that files are compared on, by data set; errors of calibration on the last."""

KINDS = ("accuracy", "mean recall")


def evaluations() -> list[Evaluation]:
    """What was measured on files of the bundles that ship, most exact numbers first."""
    found = (
        load_evaluation(path)
        for bundle in list_bundles()
        for path in sorted((RESULTS / bundle).glob("evaluation-*.json"), reverse=True)
    )
    return list(found)


def shipped_table() -> str:
    """A row a measured file: emotions of two data sets, units on coded photographs of the world."""
    head = ["", "MB", "parameters", "multiply-adds"]
    head += [f"{name} {part}: {kind}" for name, part in PARTS.items() for kind in KINDS]
    head += ["FER+ test: calibration error", "the world: mean F1 of units", "mean AUC"]
    rows, measured = [], evaluations()
    for evaluation in measured:
        manifest = load_bundle(evaluation.bundle).manifest
        [artifact] = [a for a in manifest.artifacts if a.file == evaluation.artifact]
        parts = [_emotions(evaluation, name) for name in PARTS]
        of_units = {spec.metric: spec.value for spec in evaluation.world}
        figures = [v.value for part in parts for v in (part.accuracy, part.mean_recall)]
        figures += [parts[-1].after.error.value, of_units["mean F1"], of_units["mean AUC"]]
        size = [f"{artifact.bytes / 1e6:.2f}", *_size(manifest.size)]
        rows.append([artifact.file, *size, *map(_share, figures)])
    conditions = sorted({f"{each.date}, {each.machine}" for each in measured})
    return table(head, rows, f"measured-host: {'; '.join(conditions)}")


def exported_table() -> str:
    """A row a bundle: what `mf2-edge export --platform` takes of it, from the manifests."""
    detectors = Path(mf2_edge.__file__).parent / "detectors"
    rows = []
    for name in list_bundles():
        manifest, cells = load_bundle(name).manifest, []
        for platform, told in PLATFORMS.items():
            try:
                chosen = choose_export(manifest, told.formats[0], platform)
            except BundleError:
                cells.append("-")
                continue
            beside = list(detectors.glob("*/*")) if told.detectors else []
            whole = chosen.bytes + sum(path.stat().st_size for path in beside)
            kind = f"{SUFFIXES[chosen.format]} {chosen.precision}"
            cells.append(f"{kind}, {chosen.bytes / 1e6:.2f} ({whole / 1e6:.2f})")
        rows.append([name, *cells])
    return table(["", *PLATFORMS], rows)


def parity_table() -> str:
    """A row a file that ships: how far its scores are from the network's it was exported from."""
    head = ["file", "MB", "largest difference", "mean", "PSNR, dB", "emotion", "AUs", "run by"]
    rows = []
    for name in list_bundles():
        for artifact in load_bundle(name).manifest.artifacts:
            if (parity := artifact.parity) is None:
                continue
            agreement = (parity.emotion_agreement, parity.au_agreement)
            rows.append(
                [
                    artifact.file,
                    f"{artifact.bytes / 1e6:.2f}",
                    f"{parity.max_abs_difference:.1e}",
                    f"{parity.mean_abs_difference:.1e}",
                    "" if parity.psnr_db is None else f"{parity.psnr_db:.1f}",
                    *(f"{100 * share:.2f} %" for share in agreement),
                    (parity.engine or "").partition(" on ")[0].partition(" (")[0],
                ]
            )
    return table(head, rows)


def published_table() -> str:
    """What others published, in per cent of faces."""
    columns = {
        "rafdb": "RAF-DB test, 7 emotions",
        "affectnet8": "AffectNet, 8",
        "affectnet7": "AffectNet, 7",
    }
    rows = []
    for network in tomllib.loads(PUBLISHED.read_text())["network"]:
        parameters = network.get("parameters_m")
        rows.append(
            [
                f"[{network['name']}]({network['source']})",
                *(f"{network[key]:.2f}" if key in network else "" for key in columns),
                "" if parameters is None else f"{parameters:g} M",
                network.get("operations", ""),
            ]
        )
    return table(["published", *columns.values(), "parameters", "operations"], rows)


def _emotions(evaluation: Evaluation, dataset: str) -> EmotionReport:
    [found] = [
        part
        for part in evaluation.emotions
        if part.dataset == dataset and part.split.startswith(PARTS[dataset])
    ]
    return found


def _size(size: SizeSpec | None) -> list[str]:
    if size is None:
        return ["", ""]
    return [f"{size.parameters / 1e6:.2f} M", f"{size.multiply_adds / 1e6:.0f} M"]


def _share(value: float) -> str:
    return f"{value:.3f}"
