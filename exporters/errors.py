"""Every error that the press raises on purpose: what was wrong, what was expected, what to do."""

from __future__ import annotations


class ExportError(Exception):
    """A bundle could not be made; nothing was written."""


class ConversionError(ExportError):
    """A converter failed, or wrote something other than what was asked of it."""


class DelegationError(ConversionError):
    """Operators stayed outside the delegate that should run the whole network."""


class ParityError(ExportError):
    """An artifact differs from the network beyond tolerance, or could not be compared with it."""


class PackError(ExportError):
    """The parts of a bundle do not fit together."""
