"""Heads: what a DFN learned, kept with what network it belongs to; any number on one network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from distill.adapting.frozen import network_digest
from distill.adapting.user_data.labels import Kind
from distill.networks.dfn import DFN, Layout
from distill.training.checkpoint import CheckpointError, load_content, save_atomically
from mf2_edge.bundle.head_schema import TaskCalibration
from mf2_edge.pipeline.task_head import to_answers

FORMAT = "mf2-edge head 1"
MISSING = "make one first (distill adapt)"
"""What to do where there is no head."""


class HeadCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a head is, and what it needs to answer."""

    task: str
    kind: Kind
    labels: tuple[str, ...]
    """Meaning of each logit, in order."""
    mf2_sha256: str
    """Of the checkpoint of the network that it reads; no other will do."""
    layout: Layout
    """Hidden states that it reads."""
    width: int
    calibration: TaskCalibration
    faces: int
    """Faces that it learned from."""
    seed: int


@dataclass(frozen=True)
class Head:
    """A trained DFN, in eval mode, and what it is."""

    dfn: DFN
    card: HeadCard

    def answers(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits [n, labels] -> probabilities 0..1, or scores in the user's unit, [n, labels]."""
        return to_answers(self.card.calibration, self.card.labels, logits)


def save_head(head: Head, path: Path) -> None:
    """Write a head, atomically."""
    card = msgspec.json.encode(head.card).decode()
    save_atomically({"format": FORMAT, "card": card, "dfn": head.dfn.state_dict()}, path)


def load_head(path: Path, network: Path) -> Head:
    """Read a head of a network (a checkpoint, or a bundle's folder).

    Raises CheckpointError if it is no head, or belongs to another network.
    """
    content = load_content(path, MISSING)
    if content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a head written by `python -m distill adapt`")
    card = msgspec.json.decode(content["card"], type=HeadCard)
    check_network(path, card.mf2_sha256, network)
    dfn = empty_dfn(card)
    dfn.load_state_dict(content["dfn"])
    return Head(dfn.eval(), card)


def check_network(path: Path, made_for: str, network: Path) -> None:
    """Raise CheckpointError for a head that was made for a network with another sha256."""
    found = network_digest(network)
    if found != made_for:
        raise CheckpointError(
            f"{path} belongs to the network with sha256 {made_for[:12]}..., but "
            f"{network} has {found[:12]}...: give that one, or adapt again"
        )


def empty_dfn(card: HeadCard) -> DFN:
    """The DFN of a card, untrained."""
    blank = torch.ones(card.layout.width)
    with torch.random.fork_rng(devices=[]):
        return DFN(card.layout, len(card.labels), blank, blank, card.width)
