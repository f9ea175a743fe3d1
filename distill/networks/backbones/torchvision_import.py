"""Make `import torchvision` work beside a torch that its binary was not built for.

PyPI has torchvision built for CUDA alone. Beside the CPU build of torch its own operators do not
load, and the import fails at the first that it looks up, although models and transforms need none
of them. sentence-transformers and timm import torchvision.
"""

from __future__ import annotations

import importlib
import sys

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[torch.library.Library] = []  # an operator lives as long as its library object


def ensure_torchvision() -> None:
    """Import torchvision, if it is there; where its operators do not load, declare them first."""
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # half imported
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            library.define(operator)  # type: ignore[no-untyped-call]
        _declared.append(library)
        importlib.import_module("torchvision")
