"""Every error that mf2-edge raises on purpose.

Each message says what was wrong, what was expected and what to do. The classes also derive from
the built-in error a caller would guess (`ValueError`, `OSError`, ...), so code that knows nothing
of mf2-edge still catches them.
"""

from __future__ import annotations


class Mf2EdgeError(Exception):
    """Base of all errors of this package."""


class FrameError(Mf2EdgeError, ValueError):
    """A frame or crop in memory is not an image that can be analysed."""


class ImageFileError(Mf2EdgeError, OSError):
    """An image file is missing, truncated, or not an image."""


class VideoError(Mf2EdgeError, OSError):
    """A video file, camera or stream cannot be opened, or ended before its time."""


class OutputError(Mf2EdgeError, OSError):
    """A result cannot be written: no such place, no permission, or no room."""


class DemoError(Mf2EdgeError, OSError):
    """The demo page cannot be served: it is missing, or its port is taken."""


class BoxError(Mf2EdgeError, ValueError):
    """A face box given by the caller is malformed or lies outside the frame."""


class DetectionError(Mf2EdgeError, ValueError):
    """A detector of the caller's gave a face that cannot be one: no numbers, or no size."""


class BundleError(Mf2EdgeError, ValueError):
    """A bundle cannot be used: a file is missing, damaged, or leaves the bundle's folder."""


class ManifestError(BundleError):
    """A manifest does not follow the schema, or contradicts itself or the model beside it."""


class ChecksumError(BundleError):
    """A file's bytes are not the ones whose sha256 the manifest records."""


class SignatureError(BundleError):
    """A bundle is not signed by the key that was asked for, or the key is none."""


class RuntimeUnavailableError(Mf2EdgeError, RuntimeError):
    """No installed inference runtime can run the artifact that was asked for."""


class MissingExtraError(RuntimeUnavailableError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""


class DescriptionError(Mf2EdgeError, ValueError):
    """A description was asked for at a level, or of a unit, that does not exist."""


class InferenceError(Mf2EdgeError, RuntimeError):
    """A model ran but its answer is unusable (wrong shape, or not finite)."""


class TimestampError(Mf2EdgeError, ValueError):
    """A frame of a stream is older than the one before, or its time is no number."""


class BaselineError(Mf2EdgeError, ValueError):
    """A person's resting face cannot be used: too few frames, a damaged file, another model's."""
