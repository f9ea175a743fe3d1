"""The protocols by which data sets are evaluated, by name, as papers use them."""

from __future__ import annotations

from typing import Final

from distill.datasets import EMOTIONS
from distill.datasets.folds import PUBLISHED_FOLDS
from distill.datasets.readers.affwild2 import AFFWILD2_UNITS
from distill.datasets.readers.bp4d import BP4D_UNITS
from distill.datasets.readers.disfa import DISFA_UNITS
from distill.datasets.wild import UNITS
from distill.evaluation.protocols.folds import (
    EvaluationProtocol,
    ProtocolError,
)

_BASIC: Final = EMOTIONS[:7]
"""Without contempt."""

WILD_UNITS: Final = tuple(
    unit for unit in UNITS if unit not in {"AU14", "AU18", "AU22", "AU23", "AU24", "AU28"}
)
"""The units that two coders agree upon well, and of which there are enough (docs/mfa-wild.md)."""

_MAJORITY: Final = "FER+ majority label"
_THREE: Final = "3 folds by subject, as JAA-Net and ME-GraphAU publish them"

PROTOCOLS: Final[dict[str, dict[str, EvaluationProtocol]]] = {
    "ferplus": {
        "test": EvaluationProtocol(
            title="FER+",
            split="test without leaks",
            rule=f"{_MAJORITY}, test pictures with a copy in the other parts left out",
            parts=("test",),
            emotions=EMOTIONS,
        ),
        "test-with-leaks": EvaluationProtocol(
            title="FER+",
            split="test",
            rule=_MAJORITY,
            parts=("test", "leak"),
            emotions=EMOTIONS,
        ),
        "valid": EvaluationProtocol(
            title="FER+", split="validation", rule=_MAJORITY, parts=("valid",), emotions=EMOTIONS
        ),
    },
    "rafdb": {
        "test": EvaluationProtocol(
            title="RAF-DB (basic)",
            split="test",
            rule="hard labels",
            parts=("test",),
            emotions=_BASIC,
        )
    },
    "ckplus": {
        "all": EvaluationProtocol(
            title="CK+",
            split="onset and apex frames",
            rule="human FACS codes and emotion labels",
            emotions=EMOTIONS,
            units=None,
            held_out=False,
        ),
        "10fold": EvaluationProtocol(
            title="CK+",
            split="onset and apex frames, 10 folds of subjects dealt in the order of their names",
            rule="human FACS codes and emotion labels",
            emotions=EMOTIONS,
            units=None,
            fold_subjects=PUBLISHED_FOLDS["ckplus"],
            held_out=False,
        ),
    },
    "affectnet": {
        "valid-8": EvaluationProtocol(
            title="AffectNet",
            split="validation, 8 emotions",
            rule="hard labels",
            parts=("valid",),
            emotions=EMOTIONS,
        ),
        "valid-7": EvaluationProtocol(
            title="AffectNet",
            split="validation, 7 emotions (no contempt)",
            rule="hard labels",
            parts=("valid",),
            emotions=_BASIC,
        ),
    },
    "disfa": {
        "3fold": EvaluationProtocol(
            title="DISFA",
            split=_THREE,
            rule="present from intensity 2 on",
            units=DISFA_UNITS,
            fold_subjects=PUBLISHED_FOLDS["disfa"],
            held_out=False,
        )
    },
    "bp4d": {
        "3fold": EvaluationProtocol(
            title="BP4D",
            split=_THREE,
            rule="occurrence codes, unknown ones left out",
            units=BP4D_UNITS,
            fold_subjects=PUBLISHED_FOLDS["bp4d"],
            held_out=False,
        )
    },
    "affwild2-au": {
        "valid": EvaluationProtocol(
            title="Aff-Wild2 AU",
            split="validation",
            rule="frame by frame, unknown codes left out",
            parts=("valid",),
            units=AFFWILD2_UNITS,
        )
    },
    "affwild2-expr": {
        "valid": EvaluationProtocol(
            title="Aff-Wild2 EXPR",
            split="validation",
            rule="frame by frame, frames labelled Other left out",
            parts=("valid",),
            emotions=_BASIC,
        )
    },
    "wild": {
        "valid": EvaluationProtocol(
            title="MFA-wild",
            split="validation",
            rule="what every coder of a face decided alike; some faces have one coder",
            parts=("valid",),
            emotions=EMOTIONS,
            units=WILD_UNITS,
        )
    },
}
"""By data set (a key of `distill.datasets.READERS`) and name."""


def find_protocol(dataset: str, name: str | None) -> EvaluationProtocol:
    """The protocol `name` of a data set; raises ProtocolError listing what there is."""
    if dataset not in PROTOCOLS:
        raise ProtocolError(f"no data set {dataset!r}; expected one of {', '.join(PROTOCOLS)}")
    protocols = PROTOCOLS[dataset]
    if name not in protocols:
        wrong = "name a protocol" if name is None else f"no protocol {name!r}"
        raise ProtocolError(f"{dataset}: {wrong}; there is --protocol {' or '.join(protocols)}")
    return protocols[name]
