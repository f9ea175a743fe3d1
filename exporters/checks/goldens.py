"""Goldens: recorded results of each stage, as `mf2_edge/verify.py` describes them.

They ship with the bundle, so the one face in them is a photograph in the public domain; the data
sets that the network was trained on may not be redistributed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from exporters.checks.goldens_align import PORTRAIT, align_arrays
from exporters.checks.goldens_smooth import smooth_arrays
from exporters.checks.parity import run_network
from exporters.errors import PackError
from mf2_edge.bundle.edit import edit_manifest
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.io.atomic import replacing
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.verify import GOLDEN_NAMES

if TYPE_CHECKING:
    from torch import nn

    from mf2_edge.bundle.schema import AlignmentSpec, Manifest

TOLERANCES: Final = {
    "align": 1.0,  # of pixels 0..255: a mean that lies between two values is rounded either way
    "preprocess": 1e-5,  # of inputs within about -1..1: float32, whatever the order of operations
    "model": 1e-3,  # of logits up to about 10: float32 sums in the order of any engine
    "model/fp16": 0.1,  # the same, each stored number rounded to one part in 2048
    "model/int8": 0.5,  # some steps of the integers that the logits are
    "decode": 1e-5,  # of scores: exp in float32
    "smooth": 1e-6,  # of scores in float64, 240 frames long
}
"""Largest absolute difference that an implementation may show at each stage."""


def write_goldens(
    path: Path,
    network: nn.Module,
    manifest: Manifest,
    integers: Mapping[str, list[NDArray[np.float32]]] = MappingProxyType({}),
) -> None:
    """Record every stage on `golden_faces`, and align on `golden_frame`, in an `.npz` at `path`.

    integers: logits of the int8 artifact of each format for these faces, one array for each head.
    The first is recorded for all other formats.

    Raises PackError if the portrait's face cannot be found, or the logits are not finite.
    """
    aligned = golden_faces(manifest.alignment)
    outputs = run_network(network, aligned, manifest.preprocessing)
    if not all(np.isfinite(output).all() for output in outputs):
        raise PackError("the network returns NaN or infinity for the goldens; train it again")
    scores = Decoder(manifest).scores(outputs).named()
    inputs = [to_input(face, manifest.preprocessing, "NCHW") for face in aligned]
    arrays: dict[str, Any] = {
        **align_arrays(manifest.alignment),
        **smooth_arrays(manifest),
        "aligned": aligned,
        "preprocess": np.concatenate(inputs),
    }
    for head in manifest.heads:
        arrays[f"{GOLDEN_NAMES[head.name]}_logits"] = outputs[head.output]
        arrays[f"{GOLDEN_NAMES[head.name]}_scores"] = scores[head.name].astype(np.float32)
    for number, (kind, logits) in enumerate(integers.items()):
        for suffix in ("int8", f"int8/{kind}") if number == 0 else (f"int8/{kind}",):
            for head in manifest.heads:
                arrays[f"{GOLDEN_NAMES[head.name]}_logits/{suffix}"] = logits[head.output]
    arrays |= {f"tolerance/{stage}": np.float32(value) for stage, value in TOLERANCES.items()}
    _save(path, arrays)


def refresh_goldens(folder: Path) -> None:
    """Record the stages align and smooth again in the goldens of the bundle in `folder`.

    Raises BundleError if it is no bundle or its goldens are damaged, PackError if it has none.
    """
    bundle = load_bundle(folder)
    if not bundle.manifest.goldens:
        raise PackError(f"{folder} holds no goldens; export the bundle again")
    entry = bundle.manifest.goldens[0]
    path = folder / entry.file
    with np.load(BytesIO(bundle.read(entry)), allow_pickle=False) as archive:
        arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
    arrays |= align_arrays(bundle.manifest.alignment) | smooth_arrays(bundle.manifest)
    arrays |= {f"tolerance/{stage}": np.float32(TOLERANCES[stage]) for stage in ("align", "smooth")}
    _save(path, arrays)
    data = path.read_bytes()
    recorded = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    edit_manifest(folder, lambda raw: raw["goldens"][0].update(recorded))


def golden_faces(spec: AlignmentSpec) -> NDArray[np.uint8]:
    """Variants of one face, and patterns that show a wrong axis, channel or range.

    uint8 [8, height, width, 3] RGB.
    """
    image = read_image(PORTRAIT)
    landmarks = next((face.landmarks for face in BlazeFaceDetector().detect(image)), None)
    if landmarks is None:
        raise PackError(f"{PORTRAIT.name}: no face found; the SDK's detector does not work here")
    face = align(image, landmarks, spec)
    grey = np.repeat(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    shifted = np.roll(face, (4, -3), axis=(0, 1))
    faces = [face, face[:, ::-1] // 2, np.roll(grey, 5, axis=1), _noisy(shifted)]
    return np.stack([*faces, *_patterns(spec.width, spec.height)]).astype(np.uint8)


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays)


def _noisy(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, 6, face.shape)
    return np.clip(face + noise, 0, 255).astype(np.uint8)


def _patterns(width: int, height: int) -> list[NDArray[np.uint8]]:
    """A ramp in each channel, coloured squares, black, white."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    ramps = np.stack([across, down, 255 - across], axis=2).astype(np.uint8)
    coarse = np.random.default_rng(1).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    squares = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    black = np.zeros((height, width, 3), np.uint8)
    return [ramps, np.asarray(squares, np.uint8), black, np.full_like(black, 255)]
