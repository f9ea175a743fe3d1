"""`python -m exporters.finder`: files of the face finder, each compared with the network.

python -m exporters.finder import yunet_n.pth      the published weights, folded, into the code
python -m exporters.finder export --out FOLDER     a file a format, and report.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from exporters.errors import ConversionError, ExportError
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.extras import missing_extra
from mf2_edge.io.atomic import replacing

PUBLISHED_SHA256: Final = "9c7c9e14a4d60e57491d77e4d8b0d451bd834f300e05c0dea7fd1f6533817b06"
"""Of weights/yunet_n.pth in ShiqiYu/libfacedetection.train."""
SIZES: Final = ((480, 640), (384, 512), (256, 320))
"""Height and width of files of fixed size: frames of 4:3 for the sides that the SDK uses."""
FORMATS: Final = ("tflite", "onnx", "executorch", "coreml")
TOLERANCE: Final = 1e-3
"""Of logits and of offsets in cells."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="python -m exporters.finder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import", help="fold the published weights")
    importing.add_argument("weights", type=Path, help="yunet_n.pth")
    exporting = commands.add_parser("export", help="write and compare the files")
    exporting.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    exporting.add_argument("--to", nargs="+", choices=FORMATS, default=list(FORMATS))
    options = parser.parse_args(arguments)
    try:
        if options.command == "import":
            import_weights(options.weights)
        else:
            export_all(options.out, options.to)
    except ModuleNotFoundError as error:
        told = missing_extra(error)
        if told is None:
            raise
        sys.stderr.write(f"exporters.finder: {told}\n")
        return 2
    except (ExportError, Mf2EdgeError, OSError) as error:
        sys.stderr.write(f"exporters.finder: {error}\n")
        return 2
    return 0


def import_weights(path: Path) -> None:
    """Write `yunet_n.npz` from the published checkpoint.

    Raises ConversionError for another file.
    """
    import torch

    from exporters.finder.export import WEIGHTS
    from exporters.finder.network import fold_published

    data = path.read_bytes()
    if sha256(data).hexdigest() != PUBLISHED_SHA256:
        raise ConversionError(
            f"{path.name}: not the published weights: its sha256 is {sha256(data).hexdigest()}, "
            f"expected {PUBLISHED_SHA256}"
        )
    # A training checkpoint with its settings; the check above says that these bytes are known.
    state = torch.load(BytesIO(data), map_location="cpu", weights_only=False)["state_dict"]
    arrays: dict[str, Any] = {name: value.numpy() for name, value in fold_published(state).items()}
    with replacing(WEIGHTS) as partial:
        np.savez_compressed(partial, **arrays)


def export_all(folder: Path, formats: Sequence[str]) -> None:
    """Write the files of `formats` and `report.json` with size, hash and largest difference.

    Raises ConversionError if a file differs from the network by more than `TOLERANCE`.
    """
    from exporters.finder.export import EXPORTS, RESIZABLE

    folder.mkdir(parents=True, exist_ok=True)
    report = []
    for name in formats:
        suffix, export = EXPORTS[name]
        for height, width in SIZES[:1] if name in RESIZABLE else SIZES:
            stem = "yunet_n" if name in RESIZABLE else f"yunet_n_{width}x{height}"
            path = folder / f"{stem}{suffix}"
            export(path, (height, width))
            sizes = SIZES if name in RESIZABLE else ((height, width),)
            difference = None
            if name != "coreml":
                difference = max(_difference(path, name, size) for size in sizes)
            data = path.read_bytes()
            report.append(
                {
                    "file": path.name,
                    "bytes": len(data),
                    "sha256": sha256(data).hexdigest(),
                    "max_abs_difference": difference,
                }
            )
            sys.stdout.write(f"{path.name}: {len(data) / 1e3:.0f} kB, difference {difference}\n")
    with replacing(folder / "report.json") as partial:
        partial.write_text(json.dumps(report, indent=1) + "\n")


def _difference(path: Path, name: str, size: tuple[int, int]) -> float:
    from exporters.finder.export import run_exported, run_network

    image = _portrait(size)
    pairs = zip(run_exported(path, name, image), run_network(image), strict=True)
    difference = max(float(np.abs(found - wanted).max()) for found, wanted in pairs)
    if not difference <= TOLERANCE:
        raise ConversionError(
            f"{path.name}: differs by {difference:.2g} from the network, allowed {TOLERANCE:g}"
        )
    return difference


def _portrait(size: tuple[int, int]) -> NDArray[np.uint8]:
    import mf2_edge

    path = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert image is not None  # the sample comes with the package
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
