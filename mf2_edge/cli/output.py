"""Writers of results: a table for people, JSON, JSON lines and CSV for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TextIO

from mf2_edge.columns import face_cells, face_columns
from mf2_edge.types import Status

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest
    from mf2_edge.types import FaceState

Form = Literal["text", "json", "jsonl", "csv"]

_BAR: Final = 20
"""Characters of a full bar."""
_DIGITS: Final = 7


def shown(text: str) -> str:
    """A text for a terminal: what could steer it, a line break among it, becomes an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def rounded(value: Any) -> Any:
    """Dicts and lists with the digits that float32 has; times (`..._ms`) keep all of theirs."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {k: each if str(k).endswith("_ms") else rounded(each) for k, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list | tuple) else value


class ResultWriter(Protocol):
    """Writes the results of one run, file by file."""

    def begin(self) -> None:
        """Before the first file."""

    def faces(self, path: Path, faces: list[FaceState]) -> None:
        """A file that was analysed."""

    def failed(self, path: Path, error: str) -> None:
        """A file that could not be read."""

    def end(self) -> None:
        """After the last file."""


def writer(form: Form, out: TextIO, manifest: Manifest, units: Sequence[str]) -> ResultWriter:
    """The writer of a form.

    JSON holds `{"file", "faces"}` or `{"file", "error"}` for each file; CSV a row a face, its
    columns given by the labels in the manifest, of `units` alone.
    """
    if form == "csv":
        return _Csv(out, manifest, units)
    if form == "json":
        return _Json(out)
    return _JsonLines(out) if form == "jsonl" else _Text(out)


class _Text:
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self) -> None:
        pass

    def faces(self, path: Path, faces: list[FaceState]) -> None:
        count = {0: "no face", 1: "1 face"}.get(len(faces), f"{len(faces)} faces")
        print(f"{shown(str(path))}: {count}", file=self._out)
        for number, face in enumerate(faces, start=1):
            print("\n".join(f"  {line}" for line in _face_lines(number, face)), file=self._out)

    def failed(self, path: Path, error: str) -> None:
        pass  # reported at the end, on stderr

    def end(self) -> None:
        pass


class _JsonLines:
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self) -> None:
        pass

    def faces(self, path: Path, faces: list[FaceState]) -> None:
        self._write({"file": str(path), "faces": [rounded(face.to_dict()) for face in faces]})

    def failed(self, path: Path, error: str) -> None:
        self._write({"file": str(path), "error": error})

    def end(self) -> None:
        pass

    def _write(self, item: dict[str, Any]) -> None:
        print(json.dumps(item, ensure_ascii=False), file=self._out)


class _Json(_JsonLines):
    """One array, written item by item, so that memory does not grow with the number of files."""

    _separator = "[\n"

    def end(self) -> None:
        print("[]" if self._separator == "[\n" else "\n]", file=self._out)

    def _write(self, item: dict[str, Any]) -> None:
        self._out.write(self._separator + json.dumps(item, ensure_ascii=False, indent=2))
        self._separator = ",\n"


class _Csv:
    def __init__(self, out: TextIO, manifest: Manifest, units: Sequence[str]) -> None:
        names = ("file", "face", *face_columns(manifest, units))
        self._csv = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")

    def begin(self) -> None:
        self._csv.writeheader()

    def faces(self, path: Path, faces: list[FaceState]) -> None:
        for number, face in enumerate(faces, start=1):
            self._csv.writerow({"file": str(path), "face": number} | face_cells(face))
        if not faces:
            self._csv.writerow({"file": str(path), "face": 0, "status": "no_face"})

    def failed(self, path: Path, error: str) -> None:  # noqa: ARG002 - reported on stderr
        self._csv.writerow({"file": str(path), "face": 0, "status": "unreadable"})

    def end(self) -> None:
        pass


def info_text(info: dict[str, Any]) -> str:
    """`Bundle.info()` for people."""
    lines = [
        f"{info['bundle']} {info['version']}: {info['description']}",
        f"  folder        {info['path']}",
        f"  sha256        {info['manifest_sha256']} (of the manifest)",
        f"  emotions      {', '.join(info['emotions'])}",
        f"  action units  {', '.join(info['action_units'])}",
        f"  experimental  {', '.join(info['experimental']) or 'none'} (with --experimental)",
        f"  weights       {info['license']['name']}: {info['license']['summary']}",
    ]
    lines += [
        f"    data          {data['name']}: {data['terms']}" for data in info["license"]["data"]
    ]
    if (size := info["size"]) is not None:
        parameters, operations = size["parameters"], size["multiply_adds"]
        lines.append(f"  size          {parameters:,} parameters, {operations:,} multiply-adds")
    if (card := info["card"]) is not None:
        lines.append(f"  use           {card['intended_use']}")
        lines += [f"  not for       {line}" for line in card["misuse"]]
        lines += [f"  limit         {line}" for line in card["limits"]]
    for artifact in info["artifacts"]:
        parity = artifact["parity"]
        agreement = f", emotion agrees {parity['emotion_agreement']:.1%}" if parity else ""
        kind = f"{artifact['format']} {artifact['precision']}"
        lines.append(f"  artifact      {kind}: {artifact['bytes']:,} bytes{agreement}")
    for measured in info["accuracy"]:
        lines.append(
            f"  accuracy      {measured['dataset']} {measured['split']}: {measured['metric']} "
            f"{measured['value']:.4g}{_interval(measured)} ({measured['precision']}; "
            f"n={measured['n']}; {measured['protocol']})"
        )
    return "\n".join(map(shown, lines))


def _interval(measured: dict[str, Any]) -> str:
    low, high = measured["low"], measured["high"]
    return "" if low is None or high is None else f" [{low:.4g}, {high:.4g}]"


def _face_lines(number: int, face: FaceState) -> list[str]:
    box, emotion = face.box, face.emotion
    where = f"box {box.x:.0f},{box.y:.0f} {box.width:.0f}x{box.height:.0f}"
    notes = [] if face.status is Status.OK else [face.status.value]
    if emotion.reason.value not in ("confident", *notes):
        notes.append(emotion.reason.value)
    note = f"  ({', '.join(notes)})" if notes else ""
    lines = [f"face {number}  {emotion.label} {emotion.score:.2f}  {where}{note}"]
    judged = {label: unit for label, unit in face.action_units.items() if unit.can_be_judged}
    present = [(label, unit) for label, unit in judged.items() if unit.present]
    lines += [
        f"  {label:<5} {unit.name:<22} {unit.score:.2f} {'#' * round(unit.score * _BAR):<{_BAR}} "
        f"{unit.level or '':<6}  {unit.reliability or 'not measured'}"
        for label, unit in present
    ]
    if not present:
        lines.append("  no Action Unit present")
    hidden = [label for label in face.action_units if label not in judged]
    return [*lines, f"  cannot be judged: {' '.join(hidden)}"] if hidden else lines
