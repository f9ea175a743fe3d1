"""What libraries call the parameters of a network, in the words of torchvision's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

Rules = tuple[tuple[str, str], ...]
"""Pattern of a whole name, and the name here; PART_OF marks one of three that are joined."""
PART_OF: Final = "@"


@dataclass(frozen=True)
class Naming:
    """A library's names. sign: one that its files have, and no other's."""

    title: str
    sign: str
    rules: Rules


@dataclass(frozen=True)
class Named:
    """Tensors by names here. title: of the naming; left_out: a file's names without one."""

    title: str
    state: dict[str, Tensor]
    left_out: list[str] = field(default_factory=list)


def translate(state: Mapping[str, Tensor], namings: Sequence[Naming], own: str) -> Named:
    """A file's tensors, whatever stands before their names: as "visual.trunk." in open_clip.

    Of several parts, as the two towers of CLIP, it is the one that has the naming's sign. A file
    without any sign is taken to have the names of `own`.
    """
    for naming in namings:
        found = sorted((name for name in state if _ends(name, naming.sign)), key=len)
        if found:
            return _translated(state, naming, found[0].removesuffix(naming.sign))
    return Named(own, dict(state))


def _ends(name: str, sign: str) -> bool:
    return name == sign or name.endswith(f".{sign}")


def _translated(state: Mapping[str, Tensor], naming: Naming, prefix: str) -> Named:
    named: dict[str, Tensor] = {}
    joined: dict[str, dict[str, Tensor]] = {}
    left_out = []
    for name, value in state.items():
        here = _name(name.removeprefix(prefix), naming) if name.startswith(prefix) else None
        if here is None:
            left_out.append(name)
        elif PART_OF in here:
            whole, _, part = here.partition(PART_OF)
            joined.setdefault(whole, {})[part] = value
        else:
            named[here] = value
    for whole, parts in joined.items():
        named[whole] = torch.cat([parts[part] for part in sorted(parts)])
    return Named(naming.title, named, left_out)


def _name(name: str, naming: Naming) -> str | None:
    for pattern, here in naming.rules:
        if match := re.fullmatch(pattern, name):
            return match.expand(here)
    return None


_LAYER: Final = r"encoder.layers.encoder_layer_\1"
_WB: Final = r"(weight|bias)"

