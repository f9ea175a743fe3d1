"""mf2-edge: facial state (emotion and FACS Action Units) from photographs, on the device.

from mf2_edge import FaceStateAnalyzer
faces = FaceStateAnalyzer().predict("photo.jpg")
faces[0].emotion.label, faces[0].action_units["AU12"].present
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

__version__ = "0.2.0"

if TYPE_CHECKING:
    from mf2_edge.analyzer import FaceStateAnalyzer as FaceStateAnalyzer
    from mf2_edge.bundle.loader import Bundle as Bundle
    from mf2_edge.bundle.loader import list_bundles as list_bundles
    from mf2_edge.bundle.loader import load_bundle as load_bundle
    from mf2_edge.errors import BaselineError as BaselineError
    from mf2_edge.errors import BoxError as BoxError
    from mf2_edge.errors import BundleError as BundleError
    from mf2_edge.errors import ChecksumError as ChecksumError
    from mf2_edge.errors import DemoError as DemoError
    from mf2_edge.errors import DescriptionError as DescriptionError
    from mf2_edge.errors import DetectionError as DetectionError
    from mf2_edge.errors import FrameError as FrameError
    from mf2_edge.errors import ImageFileError as ImageFileError
    from mf2_edge.errors import InferenceError as InferenceError
    from mf2_edge.errors import ManifestError as ManifestError
    from mf2_edge.errors import Mf2EdgeError as Mf2EdgeError
    from mf2_edge.errors import MissingExtraError as MissingExtraError
    from mf2_edge.errors import OutputError as OutputError
    from mf2_edge.errors import RuntimeUnavailableError as RuntimeUnavailableError
    from mf2_edge.errors import SignatureError as SignatureError
    from mf2_edge.errors import TimestampError as TimestampError
    from mf2_edge.errors import VideoError as VideoError
    from mf2_edge.io.draw import draw as draw
    from mf2_edge.io.video import VideoSource as VideoSource
    from mf2_edge.parallel import predict_many as predict_many
    from mf2_edge.pipeline.detect import BlazeFaceDetector as BlazeFaceDetector
    from mf2_edge.pipeline.detect import FaceDetector as FaceDetector
    from mf2_edge.pipeline.finder import YuNetDetector as YuNetDetector
    from mf2_edge.stream import FaceStateStream as FaceStateStream
    from mf2_edge.table import to_pandas as to_pandas
    from mf2_edge.tracking.baseline import Baseline as Baseline
    from mf2_edge.tracking.baseline import NeutralRecorder as NeutralRecorder
    from mf2_edge.tracking.baseline import RunningRest as RunningRest
    from mf2_edge.tracking.baseline import load_baseline as load_baseline
    from mf2_edge.types import ActionUnit as ActionUnit
    from mf2_edge.types import ActionUnitEvent as ActionUnitEvent
    from mf2_edge.types import Box as Box
    from mf2_edge.types import Detection as Detection
    from mf2_edge.types import Emotion as Emotion
    from mf2_edge.types import FaceQuality as FaceQuality
    from mf2_edge.types import FaceState as FaceState
    from mf2_edge.types import HeadPose as HeadPose
    from mf2_edge.types import Landmarks as Landmarks
    from mf2_edge.types import Point as Point
    from mf2_edge.types import Reason as Reason
    from mf2_edge.types import Status as Status
    from mf2_edge.types import TaskAnswer as TaskAnswer

# Loaded when first used, so that `import mf2_edge` stays cheap whatever the analyzer needs.
_EXPORTS: Final[dict[str, tuple[str, ...]]] = {
    "analyzer": ("FaceStateAnalyzer",),
    "bundle.loader": ("Bundle", "list_bundles", "load_bundle"),
    "io.draw": ("draw",),
    "io.video": ("VideoSource",),
    "parallel": ("predict_many",),
    "pipeline.detect": ("BlazeFaceDetector", "FaceDetector"),
    "pipeline.finder": ("YuNetDetector",),
    "errors": (
        "BaselineError",
        "BoxError",
        "BundleError",
        "ChecksumError",
        "DemoError",
        "DescriptionError",
        "DetectionError",
        "FrameError",
        "ImageFileError",
        "InferenceError",
        "ManifestError",
        "Mf2EdgeError",
        "MissingExtraError",
        "OutputError",
        "RuntimeUnavailableError",
        "SignatureError",
        "TimestampError",
        "VideoError",
    ),
    "tracking.baseline": ("Baseline", "NeutralRecorder", "RunningRest", "load_baseline"),
    "stream": ("FaceStateStream",),
    "table": ("to_pandas",),
    "types": (
        "ActionUnit",
        "ActionUnitEvent",
        "Box",
        "Detection",
        "Emotion",
        "FaceQuality",
        "FaceState",
        "HeadPose",
        "Landmarks",
        "Point",
        "Reason",
        "Status",
        "TaskAnswer",
    ),
}
_MODULE_OF: Final = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [*sorted(_MODULE_OF), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
