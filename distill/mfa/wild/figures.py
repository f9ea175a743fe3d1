"""`mfa agreement`: how well coders agree, and how often what was coded, as one file of figures."""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from distill.datasets import EMOTIONS, read_rafdb
from distill.datasets.tree import open_tree
from distill.datasets.wild import UNITS, CodedFace, load_codes
from distill.datasets.wild.files import FOLDER, read_lines, write_lines
from distill.datasets.wild.split import rafdb_picture
from distill.mfa.errors import MfaError
from distill.mfa.wild.agreement import Agreement, WithHumans, agreement, with_humans
from distill.mfa.wild.coded import read_controls
from mf2_edge.facs import REGIONS
from mf2_edge.io.atomic import write_json

UNBIASED = ("balanced", "random")
"""Why a face was chosen, where no model and no label had a say in it."""


class UnitRate(msgspec.Struct, frozen=True):
    """Of the faces on which coder A decided: how many show a unit, and how many markedly."""

    unit: str
    decided: int
    present: int
    marked: int


class Rates(msgspec.Struct, frozen=True):
    """What coder A saw in n faces that were chosen without regard to what they show."""

    n: int
    units: list[UnitRate]
    emotions: dict[str, int]
    hidden: dict[str, int]


class GroupAgreement(msgspec.Struct, frozen=True):
    """Two coders on the faces of one group, see `Agreement`."""

    label: str
    group: str
    n: int
    positive: float
    same_emotion: float


class RunnerUp(msgspec.Struct, frozen=True):
    """Codings with a runner-up of faces coded twice, and what the other coder named first."""

    n: int
    first: int
    second: int


class WithLabels(msgspec.Struct, frozen=True):
    """A coder beside RAF-DB's labels, contempt left out: the same first; first or runner-up."""

    coder: str
    n: int
    first: int
    first_or_second: int


