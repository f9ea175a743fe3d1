"""A head out of a sentence, without one labelled picture: how much a face is like it.

The network's face vector is in the space of a sentence encoder (MF² by training, an edge network
by distillation), so a sentence is a direction there. How alike is alike says no sentence: so an
answer is the share of reference faces that are less like the sentence than this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)
from tqdm import tqdm

from distill.adapting.hidden import file_digest
from distill.checkpoint import CheckpointError, save_atomically
from distill.config import Recipe
from distill.faces.batches import centre_tensor
from distill.faces.store import FaceStore
from distill.language.encode_text import BUILT_IN, encode_texts
from distill.networks.reading import ReadingNet

FORMAT = "mf2-edge text head 1"
QUANTILES = 101
"""Of the likeness over the reference faces, at 0 %, 1 %, ... 100 %."""


class TextCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a text head is, and what it needs to answer."""

    task: str
    sentence: str
    encoder: str
    network_sha256: str
    """Of the file of the network that it reads; no other will do."""
    reference: str
    """The faces that answers are relative to."""
    faces: int
    """How many they are."""
    quantiles: tuple[float, ...]
    """Of their likeness to the sentence, -1..1, evenly spaced."""


@dataclass(frozen=True)
class TextHead:
    """A sentence's direction, (text,) of unit length, and the card."""

    direction: Tensor
    card: TextCard

    def answers(self, face_text: Tensor) -> NDArray[np.float64]:
        """Face vectors in the text space (N, text) -> answers 0..1, [N]."""
        likeness = (face_text @ self.direction).double().numpy()
        shares = np.linspace(0, 1, len(self.card.quantiles))
        return np.asarray(np.interp(likeness, self.card.quantiles, shares))


def make_text_head(
    task: str,
    sentence: str,
    network: ReadingNet,
    checkpoint: Path,
    recipe: Recipe,
    reference: FaceStore,
    name: str,
) -> tuple[TextHead, NDArray[np.float32]]:
    """The head of a sentence, and the likeness of each reference face, float32 [n].

    `name`: of the reference faces, in words. Raises ValueError for an empty sentence, and
    CheckpointError for a network that never learned the text space.
    """
    if not recipe.reads_text:
        raise CheckpointError(
            f"{checkpoint}: {recipe.name} never learned the text space; take MF² or mf2-edge-m"
        )
    if not sentence.strip():
        raise ValueError("--text is empty; expected a sentence such as 'a person who smiles'")
    encoder = recipe.texts.encoder if recipe.texts else BUILT_IN
    direction = F.normalize(torch.from_numpy(encode_texts([sentence], encoder)[0]), dim=0)
    likeness = read_faces(network, recipe, reference) @ direction.numpy()
    quantiles = np.quantile(likeness, np.linspace(0, 1, QUANTILES))
    card = TextCard(
        task=task,
        sentence=sentence,
        encoder=encoder,
        network_sha256=file_digest(checkpoint),
        reference=name,
        faces=len(likeness),
        quantiles=tuple(float(value) for value in quantiles),
    )
    return TextHead(direction, card), likeness


@torch.inference_mode()
def read_faces(network: ReadingNet, recipe: Recipe, faces: FaceStore) -> NDArray[np.float32]:
    """Aligned faces in the text space, unit vectors float32 [n, text]."""
    network.eval()
    parts = np.array_split(np.arange(len(faces.names)), max(1, len(faces.names) // 64))
    vectors = [
        network.read(centre_tensor(recipe, faces.images[part])).face_text.numpy()
        for part in tqdm(parts, desc="faces", unit="batch", mininterval=5)
    ]
    return np.concatenate(vectors)


def save_text_head(head: TextHead, path: Path) -> None:
    """Write a text head, atomically."""
    card = msgspec.json.encode(head.card).decode()
    save_atomically({"format": FORMAT, "card": card, "direction": head.direction}, path)


def is_text_head(path: Path) -> bool:
    """Whether a file is a text head; raises CheckpointError if it is not there."""
    if not path.is_file():
        raise CheckpointError(f"no head at {path}: make one first (distill adapt)")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def load_text_head(path: Path, checkpoint: Path) -> TextHead:
    """Read a text head; raises CheckpointError if it is none, or belongs to another network."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"no head at {path}: make one first (distill adapt --text)") from None
    except Exception as error:
        raise CheckpointError(f"{path} is not a PyTorch checkpoint: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a head written by `distill adapt --text`")
    card = msgspec.json.decode(content["card"], type=TextCard)
    found = file_digest(checkpoint)
    if found != card.network_sha256:
        raise CheckpointError(
            f"{path} belongs to the network with sha256 {card.network_sha256[:12]}..., but "
            f"{checkpoint} has {found[:12]}...: give that one, or make the head again"
        )
    return TextHead(content["direction"], card)
