"""Tables of MFA-wild's data card, from what `python -m distill mfa agreement --write` measured."""

from __future__ import annotations

import msgspec

from benchmarks.report import RESULTS
from distill.evaluation.reports.markdown import table
from distill.mfa.wild.figures import Figures, number
from distill.mfa.wild.quality import Quality
from mf2_edge.facs import ACTION_UNIT_NAMES


def load_figures() -> Figures:
    return msgspec.json.decode((RESULTS / "mfa-wild.json").read_bytes(), type=Figures)


def counts_table() -> str:
    """Faces by data set and split, and why they were chosen."""
    figures = load_figures()
    titles = {"fairface": "FairFace", "rafdb": "RAF-DB (basic)", "lfw": "LFW", "ferplus": "FER+"}
    rows = []
    for name, splits in figures.faces.items():
        train, valid = splits.get("train", 0), splits.get("valid", 0)
        rows.append((titles[name], f"{train:,}", f"{valid:,}", f"{train + valid:,}"))
    train, valid = (
        sum(splits.get(split, 0) for splits in figures.faces.values())
        for split in ("train", "valid")
    )
    rows.append(("all", f"{train:,}", f"{valid:,}", f"{train + valid:,}"))
    chosen = ", ".join(f"{reason} {count:,}" for reason, count in figures.chosen.items())
    head = ("pictures of", "train", "valid", "all")
    return table(head, rows, f"Why they were chosen: {chosen}.", "", conditions(figures))


def agreement_table() -> str:
    """Every unit: two coders, and each with human codes."""
    figures = load_figures()
    humans = [{unit.unit: unit for unit in one.units} for one in figures.humans]
    rows = []
    for unit in figures.agreement.units:
        known = [one[unit.unit] for one in humans if unit.unit in one]
        rows.append(
            (
                unit.unit,
                ACTION_UNIT_NAMES[unit.unit],
                *(f"{n:,}" for n in (unit.decided, unit.first, unit.second, unit.both)),
                *map(number, (unit.kappa, unit.strength_kappa, unit.kappa_all)),
                " / ".join(str(one.human) for one in known) or "-",
                *([number(one.f1) for one in known] or ("-", "-")),
            )
        )
    what = (
        f"n = {figures.agreement.n:,} faces coded twice; human codes of "
        f"{' / '.join(str(one.n) for one in figures.humans)} frames of CK+ (coder A / B), of which "
        "AU43 has none; F1 counts undecided as absent."
    )
    head = ("unit", "", "both decided", "A", "B", "both", "κ", "κ of strength")
    return table(
        (*head, "κ, undecided as absent", "human codes", "F1 of A", "F1 of B"),
        rows,
        f"{what} {conditions(figures)}",
    )


def humans_table() -> str:
    """What a coder's word is worth beside human codes."""
    figures = load_figures()
    said = [code.said for code in figures.humans[0].codes]
    head = ("coder", "frames", "micro F1", "where it decided")
    return table(
        (*head, *(f'humans, where it said "{one}"' for one in said)),
        (
            (
                *(one.coder, f"{one.n:,}", number(one.micro_f1), number(one.decided_f1)),
                *(f"{code.human / code.n:.0%} of {code.n:,}" for code in one.codes),
            )
            for one in figures.humans
        ),
        conditions(figures),
    )


def emotions_table() -> str:
    """Emotion: two coders, and each with RAF-DB's labels."""
    figures = load_figures()
    agreed, runner = figures.agreement, figures.runner_up
    rows = [
        (
            "coder A and B",
            f"{agreed.n:,}",
            f"{agreed.same_emotion:.1%}, κ {number(agreed.emotion_kappa)}",
            "",
        ),
        (
            "codings with a runner-up, and the other coder",
            f"{runner.n:,}",
            f"{runner.first / runner.n:.1%}",
            f"{(runner.first + runner.second) / runner.n:.1%}",
        ),
        *(
            (
                f"coder {one.coder} and RAF-DB's label",
                f"{one.n:,}",
                f"{one.first / one.n:.1%}",
                f"{one.first_or_second / one.n:.1%}",
            )
            for one in figures.rafdb_labels
        ),
    ]
    head = ("", "n", "the same", "the same, or the runner-up")
    return table(head, rows, conditions(figures))


def groups_table() -> str:
    """Two coders by FairFace's groups."""
    figures = load_figures()
    return table(
        ("", "", "n", "F1 of units", "same emotion"),
        (
            (one.label, one.group, f"{one.n:,}", number(one.positive), f"{one.same_emotion:.0%}")
            for one in figures.groups
        ),
        conditions(figures),
    )


def rates_table() -> str:
    """How often coder A saw what, in faces that were chosen without regard to it."""
    figures = load_figures()
    rates = figures.rates
    emotions = ", ".join(f"{name} {count / rates.n:.1%}" for name, count in rates.emotions.items())
    hidden = ", ".join(f"{name} {count / rates.n:.1%}" for name, count in rates.hidden.items())
    return table(
        ("unit", "", "decided", "present", "marked"),
        (
            (
                one.unit,
                ACTION_UNIT_NAMES[one.unit],
                f"{one.decided:,}",
                f"{one.present / one.decided:.1%}",
                f"{one.marked / one.decided:.1%}",
            )
            for one in rates.units
        ),
        f"Emotion: {emotions}. Hidden: {hidden}. n = {rates.n:,}.",
        conditions(figures),
    )


def quality_table() -> str:
    """How many records fail each check."""
    quality = msgspec.json.decode((RESULTS / "mfa-quality.json").read_bytes(), type=Quality)
    n = quality.records
    found = {kind: count for kind, count in quality.problems.items() if count}
    person = ", ".join(f"{kind} {count}" for kind, count in quality.person.items()) or "none"
    return table(
        ("check", "records", "of all"),
        [(kind, f"{count:,}", f"{count / n:.2%}") for kind, count in found.items()]
        + [("none failed", f"{quality.clean:,}", f"{quality.clean / n:.2%}")],
        f"n = {n:,} records. Sentences with a word of who somebody is: {person}. "
        f"{quality.distinct:,} different sentences, {quality.shared:,} records share theirs; "
        f"distinct-2 {quality.distinct_2:.3f}. {conditions(quality)}",
    )


def conditions(figures: Figures | Quality) -> str:
    """Where a table comes from."""
    return (
        f"{figures.provenance}: {figures.date}, {figures.machine}, codes "
        f"{figures.codes_sha256[:12]}."
    )