VIT_NAMINGS: Final = (
    Naming(
        "timm, MAE",
        "patch_embed.proj.weight",
        (
            (rf"patch_embed\.proj\.{_WB}", r"conv_proj.\1"),
            (r"cls_token", "class_token"),
            (r"pos_embed", "encoder.pos_embedding"),
            (rf"norm_pre\.{_WB}", r"norm_pre.\1"),
            (rf"blocks\.(\d+)\.norm([12])\.{_WB}", rf"{_LAYER}.ln_\2.\3"),
            (rf"blocks\.(\d+)\.attn\.qkv\.{_WB}", rf"{_LAYER}.self_attention.in_proj_\2"),
            (rf"blocks\.(\d+)\.attn\.proj\.{_WB}", rf"{_LAYER}.self_attention.out_proj.\2"),
            (rf"blocks\.(\d+)\.mlp\.fc1\.{_WB}", rf"{_LAYER}.mlp.0.\2"),
            (rf"blocks\.(\d+)\.mlp\.fc2\.{_WB}", rf"{_LAYER}.mlp.3.\2"),
            (rf"norm\.{_WB}", r"encoder.ln.\1"),
        ),
    ),
    Naming(
        "open_clip, OpenAI CLIP, FaRL",
        "conv1.weight",
        (
            (r"conv1\.weight", "conv_proj.weight"),
            (r"class_embedding", "class_token"),
            (r"positional_embedding", "encoder.pos_embedding"),
            (rf"ln_pre\.{_WB}", r"norm_pre.\1"),
            (rf"transformer\.resblocks\.(\d+)\.ln_([12])\.{_WB}", rf"{_LAYER}.ln_\2.\3"),
            (
                r"transformer\.resblocks\.(\d+)\.attn\.(in_proj_weight|in_proj_bias"
                r"|out_proj\.weight|out_proj\.bias)",
                rf"{_LAYER}.self_attention.\2",
            ),
            (rf"transformer\.resblocks\.(\d+)\.mlp\.c_fc\.{_WB}", rf"{_LAYER}.mlp.0.\2"),
            (rf"transformer\.resblocks\.(\d+)\.mlp\.c_proj\.{_WB}", rf"{_LAYER}.mlp.3.\2"),
            (rf"ln_post\.{_WB}", r"encoder.ln.\1"),
        ),
    ),
    Naming(
        "transformers CLIP, SigLIP",
        "embeddings.patch_embedding.weight",
        (
            (rf"embeddings\.patch_embedding\.{_WB}", r"conv_proj.\1"),
            (r"embeddings\.class_embedding", "class_token"),
            (r"embeddings\.position_embedding\.weight", "encoder.pos_embedding"),
            (rf"pre_layrnorm\.{_WB}", r"norm_pre.\1"),
            (rf"encoder\.layers\.(\d+)\.layer_norm([12])\.{_WB}", rf"{_LAYER}.ln_\2.\3"),
            *(
                (
                    rf"encoder\.layers\.(\d+)\.self_attn\.{part}_proj\.{_WB}",
                    rf"{_LAYER}.self_attention.in_proj_\2{PART_OF}{place}",
                )
                for place, part in enumerate("qkv")
            ),
            (
                rf"encoder\.layers\.(\d+)\.self_attn\.out_proj\.{_WB}",
                rf"{_LAYER}.self_attention.out_proj.\2",
            ),
            (rf"encoder\.layers\.(\d+)\.mlp\.fc1\.{_WB}", rf"{_LAYER}.mlp.0.\2"),
            (rf"encoder\.layers\.(\d+)\.mlp\.fc2\.{_WB}", rf"{_LAYER}.mlp.3.\2"),
            (rf"post_layernorm\.{_WB}", r"encoder.ln.\1"),
        ),
    ),
    Naming(
        "transformers ViT, MAE",
        "embeddings.patch_embeddings.projection.weight",
        (
            (rf"embeddings\.patch_embeddings\.projection\.{_WB}", r"conv_proj.\1"),
            (r"embeddings\.cls_token", "class_token"),
            (r"embeddings\.position_embeddings", "encoder.pos_embedding"),
            (rf"encoder\.layer\.(\d+)\.layernorm_before\.{_WB}", rf"{_LAYER}.ln_1.\2"),
            (rf"encoder\.layer\.(\d+)\.layernorm_after\.{_WB}", rf"{_LAYER}.ln_2.\2"),
            *(
                (
                    rf"encoder\.layer\.(\d+)\.attention\.attention\.{part}\.{_WB}",
                    rf"{_LAYER}.self_attention.in_proj_\2{PART_OF}{place}",
                )
                for place, part in enumerate(("query", "key", "value"))
            ),
            (
                rf"encoder\.layer\.(\d+)\.attention\.output\.dense\.{_WB}",
                rf"{_LAYER}.self_attention.out_proj.\2",
            ),
            (rf"encoder\.layer\.(\d+)\.intermediate\.dense\.{_WB}", rf"{_LAYER}.mlp.0.\2"),
            (rf"encoder\.layer\.(\d+)\.output\.dense\.{_WB}", rf"{_LAYER}.mlp.3.\2"),
            (rf"layernorm\.{_WB}", r"encoder.ln.\1"),
        ),
    ),
)
"""Of ViT-B/16."""


def _convnext(title: str, sign: str, names: Mapping[str, str]) -> Naming:
    """A naming of ConvNeXt; names: of a stage's stem, downsampling and parts of a block."""
    rules = [
        (rf"{names['stem']}\.([01])\.{_WB}", r"features.0.\1.\2"),
        *(
            (rf"{names['downsample']}\.([01])\.{_WB}".format(place), rf"features.{2 * place}.\1.\2")
            for place in (1, 2, 3)
        ),
    ]
    for stage in range(4):
        here, block = rf"features.{2 * stage + 1}.\1", names["block"].format(stage)
        rules.append((rf"{block}\.gamma", f"{here}.layer_scale"))
        for part, place in (("conv", 0), ("norm", 2), ("fc1", 3), ("fc2", 5)):
            rules.append((rf"{block}\.{names[part]}\.{_WB}", rf"{here}.block.{place}.\2"))
    rules.append((rf"{names['last']}\.{_WB}", r"classifier.0.\1"))
    return Naming(title, sign, tuple(rules))


CONVNEXT_NAMINGS: Final = (
    _convnext(
        "timm, open_clip",
        "stem.0.weight",
        {
            "stem": "stem",
            "downsample": r"stages\.{}\.downsample",
            "block": r"stages\.{}\.blocks\.(\d+)",
            "conv": "conv_dw",
            "norm": "norm",
            "fc1": r"mlp\.fc1",
            "fc2": r"mlp\.fc2",
            "last": r"head\.norm",
        },
    ),
    _convnext(
        "ConvNeXt's authors",
        "downsample_layers.0.0.weight",
        {
            "stem": r"downsample_layers\.0",
            "downsample": r"downsample_layers\.{}",
            "block": r"stages\.{}\.(\d+)",
            "conv": "dwconv",
            "norm": "norm",
            "fc1": "pwconv1",
            "fc2": "pwconv2",
            "last": "norm",
        },
    ),
)
"""Of ConvNeXt-T."""
