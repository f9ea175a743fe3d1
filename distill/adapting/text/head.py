"""A head out of a sentence, without one labelled picture: how much a face is like it.

The face vector goes into the space of a sentence encoder (`space.py`), where a sentence is a
direction. How alike is alike says no sentence: so an answer is the share of reference faces that
are less like the sentence than this one.
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

from distill.adapting.frozen import network_digest, open_network
from distill.adapting.heads import MISSING, check_network
from distill.adapting.text.space import TextSpace, open_text_space
from distill.faces.augment import centre
from distill.language.encode_text import encode_texts
from distill.training.checkpoint import CheckpointError, load_content, save_atomically

FORMAT = "mf2-edge text head 2"
QUANTILES = 101
"""Of the likeness over the reference faces, at 0 %, 1 %, ... 100 %."""


class TextCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a text head is, and what it needs to answer."""

    task: str
    sentence: str
    encoder: str
    start: int
    """Where in a row of hidden states the face vector begins."""
    network_sha256: str
    """Of the checkpoint of the network that it reads; no other will do."""
    reference: str
    """The faces that answers are relative to."""
    faces: int
    """How many they are."""
    quantiles: tuple[float, ...]
    """Of their likeness to the sentence, -1..1, evenly spaced."""


@dataclass(frozen=True)
class TextHead:
    """direction: of the sentence in the text space, (text,), of unit length."""

    space: TextSpace
    direction: Tensor
    card: TextCard

    def answers(self, likeness: NDArray[np.floating]) -> NDArray[np.float64]:
        """Likeness -1..1 [N] -> answers 0..1, [N]."""
        shares = np.linspace(0, 1, len(self.card.quantiles))
        return np.asarray(np.interp(likeness, self.card.quantiles, shares))


def make_text_head(
    task: str, sentence: str, network: Path, faces: NDArray[np.uint8], name: str
) -> tuple[TextHead, NDArray[np.float32]]:
    """The head of a sentence, and the likeness of each reference face, float32 [n].

    network: a checkpoint, or a bundle's folder. faces: uint8 [n, H, W, 3], aligned, with a margin;
    `name` says in words whose they are. Raises ValueError for an empty sentence, and
    CheckpointError for a network that never learned the text space.
    """
    space = open_text_space(network)
    if not sentence.strip():
        raise ValueError("--text is empty; expected a sentence such as 'a person who smiles'")
    direction = F.normalize(torch.from_numpy(encode_texts([sentence], space.encoder)[0]), dim=0)
    likeness = read_faces(network, space, faces) @ direction.numpy()
    quantiles = np.quantile(likeness, np.linspace(0, 1, QUANTILES))
    card = TextCard(
        task=task,
        sentence=sentence,
        encoder=space.encoder,
        start=space.start,
        network_sha256=network_digest(network),
        reference=name,
        faces=len(likeness),
        quantiles=tuple(float(value) for value in quantiles),
    )
    return TextHead(space, direction, card), likeness


def read_faces(network: Path, space: TextSpace, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Aligned faces in the text space, unit vectors float32 [n, text]."""
    frozen = open_network(network)
    size = frozen.alignment
    parts = np.array_split(np.arange(len(faces)), max(1, len(faces) // 64))
    vectors = []
    for part in tqdm(parts, desc="faces", unit="batch", mininterval=5):
        cut = np.stack([centre(face, size.width, size.height) for face in faces[part]])
        vectors.append(space.read(torch.from_numpy(frozen.read(cut))).numpy())
    return np.concatenate(vectors)


def save_text_head(head: TextHead, path: Path) -> None:
    """Write a text head, atomically."""
    content = {
        "format": FORMAT,
        "card": msgspec.json.encode(head.card).decode(),
        "direction": head.direction,
        "weight": head.space.weight,
        "bias": head.space.bias,
    }
    save_atomically(content, path)


def is_text_head(path: Path) -> bool:
    """Whether a file is a text head; raises CheckpointError if it is no checkpoint."""
    return load_content(path, MISSING).get("format") == FORMAT


def load_text_head(path: Path, network: Path) -> TextHead:
    """Read a head of a network (a checkpoint, or a bundle's folder).

    Raises CheckpointError if it is none, or belongs to another network.
    """
    content = load_content(path, MISSING)
    if content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a head written by `distill adapt --text`")
    card = msgspec.json.decode(content["card"], type=TextCard)
    check_network(path, card.network_sha256, network)
    space = TextSpace(content["weight"], content["bias"], card.encoder, card.start)
    return TextHead(space, content["direction"], card)
