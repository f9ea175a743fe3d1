"""How large a network is, as a phone runs it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from distill.networks.export_net import export_network
from distill.networks.network import FaceStateNet
from mf2_edge.bundle.schema import AlignmentSpec


@dataclass(frozen=True)
class Size:
    """macs: multiply-adds of convolutions and linear layers, a face; parameters: their number."""

    macs: int
    parameters: int


@torch.no_grad()
def network_size(network: FaceStateNet, face: AlignmentSpec) -> Size:
    """The size of the exported part of a network, for aligned faces of that size."""
    exported = export_network(network)
    counter = FlopCounterMode(display=False)
    with counter:
        exported(torch.zeros(1, 3, face.height, face.width))
    parameters = sum(parameter.numel() for parameter in exported.parameters())
    return Size(counter.get_total_flops() // 2, parameters)
