"""The offline source: descriptions from labels alone, by the grammar of `mf2_edge.text`."""

from __future__ import annotations

from distill.mfa.records.schema import ActionUnitText, Description, FaceLabels
from mf2_edge.text.describe import GRAMMAR_VERSION as GRAMMAR_VERSION
from mf2_edge.text.describe import describe, describe_units
from mf2_edge.text.facts import FaceFacts
from mf2_edge.text.wording import Certainty


def describe_labels(labels: FaceLabels, seed: int) -> Description:
    """The three levels of a face's labels; equal labels and seeds give equal texts.

    A seed of its own for each face varies the wording over a data set. Labels carry neither
    intensity nor certainty, so the texts have no such words. Raises DescriptionError for a unit
    that FACS does not have.
    """
    present = dict.fromkeys(labels.present, Certainty.PLAIN)
    facts = FaceFacts(labels.emotion, present, labels.absent)
    units = describe_units(facts, seed)
    return Description(
        action_units=[ActionUnitText(action_unit=unit, text=text) for unit, text in units.items()],
        emotion=describe(facts, "emotion", seed),
        face=describe(facts, "face", seed),
    )
