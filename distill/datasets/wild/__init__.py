"""MFA-wild: photographs of the world coded as FACS units, with emotion and a sentence each.

The codes and sentences come with the project (`distill/mfa/wild`), the pictures do not: they are
looked up in the data sets that they belong to. `docs/mfa-wild.md` is the data card.
"""

from distill.datasets.wild.codes import (
    MARKED,
    UNITS,
    CodedFace,
    CodesError,
    Coding,
    region_of,
)
from distill.datasets.wild.files import load_codes
from distill.datasets.wild.reader import find_codes, read_wild
from distill.datasets.wild.split import split_of
from distill.datasets.wild.targets import WildTargets, wild_targets

__all__ = [
    "MARKED",
    "UNITS",
    "CodedFace",
    "CodesError",
    "Coding",
    "WildTargets",
    "find_codes",
    "load_codes",
    "read_wild",
    "region_of",
    "split_of",
    "wild_targets",
]
