"""Short sentences that the grammar of the descriptions never says, to read MF² by.

They are what somebody would type who knows neither FACS nor the training texts.
"""

from __future__ import annotations

from typing import Final

EMOTIONS: Final[dict[str, str]] = {
    "neutral": "a calm face without any expression",
    "happiness": "a happy person with a big smile",
    "surprise": "somebody who is astonished",
    "sadness": "a sad person close to tears",
    "anger": "a furious person",
    "disgust": "somebody who smells something rotten",
    "fear": "a terrified person",
    "contempt": "somebody who looks down on others",
}

UNITS: Final[dict[str, str]] = {
    "AU1": "a face with raised inner brows",
    "AU2": "the outer ends of the eyebrows are up",
    "AU4": "a frown, with the eyebrows pulled together",
    "AU5": "eyes opened very wide",
    "AU6": "cheeks pushed up and crow's feet beside the eyes",
    "AU7": "narrowed eyes with tense lids",
    "AU9": "a wrinkled nose",
    "AU10": "a raised upper lip",
    "AU12": "mouth corners turned up in a smile",
    "AU14": "dimples at the corners of the mouth",
    "AU15": "mouth corners turned down",
    "AU16": "a lower lip pulled down over the teeth",
    "AU17": "a chin pushed up and wrinkled",
    "AU18": "lips pushed forward as for a kiss",
    "AU20": "lips stretched sideways",
    "AU23": "tight, thin lips",
    "AU24": "lips pressed against each other",
    "AU25": "an open mouth with parted lips",
    "AU26": "a jaw that hangs loosely",
    "AU27": "a mouth torn wide open",
    "AU43": "closed eyes",
}
