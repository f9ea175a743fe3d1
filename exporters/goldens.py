"""Writes goldens: recorded results of each stage, as `mf2_edge/verify.py` describes them.

They ship with the bundle, so the one face in them is a photograph in the public domain; the data
sets that the network was trained on may not be passed on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

import mf2_edge
from exporters.errors import PackError
from exporters.parity import run_network
from mf2_edge.align import align
from mf2_edge.atomic import replacing
from mf2_edge.decode import Decoder
from mf2_edge.detect import BlazeFaceDetector
from mf2_edge.image_file import read_image
from mf2_edge.preprocess import to_input

if TYPE_CHECKING:
    from torch import nn

    from mf2_edge.schema import AlignmentSpec, Manifest

PORTRAIT: Final = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
"""NASA's portrait of Eileen Collins, in the public domain."""

TOLERANCES: Final = {
    "preprocess": 1e-5,  # of inputs within about -1..1: float32, whatever the order of operations
    "model": 1e-3,  # of logits up to about 10: float32 sums in the order of any engine
    "model/fp16": 0.1,  # the same, each stored number rounded to one part in 2048
    "model/int8": 0.5,  # some steps of the integers that the logits are
    "decode": 1e-5,  # of scores: exp in float32
}
"""Largest absolute difference that an implementation may show at each stage."""


def write_goldens(
    path: Path,
    network: nn.Module,
    manifest: Manifest,
    integers: list[NDArray[np.float32]] | None = None,
) -> None:
    """Record preprocessing, logits and scores of `golden_faces` in a compressed `.npz` at `path`.

    `integers`: the logits that an int8 artifact gives for these faces, one array a head.

    Raises PackError if the portrait's face cannot be found, or the logits are not finite.
    """
    aligned = golden_faces(manifest.alignment)
    outputs = run_network(network, aligned, manifest.preprocessing)
    if not all(np.isfinite(output).all() for output in outputs):
        raise PackError("the network gives NaN or infinity for the goldens; train it again")
    emotion_scores, au_scores = Decoder(manifest).scores(outputs)
    inputs = [to_input(face, manifest.preprocessing, "NCHW") for face in aligned]
    arrays: dict[str, Any] = {
        "aligned": aligned,
        "preprocess": np.concatenate(inputs),
        "emotion_logits": outputs[manifest.head("emotion").output],
        "au_logits": outputs[manifest.head("action_units").output],
        "emotion_scores": emotion_scores.astype(np.float32),
        "au_scores": au_scores.astype(np.float32),
    }
    if integers is not None:
        arrays["emotion_logits/int8"] = integers[manifest.head("emotion").output]
        arrays["au_logits/int8"] = integers[manifest.head("action_units").output]
    arrays |= {f"tolerance/{stage}": np.float32(value) for stage, value in TOLERANCES.items()}
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays)


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
