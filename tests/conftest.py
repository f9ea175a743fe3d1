"""Settings of the whole suite."""

from __future__ import annotations

from hypothesis import settings

# Shared machines pause at any time: a slow example says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
