"""The words of the descriptions: what each Action Unit looks like, and how certain we are.

Appearance after Ekman, Friesen & Hager, *Facial Action Coding System: The Manual* (2002), in our
own words. `mf2_edge.text.describe` makes sentences of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class UnitWords:
    """Ways to put one unit. Any of `what` goes with any of `moves`: "the cheeks" "rise"."""

    what: tuple[str, ...]
    moves: tuple[str, ...]
    where: tuple[str, ...]
    """Never in the words of `what`, since both stand in one sentence."""
    shapes: tuple[str, ...]
    """The same as a noun phrase, to follow "with"."""


class Certainty(StrEnum):
    """How sure an answer is. Says nothing of how strong a movement or a feeling is."""

    CLEAR = "clear"
    PLAIN = "plain"
    PROBABLE = "probable"
    POSSIBLE = "possible"


ADVERBS: Final[dict[Certainty, tuple[str, ...]]] = {
    Certainty.CLEAR: ("clearly", "plainly", "evidently"),
    Certainty.PLAIN: ("",),
    Certainty.PROBABLE: ("probably", "most likely", "presumably"),
    Certainty.POSSIBLE: ("possibly", "perhaps"),
}
CAUTIONS: Final[dict[Certainty, str]] = {
    Certainty.CLEAR: "",
    Certainty.PLAIN: "",
    Certainty.PROBABLE: "probably ",
    Certainty.POSSIBLE: "possibly ",
}
"""Before a unit's number where there is no room for a sentence."""


@dataclass(frozen=True, slots=True)
class StrengthWords:
    """How strong a movement is."""

    adverb: str
    adjective: str


STRENGTHS: Final[dict[str | None, StrengthWords]] = {
    None: StrengthWords("", ""),
    "none": StrengthWords("", ""),
    "slight": StrengthWords("slightly", "slight"),
    "marked": StrengthWords("markedly", "marked"),
}
"""By `ActionUnit.level`."""

ADJECTIVES: Final[dict[str, str]] = {
    "neutral": "neutral",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprised",
    "fear": "fearful",
    "anger": "angry",
    "disgust": "disgusted",
    "contempt": "contemptuous",
}

UPPER_FACE: Final = frozenset(
    {"AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU43", "AU45", "AU46"},
)
"""FACS's own division; the other units are of the lower face."""

TITLES: Final[dict[str, str]] = {
    "AU25": "the parting of the lips",
    "AU43": "the closing of the eyes",
}
"""Where the name of a unit is no noun phrase."""

KNITTED_BROW: Final = UnitWords(
    ("the eyebrows", "the brows"),
    ("are drawn together", "are knitted", "are pulled toward each other", "draw together"),
    ("above the root of the nose", "in the middle of the forehead"),
    ("knitted brows", "brows drawn together", "eyebrows pulled toward each other"),
)
"""AU4 beside AU1 or AU2: the brows draw together, but do not sink."""

_MOUTH_CORNERS: Final = ("the lip corners", "the corners of the mouth", "the mouth corners")
_LIPS: Final = ("the lips", "both lips")

