"""A photograph to try the SDK with; README.md says whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ASTRONAUT: Final = Path(__file__).with_name("astronaut.jpg")
"""Portrait of Eileen Collins by NASA: one face, smiling."""
