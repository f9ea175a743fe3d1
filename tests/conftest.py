"""Settings of the whole suite."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# Shared machines pause at any time: a slow example says nothing about the code. What lands is
# judged by the same examples twice; new ones are tried at the desk.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")

# A suite started in the background ignores Ctrl-C, and so would the commands that it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
