"""Tables of models beside one another: the files that ship, and what others published."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import mf2_edge
from benchmarks.tables.markdown import RESULTS, table
from distill.evaluation.reports.schema import EmotionReport, Evaluation, load_evaluation
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.bundle.schema import AccuracySpec, SizeSpec, TeacherSpec
from mf2_edge.errors import BundleError
from mf2_edge.export.platforms import PLATFORMS, SUFFIXES, choose_export

PUBLISHED = Path(__file__).parent / "published.toml"

PARTS = {"RAF-DB (basic)": "validation", "FER+": "test"}
"""Faces that files are compared on, by data set."""


def evaluations() -> list[Evaluation]:
    """What was measured on files of the bundles that ship, most exact numbers first."""
    found = (
        load_evaluation(path)
        for bundle in list_bundles()
        for path in sorted((RESULTS / bundle).glob("evaluation-*.json"), reverse=True)
    )
    return list(found)


def shipped_table() -> str:
    """A row a measured file, below the teacher; brackets hold what it loses against the teacher.

    The teacher is the first that a bundle names; one without was trained on labels alone.
    """
    named_by = [load_bundle(name).manifest.teacher for name in list_bundles()]
    told = next(teacher for teacher in named_by if teacher is not None)
    teacher = _by_column(told)
    head = ["", "MB", "parameters", "multiply-adds", *teacher, "calibration error, FER+ test"]
    named = [f"the teacher: {told.name}", "", "", ""]
    rows = [[*named, *map(_share, teacher.values()), ""]]
    measured = evaluations()
    for evaluation in measured:
        manifest = load_bundle(evaluation.bundle).manifest
        [artifact] = [a for a in manifest.artifacts if a.file == evaluation.artifact]
        figures = _figures(evaluation)
        lost = [
            f"{_share(figures[key])} ({100 * (figures[key] - teacher[key]):+.1f})"
            if key in figures
            else ""  # judged by another protocol
            for key in teacher
        ]
        size = [f"{artifact.bytes / 1e6:.2f}", *_size(manifest.size)]
        rows.append([artifact.file, *size, *lost, _share(_calibration_error(evaluation))])
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
            beside = list((detectors / told.detector).iterdir()) if told.detector else []
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


def _by_column(teacher: TeacherSpec) -> dict[str, float]:
    """The teacher's figures by column, in parts of 1."""
    found = {_column(a.dataset, a.split, a.metric): a.value for a in teacher.accuracy}
    columns = sorted((key for key in found if key is not None), reverse=True)
    return {key: found[key] for key in columns}


def _figures(evaluation: Evaluation) -> dict[str, float]:
    """A file's figures by the same columns; those on CK+ are its recipe's, out of fold."""
    emotions: Iterable[tuple[EmotionReport, float]] = (
        (part, part.accuracy.value) for part in evaluation.emotions
    )
    units: tuple[AccuracySpec, ...] = evaluation.recipe.accuracy if evaluation.recipe else ()
    found: dict[str | None, float] = {
        _column(part.dataset, part.split, "accuracy"): value for part, value in emotions
    } | {_column(spec.dataset, spec.split, spec.metric): spec.value for spec in units}
    return {key: value for key, value in found.items() if key is not None}


def _calibration_error(evaluation: Evaluation) -> float:
    """Expected calibration error of the emotions as shipped, on FER+ test."""
    [part] = [
        part
        for part in evaluation.emotions
        if _column(part.dataset, part.split, "accuracy") == "FER+ test: accuracy"
    ]
    return part.after.error.value


def _column(dataset: str, split: str, metric: str) -> str | None:
    """The title of the column that a figure belongs to, or None."""
    if dataset == "CK+" and metric in ("mean F1", "mean AUC"):
        return f"CK+, out of fold: {metric}"
    part = PARTS.get(dataset)
    if part is None or not split.startswith(part) or metric != "accuracy":
        return None
    return f"{dataset} {part}: accuracy"


def _size(size: SizeSpec | None) -> list[str]:
    if size is None:
        return ["", ""]
    return [f"{size.parameters / 1e6:.2f} M", f"{size.multiply_adds / 1e6:.0f} M"]


def _share(value: float) -> str:
    return f"{value:.3f}"
