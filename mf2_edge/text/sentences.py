"""The sentences of the descriptions, as patterns that `mf2_edge.text.describe` fills.

`{ly}` is an adverb of certainty after a space, or nothing. `{s}`, `{is}` and `{was}` agree with
the number of `{units}`. No pattern names an absent unit or another emotion.
"""

from __future__ import annotations

from typing import Final

from mf2_edge.facs import Verdict

UNIT: Final = (
    "{what} {moves}: {unit}, {name}, is{ly} at work.",
    "{unit}, {name}, is{ly} present {where}: {what} {moves}.",
    "{where}, {what} {moves}; this is{ly} {unit}, {name}.",
    "{what} {moves}, which is{ly} the work of {unit}, {name}.",
    "{unit} is{ly} active {where}: {what} {moves} as {muscle}.",
    "{name} ({unit}) is{ly} to be seen {where}: {what} {moves}.",
    "{what} {moves} {where} as {muscle}; this is{ly} {unit}, {name}.",
)

HIDDEN: Final = (
    "{regions} cannot be judged.",
    "nothing can be said of {regions}, out of view or covered.",
    "of {regions} too little can be seen to say anything.",
)

EMOTION: Final = (
    "the face{ly} shows {noun}.",
    "the expression is{ly} one of {noun}.",
    "this is{ly} {an_adjective} face.",
    "the expression{ly} reads as {noun}.",
    "the emotion on this face is{ly} {noun}.",
    "{noun} is{ly} what this face shows.",
    "the face{ly} looks {adjective}.",
    "the face{ly} carries an expression of {noun}.",
    "what this face shows is{ly} {noun}.",
    "this face{ly} wears {an_adjective} expression.",
    "the look on this face is{ly} {adjective}.",
)
NEUTRAL: Final = (
    "the face is{ly} neutral.",
    "the expression is{ly} neutral.",
    "this is{ly} a neutral face.",
    "the expression{ly} reads as neutral.",
    "the face{ly} looks neutral.",
    "the face{ly} shows a neutral expression.",
    "the look on this face is{ly} neutral.",
    "this face{ly} wears a neutral expression.",
)
UNNAMED: Final = (
    "Which emotion the face shows is not known.",
    "The emotion of this face is not known.",
    "No emotion is known for this face.",
)

SUPPORT: Final[dict[Verdict, tuple[str, ...]]] = {
    "full": (
        "{units} support{s} it.",
        "it rests on {units}, as expected.",
        "it is supported by {units}, the usual pattern of {noun}.",
        "{units} make{s} up its usual pattern.",
        "{units} speak{s} for it, and its usual pattern is complete.",
    ),
    "some": (
        "{units} support{s} it.",
        "it is supported by {units}.",
        "{units} speak{s} for it.",
        "it rests on {units}.",
    ),
    "partial": (
        "{units} support{s} it, but the rest of the usual pattern was not found.",
        "of its usual pattern, only {units} {was} found.",
        "it rests on {units} alone; the rest of its usual pattern was not found.",
    ),
    "none": (
        "none of the units that would support it was found.",
        "the units that usually carry it were not found.",
        "no Action Unit of its usual pattern was found.",
        "nothing of its usual pattern was found.",
    ),
    "unknown": (
        "which Action Units support it is not known.",
        "nothing is known of the units that support it.",
        "the units that support it are not known.",
        "whether any Action Unit supports it is not known.",
        "it stands without known Action Units.",
    ),
}
NEUTRAL_SUPPORT: Final[dict[Verdict, tuple[str, ...]]] = {
    "full": (
        "no Action Unit was found that speaks against it.",
        "none of the Action Units speaks against it.",
        "the Action Units agree with it.",
        "no unit that speaks against it was found.",
    ),
    "none": (
        "{units} {is} at work all the same.",
        "yet {units} {is} present.",
        "still, {units} {was} found.",
    ),
    "unknown": SUPPORT["unknown"],
}
UNITS_AT_WORK: Final = ("{units} {is} at work.", "{units} {is} present.", "{units} {was} found.")

ZONES: Final = {
    "upper": ("in the upper face, ", "around the eyes and brows, ", ""),
    "lower": ("in the lower face, ", "around nose and mouth, ", "below, ", ""),
}

FIT: Final[dict[Verdict, tuple[str, ...]]] = {
    "full": (
        "{units} {is} what {noun} usually looks like.",
        "units and emotion fit: {units} {is} the usual pattern of {noun}.",
        "units and emotion agree, since {units} make{s} up the usual pattern of {noun}.",
        "{units} belong{s} to {noun}, so units and emotion fit.",
    ),
    "some": (
        "{units} support{s} this reading.",
        "{units} belong{s} to the usual pattern of {noun}.",
        "{units} speak{s} for {noun}.",
    ),
    "partial": (
        "units and emotion fit in part: {units} belong{s} to {noun}, but the rest of its usual "
        "pattern was not found.",
        "of the usual pattern of {noun}, only {units} {was} found.",
        "{units} support{s} this reading, but the rest of the usual pattern was not found.",
    ),
    "none": (
        "units and emotion do not fit: nothing of the usual pattern of {noun} was found.",
        "the usual pattern of {noun} was not found, so units and emotion do not fit.",
        "the units do not fit {noun}, since none of its usual pattern was found.",
        "units and emotion disagree: the usual pattern of {noun} was not found.",
    ),
    "unknown": SUPPORT["unknown"],
}
NEUTRAL_FIT: Final[dict[Verdict, tuple[str, ...]]] = {
    "full": (
        "units and emotion fit: no unit speaks against a face at rest.",
        "this fits, since no unit that speaks against it was found.",
        "units and emotion agree.",
    ),
    "none": (
        "units and emotion do not fit: on a face at rest, {units} {is} out of place.",
        "{units} {is} out of place on a face at rest, so units and emotion do not fit.",
        "units and emotion disagree: {units} would not be expected on a face at rest.",
    ),
    "unknown": SUPPORT["unknown"],
}
FOREIGN: Final = (
    "{units} {is} no part of the usual pattern of {noun}.",
    "{units} point{s} elsewhere.",
    "{units} {is} foreign to {noun}.",
)
ONE_SIDED: Final = (
    "{noun} shows on one side of the face, and the sides are not told apart here.",
    "only a one-sided movement counts for {noun}, and the sides are not told apart.",
)

NOTHING_FOUND: Final = (
    "No Action Unit was found at work.",
    "None of the Action Units in question was found.",
    "No Action Unit was found to be present.",
)
NOTHING_KNOWN: Final = (
    "The Action Units of this face are not known.",
    "Nothing is known of the Action Units of this face.",
    "What the Action Units of this face are is not known.",
)