WORDS: Final[dict[str, UnitWords]] = {
    "AU1": UnitWords(
        ("the inner ends of the eyebrows", "the inner corners of the brows", "the inner brows"),
        ("are raised", "are drawn upward", "rise", "are pulled up toward the hairline"),
        ("in the middle of the forehead", "above the root of the nose"),
        ("raised inner brows", "inner eyebrows drawn upward", "brows lifted at their inner ends"),
    ),
    "AU2": UnitWords(
        ("the outer ends of the eyebrows", "the outer corners of the brows", "the outer brows"),
        ("are raised", "are drawn up into an arch", "rise", "are lifted toward the hairline"),
        ("on the sides of the forehead", "above the outer corners of the eyes"),
        ("raised outer brows", "outer eyebrows drawn upward", "brows lifted at their outer ends"),
    ),
    "AU4": UnitWords(
        ("the eyebrows", "the brows"),
        ("are lowered", "are drawn down and together", "are drawn together", "sink and knit"),
        ("above the eyes", "in the lower forehead"),
        ("lowered brows", "brows drawn together", "lowered and knitted eyebrows"),
    ),
    "AU5": UnitWords(
        ("the upper eyelids", "the upper lids"),
        ("are raised", "are drawn up", "are pulled up and widen the eyes", "lift"),
        ("above the irises", "in the eye openings"),
        ("raised upper lids", "upper eyelids drawn up", "widened eyes"),
    ),
    "AU6": UnitWords(
        ("the cheeks",),
        ("are raised", "are pushed up toward the eyes", "rise", "are lifted", "are drawn upward"),
        ("below the eyes", "around the eyes"),
        ("raised cheeks", "cheeks pushed up toward the eyes", "lifted cheeks"),
    ),
    "AU7": UnitWords(
        ("the eyelids", "the lids"),
        ("are tightened", "tighten", "are tensed and narrow the eyes", "are drawn tight"),
        ("around the eyeballs", "across the eye openings"),
        ("tightened eyelids", "tensed lids", "lids drawn tight"),
    ),
    "AU9": UnitWords(
        ("the nose", "the skin of the nose"),
        ("is wrinkled", "is drawn up into wrinkles", "wrinkles", "crinkles"),
        ("in the middle of the face", "between the eyes"),
        ("a wrinkled nose", "a crinkled nose", "a nose drawn up into wrinkles"),
    ),
    "AU10": UnitWords(
        ("the upper lip", "the middle of the upper lip"),
        ("is raised", "is drawn straight up", "is pulled up toward the nose", "is lifted"),
        ("below the nostrils", "in the middle of the face"),
        ("a raised upper lip", "an upper lip drawn straight up", "a lifted upper lip"),
    ),
    "AU11": UnitWords(
        ("the nasolabial folds", "the nasolabial furrows"),
        ("are deepened", "deepen", "are drawn deeper", "become deeper"),
        ("beside the nostrils", "between nose and cheeks"),
        ("deepened nasolabial folds", "nasolabial furrows drawn deeper"),
    ),
    "AU12": UnitWords(
        _MOUTH_CORNERS,
        ("are pulled up and back", "are drawn upward", "rise", "are pulled toward the cheekbones"),
        ("in the lower face", "below the cheeks"),
        ("lip corners pulled up and back", "raised lip corners", "mouth corners drawn upward"),
    ),
    "AU13": UnitWords(
        _MOUTH_CORNERS,
        ("are pulled sharply upward", "are drawn up steeply", "rise sharply and puff the cheeks"),
        ("in the lower face", "below the nostrils"),
        ("sharply raised lip corners", "lip corners drawn up steeply"),
    ),
    "AU14": UnitWords(
        _MOUTH_CORNERS,
        ("are tightened inward", "are pressed inward", "are drawn inward", "tighten and dimple"),
        ("in the lower face", "beside the chin"),
        ("tightened lip corners", "lip corners pressed inward", "dimpled mouth corners"),
    ),
    "AU15": UnitWords(
        _MOUTH_CORNERS,
        ("are pulled down", "are drawn downward", "sink", "turn down"),
        ("in the lower face", "beside the chin"),
        ("lowered lip corners", "lip corners pulled down", "downturned mouth corners"),
    ),
    "AU16": UnitWords(
        ("the lower lip", "the middle of the lower lip"),
        ("is pulled down", "is drawn down", "is pulled downward", "is depressed"),
        ("above the chin", "in the lower face"),
        ("a lower lip pulled down", "a depressed lower lip", "a lower lip drawn downward"),
    ),
    "AU17": UnitWords(
        ("the chin boss", "the skin of the chin"),
        ("is pushed up", "is raised", "is pushed up and wrinkled", "rises"),
        ("below the mouth", "in the lower face"),
        ("a raised chin boss", "a pushed-up chin boss", "a chin boss pushed up"),
    ),
    "AU18": UnitWords(
        _LIPS,
        ("are puckered", "are drawn into a pucker", "pucker", "are puckered and pushed forward"),
        ("in the lower face", "in the middle of the mouth"),
        ("puckered lips", "lips drawn into a pucker", "lips puckered and pushed forward"),
    ),
    "AU20": UnitWords(
        ("the lips", "the lips and their corners"),
        ("are stretched sideways", "stretch sideways", "are drawn back toward the ears"),
        ("across the lower face", "above the jaw"),
        ("lips stretched sideways", "horizontally stretched lips", "lips drawn back to the ears"),
    ),
    "AU22": UnitWords(
        _LIPS,
        ("are funneled outward", "are turned outward", "flare outward", "form a funnel"),
        ("in the lower face", "in front of the teeth"),
        ("funneled lips", "lips turned outward", "lips flared outward"),
    ),
    "AU23": UnitWords(
        _LIPS,
        ("are tightened", "tighten", "are drawn tight and narrow", "are tightened and thinned"),
        ("in the lower face", "around the mouth opening"),
        ("tightened lips", "tight lips", "lips drawn tight and narrow"),
    ),
    "AU24": UnitWords(
        ("the lips", "the two lips"),
        ("are pressed together", "press together", "are pressed against each other"),
        ("in the lower face", "along the line of the mouth"),
        ("pressed lips", "lips pressed together", "lips pressed against each other"),
    ),
    "AU25": UnitWords(
        ("the lips", "the two lips"),
        ("are parted", "part", "are apart", "are separated"),
        ("in the lower face", "in front of the teeth"),
        ("parted lips", "separated lips", "lips set apart"),
    ),
    "AU26": UnitWords(
        ("the jaw", "the lower jaw"),
        ("drops", "is lowered", "falls open", "is dropped"),
        ("in the lower face", "below the teeth"),
        ("a dropped jaw", "a lowered jaw", "a jaw that falls open"),
    ),
    "AU27": UnitWords(
        ("the mouth",),
        ("is stretched wide open", "is pulled wide open", "gapes", "gapes wide open"),
        ("in the lower face", "between nose and chin"),
        ("a wide-open mouth", "a mouth stretched wide open", "a gaping mouth"),
    ),
    "AU28": UnitWords(
        ("the lips", "the red parts of the lips"),
        ("are sucked inward", "are rolled inward over the teeth", "are drawn in over the teeth"),
        ("in the lower face", "at the mouth opening"),
        ("sucked-in lips", "lips sucked in over the teeth", "lips rolled inward"),
    ),
    "AU43": UnitWords(
        ("the eyes", "both eyes"),
        ("are closed", "are shut", "stay closed", "are kept shut"),
        ("below the brows", "in the upper face"),
        ("closed eyes", "eyes kept shut", "eyes that stay closed"),
    ),
    "AU45": UnitWords(
        ("the eyes", "both eyes"),
        ("blink", "are caught in a blink", "are in the middle of a blink"),
        ("below the brows", "in the upper face"),
        ("blinking eyes", "eyes caught in a blink"),
    ),
    "AU46": UnitWords(
        ("one eye",),
        ("winks", "is closed in a wink", "is shut for a wink"),
        ("below the brow", "in the upper face"),
        ("a winking eye", "one eye closed in a wink"),
    ),
}