class Figures(msgspec.Struct, frozen=True):
    """All figures of a set of coded faces. `codes_sha256` is the hash of its lines."""

    date: str
    machine: str
    provenance: str
    codes_sha256: str
    faces: dict[str, dict[str, int]]
    """By data set and split."""
    chosen: dict[str, int]
    agreement: Agreement
    runner_up: RunnerUp
    groups: list[GroupAgreement]
    rates: Rates
    humans: list[WithHumans]
    rafdb_labels: list[WithLabels]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "lines", type=Path, nargs="*", help="coded faces (JSON lines); those of MFA-wild"
    )
    parser.add_argument("--controls", type=Path, help="faces with human codes (JSON lines)")
    parser.add_argument("--rafdb", type=Path, help="RAF-DB, to compare emotions with its labels")
    parser.add_argument("--write", type=Path, help="where to write the figures (JSON)")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures in short, and write them."""
    faces = _faces(arguments.lines)
    figures = gather_figures(faces, arguments.controls, arguments.rafdb)
    sys.stdout.write(summary(figures))
    if arguments.write is not None:
        write_json(arguments.write, figures)
    return 0


def gather_figures(
    faces: Sequence[CodedFace], controls: Path | None = None, rafdb: Path | None = None
) -> Figures:
    """Every figure; those of controls and labels are empty without them.

    Raises MfaError if no face was coded twice.
    """
    twice = [face for face in faces if face.coder_b is not None]
    if not twice:
        raise MfaError("no face here has two coders, so there is no agreement to measure")
    sets = sorted({face.set for face in faces})
    return Figures(
        date=datetime.now(UTC).date().isoformat(),
        machine=f"{platform.system()} {platform.machine()}",
        provenance="measured",
        codes_sha256=sha256(write_lines(faces)).hexdigest(),
        faces={
            name: dict(Counter(face.split for face in faces if face.set == name)) for name in sets
        },
        chosen=dict(Counter(_reason(face) for face in faces).most_common()),
        agreement=agreement(twice),
        runner_up=_runner_up(twice),
        groups=_groups(twice),
        rates=_rates([face for face in faces if face.chosen in UNBIASED]),
        humans=[] if controls is None else with_humans(read_controls(controls)),
        rafdb_labels=[] if rafdb is None else _with_labels(faces, rafdb),
    )


def summary(figures: Figures) -> str:
    """The figures that a reader looks for first, as text."""
    agreed = figures.agreement
    lines = [f"{agreed.n:,} faces coded twice", "unit   decided      A      B   both  kappa  all"]
    lines += [
        f"{u.unit:<5}{u.decided:>9,}{u.first:>7,}{u.second:>7,}{u.both:>7,}"
        f"{number(u.kappa):>7}{number(u.kappa_all):>5}"
        for u in agreed.units
    ]
    kappa = number(agreed.emotion_kappa)
    lines.append(f"same emotion {agreed.same_emotion:.1%}, kappa {kappa}")
    lines += [
        f"coder {one.coder} with human codes: micro F1 {one.micro_f1:.3f} on {one.n:,} controls, "
        f"{one.decided_f1:.3f} where it decided"
        for one in figures.humans
    ]
    lines += [
        f"coder {one.coder} with RAF-DB's labels: {one.first / one.n:.1%}, first or second "
        f"{one.first_or_second / one.n:.1%}, n = {one.n:,}"
        for one in figures.rafdb_labels
    ]
    return "\n".join(lines) + "\n"


def number(value: float | None) -> str:
    """Two places without the zero before the point; "-" where there is no number."""
    if value is None:
        return "-"
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1)  # no minus before nothing


def _faces(paths: Sequence[Path]) -> tuple[CodedFace, ...]:
    if not paths:
        return load_codes(FOLDER)
    return tuple(face for path in paths for face in read_lines(path.read_bytes(), str(path)))


def _reason(face: CodedFace) -> str:
    """Without what the face was picked for: "unit 12" is "unit", "active:24" is "active"."""
    return face.chosen.replace(":", " ").split()[0]


def _runner_up(twice: Iterable[CodedFace]) -> RunnerUp:
    n = first = second = 0
    for face in twice:
        for one, other in (face.codings, face.codings[::-1]):
            if one.emotion2 is not None:
                n += 1
                first += other.emotion == one.emotion
                second += other.emotion == one.emotion2
    return RunnerUp(n, first, second)


def _groups(twice: Sequence[CodedFace]) -> list[GroupAgreement]:
    found = []
    for label in ("gender", "race", "age"):
        named = {getattr(face, label) for face in twice} - {None}
        for group in sorted(named, key=_first_number):
            part = [face for face in twice if getattr(face, label) == group]
            agreed = agreement(part)
            found.append(
                GroupAgreement(label, group, agreed.n, agreed.positive, agreed.same_emotion)
            )
    return found


def _first_number(group: str) -> tuple[int, str]:
    """Ages come in their order; what has no number, by name."""
    digits = re.search(r"\d+", group)
    return (int(digits[0]) if digits else 0, group)


def _rates(faces: Sequence[CodedFace]) -> Rates:
    units = []
    for unit in UNITS:
        said = [face.coder_a.strength(unit) for face in faces]
        decided = [one for one in said if one is not None]
        units.append(
            UnitRate(unit, len(decided), sum(one > 0 for one in decided), decided.count(2))
        )
    emotions = Counter(face.coder_a.emotion for face in faces)
    hidden = Counter(region for face in faces for region in face.coder_a.hidden)
    return Rates(
        len(faces),
        units,
        {emotion: emotions[emotion] for emotion in EMOTIONS},
        {region: hidden[region] for region in REGIONS},
    )


def _with_labels(faces: Sequence[CodedFace], rafdb: Path) -> list[WithLabels]:
    labels = {face.name: face.emotion for face in read_rafdb(open_tree(rafdb))}
    found = []
    for place, name in enumerate("AB"):
        pairs = [
            (face.codings[place], labels[rafdb_picture(face.image)])
            for face in faces
            if face.set == "rafdb" and len(face.codings) > place
            if rafdb_picture(face.image) in labels
        ]
        first = sum(coding.emotion == label for coding, label in pairs)
        either = sum(label in (coding.emotion, coding.emotion2) for coding, label in pairs)
        if pairs:
            found.append(WithLabels(name, len(pairs), first, either))
    return found
