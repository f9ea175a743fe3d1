"""Errors of the exporters; messages say what was wrong, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class ExportError(Exception):
    """A bundle could not be made; nothing was written."""


class ConversionError(ExportError):
    """A converter failed, or wrote something other than what was asked of it."""


class DelegationError(ConversionError):
    """Operators stayed outside the delegate that should run the whole network."""


class ParityError(ExportError):
    """An artifact differs from the network beyond tolerance, or could not be compared with it."""


class MilError(ExportError):
    """A Core ML program cannot be run by `exporters.mil_reference`."""


class UnknownOperatorError(MilError):
    """A Core ML program uses an operation that the interpreter does not know."""


class PackError(ExportError):
    """The parts of a bundle do not fit together."""


class RefusedError(ExportError):
    """Some artifacts of a bundle failed, so no bundle was written; the message lists each."""

    def __init__(self, passed: Sequence[str], failed: Mapping[str, str]) -> None:
        self.passed, self.failed = tuple(passed), dict(failed)
        count = len(self.passed) + len(self.failed)
        lines = [f"  passed  {file}" for file in self.passed]
        lines += [f"  failed  {file}: {error}" for file, error in self.failed.items()]
        super().__init__(
            f"{len(self.failed)} of {count} artifacts failed, so no bundle was written:\n"
            + "\n".join(lines)
        )
