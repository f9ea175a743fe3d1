"""Sentences about faces as free prose has them, and what a reader takes from each.

Written by hand before the lexicon: DEVELOPMENT was looked at while it was written. HELD_OUT was
not, but the lexicon has grown since its first measurement, so it is no longer untouched. Units that
a sentence affirms, units that it denies, emotions that it affirms. Where a phrase does not tell two
units apart ("raised eyebrows"), either counts.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Sentence(NamedTuple):
    text: str
    units: str = ""
    denied: str = ""
    emotions: str = ""


DEVELOPMENT: Final = (
    Sentence("The corners of her lips are pulled up in a broad smile.", "12"),
    Sentence("A smile spreads across the face, and the cheeks are lifted.", "12 6"),
    Sentence("There is no sign of a smile.", "", "12"),
    Sentence("The lip corners turn down markedly.", "15"),
    Sentence("The jaw drops and the mouth falls open.", "26 25"),
    Sentence("Both eyebrows are raised high, creating horizontal lines on the forehead.", "1 2"),
    Sentence("The inner corners of the eyebrows slant upward.", "1"),
    Sentence("The brows are furrowed and drawn together.", "4"),
    Sentence("Her eyes are opened wide, with the upper lids raised.", "5"),
    Sentence("The eyes are narrowed and the lower lids look tense.", "7"),
    Sentence("Strong wrinkling along the bridge of the nose is visible.", "9"),
    Sentence(
        "The upper lip is raised toward the nose, without any wrinkling of the nose.", "10", "9"
    ),
    Sentence("His lips are pressed firmly together.", "24"),
    Sentence("The lips remain tightly closed and thin, which signals tension.", "23"),
    Sentence("The lips are slightly parted, showing the teeth.", "25"),
    Sentence("The chin is bunched and pushed upward.", "17"),
    Sentence("The mouth is stretched sideways, pulling the lips toward the ears.", "20"),
    Sentence("AU4 and AU7 are strongly present, while AU12 is absent.", "4 7", "12"),
    Sentence("AUs 1, 2 and 5 contribute to the look of surprise.", "1 2 5", "", "surprise"),
    Sentence("The brow is not lowered, nor are the lids tightened.", "", "4 7"),
    Sentence("The eyebrows stay relaxed, without raising or lowering.", ""),
    Sentence("Action Unit 6 (cheek raiser) forms crow's feet.", "6"),
    Sentence("A faint dimple appears beside the left lip corner.", "14"),
    Sentence("She looks happy rather than surprised.", "", "", "happiness"),
    Sentence("The face expresses deep sorrow.", "", "", "sadness"),
    Sentence("He seems furious: jaw clenched, brows pulled down.", "4", "", "anger"),
    Sentence("This is a neutral expression with no visible muscle activity.", "", "", "neutral"),
    Sentence("The lids are shut completely.", "43"),
    Sentence("Neither fear nor anger is visible here.", "", "", ""),
    Sentence("The nose is scrunched in evident disgust.", "9", "", "disgust"),
    Sentence("One side of the mouth is tightened in a smirk of contempt.", "14", "", "contempt"),
    Sentence("The lower lip is pulled down, exposing the bottom teeth.", "16"),
    Sentence("The lips are pursed as if to whistle.", "18"),
    Sentence("The outer part of the right brow arches upward.", "2"),
    Sentence("The person looks terrified, with eyes wide open.", "5", "", "fear"),
    Sentence("The mouth is closed and the jaw is not dropped.", "", "26"),
    Sentence("Raised cheeks push up the lower lids.", "6"),
    Sentence("The absence of cheek raising makes the smile look posed.", "12", "6"),
    Sentence("The neutral background does not distract from her joyful look.", "", "", "happiness"),
    Sentence("Nasolabial furrows deepen on both sides.", "11"),
)

HELD_OUT: Final = (
    Sentence("The mouth corners curl upward in a warm grin.", "12"),
    Sentence("The smile lifts the cheeks and crinkles the skin at the outer eye corners.", "12 6"),
    Sentence("No upward pull of the lip corners can be seen.", "", "12"),
    Sentence("The corners of the mouth droop.", "15"),
    Sentence("The mouth gapes wide open and the jaw hangs down.", "27 26"),
    Sentence("She lifts her eyebrows.", "1 2"),
    Sentence("The inner brows are drawn up into an oblique shape.", "1"),
    Sentence("A deep frown knits the brows.", "4"),
    Sentence("The upper eyelids are pulled up so far that the whites show above the iris.", "5"),
    Sentence("Tightened eyelids give him a hard stare.", "7"),
    Sentence("The nose wrinkles visibly.", "9"),
    Sentence("The upper lip curls up and bares the teeth.", "10"),
    Sentence("Lips are compressed into a line.", "24"),
    Sentence("The lips are tense and narrowed.", "23"),
    Sentence("The lips come apart a little.", "25"),
    Sentence("The chin boss is raised, and the lower lip is pushed up with it.", "17"),
    Sentence("Horizontally stretched lips dominate the lower face.", "20"),
    Sentence("AU 9 is clearly visible; AU 10 is not.", "9", "10"),
    Sentence("The activation of AU6+AU12 is typical of joy.", "6 12", "", "happiness"),
    Sentence("The brows do not move, and the eyes are not widened.", "", "5"),
    Sentence("The forehead is smooth and the mouth is at rest.", ""),
    Sentence("The cheeks are clearly elevated (AU6), although the nose is not wrinkled.", "6", "9"),
    Sentence("The left mouth corner is tightened and pulled inward.", "14"),
    Sentence("The man does not look angry; he looks sad.", "", "", "sadness"),
    Sentence("Her expression conveys astonishment.", "", "", "surprise"),
    Sentence(
        "There is intense rage in this face, with a lowered brow and glaring eyes.",
        "4",
        "",
        "anger",
    ),
    Sentence("The expression is neutral.", "", "", "neutral"),
    Sentence("With her eyes closed, she seems calm.", "43"),
    Sentence("The child shows no fear, only curiosity.", "", "", ""),
    Sentence("A look of revulsion, carried by the raised upper lip.", "10", "", "disgust"),
    Sentence("A one-sided sneer suggests disdain.", "", "", "contempt"),
    Sentence("The lower lip drops and shows the lower teeth.", "16"),
    Sentence("The lips pucker and protrude.", "18"),
    Sentence("The tails of both eyebrows rise.", "2"),
    Sentence(
        "The face is frightened: the lips stretch back and the brows rise.", "20 1 2", "", "fear"
    ),
    Sentence("The lips stay closed; no jaw drop is seen.", "", "26"),
    Sentence("Elevated cheeks bulge beneath the eyes.", "6"),
    Sentence("Without AU1, AU2 or AU5, the eyes look calm.", "", "1 2 5"),
    Sentence("The lips are rolled in over the teeth.", "28"),
    Sentence("He blinks, and his mouth is slightly open.", "45 25"),
    Sentence("The lips are funneled forward as if saying a long vowel.", "22"),
    Sentence("The eyebrows are neither raised nor drawn together.", "", "1 2 4"),
    Sentence(
        "The brow lowerer is active and pulls the eyebrows together, but the lips are not pressed.",
        "4",
        "24",
    ),
    Sentence("An unhappy face.", "", "", "sadness"),
)
