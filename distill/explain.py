"""`python -m distill explain PHOTO`: where MF² looks for each Action Unit, as a picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from distill.faces.batches import to_tensor
from distill.networks.mf2 import MF2
from distill.parsers import explain_parser
from distill.training.checkpoint import CheckpointError, load_network
from mf2_edge.errors import FrameError
from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.io.atomic import replacing
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.detect import BlazeFaceDetector

TILE = 224  # pixels
COLUMNS = 5
CAPTION = 22  # pixels
HEAT = np.array([255, 64, 0])


def main(arguments: Sequence[str]) -> int:
    """Draw the attention over the largest face of a photograph; 2 for a mistake in the input."""
    options = explain_parser().parse_args(arguments)
    try:
        picture = explain(options.photo, options.checkpoint)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"distill explain: {error}\n")
        return 2
    with replacing(options.out) as partial:
        form = "JPEG" if options.out.suffix.lower() in (".jpg", ".jpeg") else "PNG"
        Image.fromarray(picture).save(partial, format=form, quality=88)
    return 0


def explain(photo: Path, checkpoint: Path) -> NDArray[np.uint8]:
    """A tile an Action Unit, uint8 RGB: the aligned face, its attention, its score.

    Scores are the sigmoid of the logit, 0..1, not calibrated; the most likely unit comes first.
    Raises FrameError if there is no face, CheckpointError if the checkpoint is no MF².
    """
    loaded = load_network(checkpoint)
    if not isinstance(loaded.network, MF2):
        raise CheckpointError(f"{checkpoint} holds no MF²: train distill/configs/mf2.toml")
    frame = read_image(photo)
    faces = BlazeFaceDetector().detect(frame)
    if not faces or faces[0].landmarks is None:
        raise FrameError(f"no face in {photo}: expected a photograph with at least one")
    face = align(frame, faces[0].landmarks, loaded.recipe.alignment)
    with torch.inference_mode():
        reading = loaded.network.read(to_tensor(face[None], loaded.recipe.preprocessing))
    scores = reading.action_units[0].sigmoid().numpy()
    attention = reading.attention[0].numpy()
    units = loaded.recipe.action_units
    order = np.argsort(-scores)
    tiles = [
        _tile(face, attention[k], f"{units[k]} {ACTION_UNIT_NAMES[units[k]]} {scores[k]:.2f}")
        for k in order
    ]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[place : place + COLUMNS]) for place in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


def _tile(
    face: NDArray[np.uint8], attention: NDArray[np.float32], caption: str
) -> NDArray[np.uint8]:
    """The face, reddened in proportion to the attention, with a caption below."""
    large = cv2.resize(face, (TILE, TILE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    heat = cv2.resize(attention / attention.max(), (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    share = 0.6 * heat[..., None]
    shown = (large * (1 - share) + HEAT * share).clip(0, 255).astype(np.uint8)
    tile = Image.new("RGB", (TILE, TILE + CAPTION), "white")
    tile.paste(Image.fromarray(shown))
    draw = ImageDraw.Draw(tile)
    draw.text((4, TILE + 4), caption, fill="black", font=ImageFont.load_default(13))
    return np.asarray(tile)
