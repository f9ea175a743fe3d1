"""A face seen in several ways, whose answers are averaged: smaller, larger, mirrored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.ensemble_config import ViewConfig


def views(images: Tensor, config: ViewConfig) -> list[Tensor]:
    """The same faces (N, 3, H, W) once for each scale, and mirrored ones beside them if asked."""
    seen = [images if scale == 1 else zoom(images, scale) for scale in config.scales]
    return seen + [view.flip(3) for view in seen] if config.mirrored else seen


def zoom(images: Tensor, scale: float) -> Tensor:
    """The faces (N, 3, H, W) `scale` times as large about their centre; edges are repeated."""
    matrix = torch.tensor([[1 / scale, 0.0, 0.0], [0.0, 1 / scale, 0.0]])
    grid = F.affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
