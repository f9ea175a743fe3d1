"""Settings of the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# Shared machines pause at any time: a slow example says nothing about the code. What lands is
# judged by the same examples twice; new ones are tried at the desk.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")
