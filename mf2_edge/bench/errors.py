"""What the bench refuses; each message says what was wrong, what was expected and what to do."""

from __future__ import annotations

from mf2_edge.errors import Mf2EdgeError


class BenchError(Mf2EdgeError, ValueError):
    """The bench cannot do what was asked."""


class UnknownDeviceError(BenchError):
    """A device of a name that the bench does not know."""


class NoEstimateError(BenchError):
    """Nothing published fits, or the network is too far from those that were published."""


class ReportError(BenchError):
    """A report file cannot be read, is of something else, or contradicts itself or the bundle."""


class PhoneError(BenchError):
    """The attached phone cannot be measured as it is: locked, not authorised, another model."""


class PhoneLostError(PhoneError):
    """The phone vanished in the middle."""
