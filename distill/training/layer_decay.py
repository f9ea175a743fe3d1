"""Layer-wise decay of the learning rate (Clark et al. 2020, arXiv:2003.10555)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from distill.networks.network import FaceStateNet


def layers_above(network: FaceStateNet) -> dict[str, int]:
    """How many layers lie above each parameter of trunk and branches, the heads as one of them.

    A layer is the stem, a block of a stage, or another part of a branch. Parameters that are not
    here, such as the heads, have the rate that they have.
    """
    places, count = _layers("trunk", network.trunk.items(), 0)
    ends = []
    for name in ("emotion", "action_units"):
        branch = getattr(network, name)
        own, end = _layers(name, ((part, getattr(branch, part)) for part in branch.parts), count)
        places |= own
        ends.append(end)
    return {name: max(ends) - place for name, place in places.items()}


def _layers(
    prefix: str, parts: Iterable[tuple[str, nn.Module]], first: int
) -> tuple[dict[str, int], int]:
    """Number of the layer of each parameter, from `first`; and the number after the last."""
    places: dict[str, int] = {}
    for name, part in parts:
        blocks = (
            [(f"{name}.{child}", block) for child, block in part.named_children()]
            if name.startswith("stage") and isinstance(part, nn.Sequential)
            else [(name, part)]
        )
        for place, block in blocks:
            owned = [f"{prefix}.{place}.{parameter}" for parameter, _ in block.named_parameters()]
            places |= dict.fromkeys(owned, first)
            first += bool(owned)
    return places, first
