"""Weights that a backbone starts from: a file of parameters by name, or installed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest
from logging import getLogger
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import ConfigError
from distill.networks.backbones.torchvision_import import ensure_torchvision
from distill.networks.backbones.weight_file import OTHERWISE, read_weights
from distill.networks.backbones.weight_names import Naming, translate
from mf2_edge.extras import require

IMAGENET: Final = "imagenet"
"""What a recipe calls the ImageNet weights that are installed."""
TORCHVISION: Final = "torchvision"
POSITIONS: Final = "pos_embedding"

logger = getLogger(__name__)


@dataclass(frozen=True)
class StartReport:
    """What a network took of a file, by name: all of `taken`; of those, `resampled` positions.

    naming: whose names the file has. left_out: its names that the network has no place for.
    """

    path: Path
    naming: str
    taken: tuple[str, ...]
    resampled: tuple[str, ...]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        """In two lines at most."""
        said = f"{self.path} (names of {self.naming}): {len(self.taken)} parameters taken"
        if self.resampled:
            said += f", {', '.join(self.resampled)} resampled to this grid of patches"
        if self.left_out:
            more = f" and {len(self.left_out) - 8} more" if len(self.left_out) > 8 else ""
            said += f"; {len(self.left_out)} left out: {', '.join(self.left_out[:8])}{more}"
        return said


def fill(
    network: nn.Module,
    path: Path,
    head: str,
    namings: Sequence[Naming] = (),
    own: str = TORCHVISION,
) -> StartReport:
    """Load a file's parameters into a network, all but those of its classifier, `head`.

    namings: what other libraries call them; own: whose names the network's are. Raises ConfigError
    if the file is not there, is not a state dict, or another network's.
    """
    named = translate(read_weights(path), namings, own)
    wanted = {n: v for n, v in network.state_dict().items() if not n.startswith(head)}
    given = {name: value for name, value in named.state.items() if not name.startswith(head)}
    taken: dict[str, Tensor] = {}
    resampled, problems = [], []
    for name, value in wanted.items():
        found = given.get(name)
        if found is None:
            problems.append(f"no {name}")
            continue
        if _places(found) != _places(value) and name.endswith(POSITIONS):
            found = resample_positions(found, value)
            resampled.append(name)
        if found.squeeze().shape != value.squeeze().shape:
            problems.append(f"{name} is {tuple(found.shape)}, expected {tuple(value.shape)}")
            continue
        taken[name] = found.reshape(value.shape)
    problems += [f"{name} has no place" for name in given if name not in wanted]
    if problems:
        more = f", and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ConfigError(
            f"{path} does not hold the weights of this {type(network).__name__} (read with the "
            f"names of {named.title}): {'; '.join(problems[:5])}{more}{_hint(given, wanted)}"
        )
    network.load_state_dict(taken, strict=False)
    heads = [name for name in named.state if name.startswith(head)]
    report = StartReport(
        path, named.title, tuple(taken), tuple(resampled), (*heads, *named.left_out)
    )
    logger.info("%s", report)
    return report


def _hint(given: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """Which backbone the file may be of, where another ViT of ours has what this one lacks."""
    if not any(POSITIONS in name for name in given) or not any(POSITIONS in n for n in wanted):
        return ""
    if "norm_pre.weight" in given and "norm_pre.weight" not in wanted:
        return '. It is a CLIP: set backbone = "vit_b_16_clip", or "vit_b_16_clip_quickgelu"'
    if "class_token" in wanted and "class_token" not in given:
        return '. It has no class token, as SigLIP: set backbone = "vit_b_16_siglip"'
    if "norm_pre.weight" in wanted and "norm_pre.weight" not in given:
        return '. It is no CLIP: set backbone = "vit_b_16"'
    return ""


def _places(positions: Tensor) -> int:
    return positions.numel() // positions.shape[-1] if positions.ndim else 0


def resample_positions(given: Tensor, wanted: Tensor) -> Tensor:
    """Position embeddings ([1,] n, C) of another grid of patches as those of `wanted`, (1, m, C).

    Bicubic; a class token's own comes first where n and m are one more than a square.
    """
    given = given.reshape(1, -1, given.shape[-1])
    old, new = (round(_places(x) ** 0.5) for x in (given, wanted))
    extra, expected = _places(given) - old**2, _places(wanted) - new**2
    if extra != expected or extra not in (0, 1) or given.shape[-1] != wanted.shape[-1]:
        return given
    grid = given[:, extra:].transpose(1, 2).reshape(1, -1, old, old)
    grid = F.interpolate(grid, (new, new), mode="bicubic", antialias=True)
    return torch.cat([given[:, :extra], grid.flatten(2).transpose(1, 2)], dim=1)


def torchvision_models() -> Any:
    """The module torchvision.models; raises MissingExtraError without torchvision."""
    ensure_torchvision()
    return require("torchvision.models", extra="backbones")


def torchvision_file(weights: str, imagenet: str) -> Path:
    """The file that `weights` names: itself, or for "imagenet" torchvision's own, as downloaded.

    imagenet: torchvision's name of those, as "ViT_B_16_Weights.IMAGENET1K_V1". Nothing is
    downloaded here. Raises ConfigError if torchvision's file is not there or is damaged.
    """
    if weights != IMAGENET:
        return Path(weights)
    url: str = torchvision_models().get_weight(imagenet).url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        raise ConfigError(
            f"no ImageNet weights at {path}. Where there is a network, torchvision.models."
            f"{imagenet}.get_state_dict() fetches that file; or {OTHERWISE}"
        )
    wanted = path.stem.rpartition("-")[2]  # torchvision names its files by their sha256
    with path.open("rb") as file:
        if not file_digest(file, "sha256").hexdigest().startswith(wanted):
            raise ConfigError(f"{path} is damaged: its sha256 does not start with {wanted}")
    return path
