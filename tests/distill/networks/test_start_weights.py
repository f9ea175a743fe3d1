"""Starts from files as libraries write them: features are theirs, what is taken is reported."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill.config import ConfigError
from distill.networks.backbones.parts import PIXELS
from distill.networks.backbones.start_weights import resample_positions, torchvision_models
from distill.training.init import start_network
from tests.helpers.backbones import larger, narrow_networks, pooled, shipped

pytestmark = pytest.mark.slow

State = dict[str, Tensor]
SIZE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 224,
    "patch_size": 16,
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of torchvision, thin as those of transformers here."""
    narrow_networks(monkeypatch)


def randomise(network: nn.Module) -> nn.Module:
    """So that no part's absence goes unseen."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network.eval()


def seen(faces: Tensor, pixels: str) -> Tensor:
    return larger(faces, *(torch.tensor(values) for values in PIXELS[pixels]))


def saved(network: Any, folder: Path) -> Path:
    """Where transformers puts the weights, by the names of the files that people have."""
    network.save_pretrained(folder)
    return folder / "model.safetensors"


def clip(activation: str) -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    return randomise(CLIPVisionModel(CLIPVisionConfig(**SIZE, hidden_act=activation)))


def openai_names(state: State) -> State:
    """A CLIP of transformers with the names of OpenAI's, as in FaRL's and open_clip's files."""
    state = {name.removeprefix("vision_model."): value for name, value in state.items()}
    renamed = {
        "visual.conv1.weight": state["embeddings.patch_embedding.weight"],
        "visual.class_embedding": state["embeddings.class_embedding"],
        "visual.positional_embedding": state["embeddings.position_embedding.weight"],
        "visual.proj": torch.ones(32, 8),
        "transformer.resblocks.0.ln_1.weight": torch.ones(16),  # the text tower's
        "logit_scale": torch.tensor(1.0),
    }
    for end in ("weight", "bias"):
        renamed[f"visual.ln_pre.{end}"] = state[f"pre_layrnorm.{end}"]
        renamed[f"visual.ln_post.{end}"] = state[f"post_layernorm.{end}"]
        for i in range(3):
            old, new = f"encoder.layers.{i}", f"visual.transformer.resblocks.{i}"
            parts = [state[f"{old}.self_attn.{part}_proj.{end}"] for part in "qkv"]
            renamed[f"{new}.attn.in_proj_{end}"] = torch.cat(parts)
            renamed[f"{new}.attn.out_proj.{end}"] = state[f"{old}.self_attn.out_proj.{end}"]
            for theirs, ours in (
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                renamed[f"{new}.{ours}.{end}"] = state[f"{old}.{theirs}.{end}"]
    return renamed


@pytest.mark.parametrize(
    ("backbone", "activation", "names"),
    [
        ("vit_b_16_clip_quickgelu", "quick_gelu", openai_names),
        ("vit_b_16_clip", "gelu", lambda state: state),
    ],
)
def test_a_start_from_clip_has_its_features(
    backbone: str,
    activation: str,
    names: Callable[[State], State],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network = clip(activation)
    path = tmp_path / "FaRL.pth"
    torch.save({"state_dict": names(network.state_dict()), "epoch": 16}, path)
    faces = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        own = network(seen(faces, "openai_clip")).pooler_output
    with caplog.at_level(logging.INFO):
        found = pooled(shipped(backbone, str(path)), faces)
    torch.testing.assert_close(found, own, rtol=1e-3, atol=1e-3)
    count = 5 + 12 * 3 + 2
    assert f"{count} parameters taken" in caplog.text
    if names is openai_names:
        assert "3 left out: visual.proj, transformer.resblocks.0.ln_1.weight" in caplog.text


def test_a_start_from_siglip_has_its_features_averaged_over_patches(tmp_path: Path) -> None:
    from transformers import SiglipVisionConfig, SiglipVisionModel

    network = randomise(SiglipVisionModel(SiglipVisionConfig(**SIZE)))
    path = saved(network, tmp_path)
    faces = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        own = network(seen(faces, "inception")).last_hidden_state.mean(dim=1)
    found = pooled(shipped("vit_b_16_siglip", str(path)), faces)
    torch.testing.assert_close(found, own, rtol=1e-3, atol=1e-3)


def test_a_start_from_transformers_mae_has_its_features(tmp_path: Path) -> None:
    from transformers import ViTMAEConfig, ViTMAEModel

    config = ViTMAEConfig(**SIZE, mask_ratio=0.0, layer_norm_eps=1e-6)
    network = randomise(ViTMAEModel(config))
    path = saved(network, tmp_path)
    save_file({f"vit.{name}": value for name, value in load_file(path).items()}, path)
    faces = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        own = network(seen(faces, "imagenet")).last_hidden_state[:, 0]
    found = pooled(shipped("vit_b_16", str(path)), faces)
    torch.testing.assert_close(found, own, rtol=1e-3, atol=1e-3)


TIMM_VIT = (
    (r"conv_proj\.", "patch_embed.proj."),
    (r"^class_token", "cls_token"),
    (r"encoder\.pos_embedding", "pos_embed"),
    (r"encoder\.layers\.encoder_layer_", "blocks."),
    (r"\.ln_", ".norm"),
    (r"self_attention\.in_proj_", "attn.qkv."),
    (r"self_attention\.out_proj", "attn.proj"),
    (r"mlp\.0", "mlp.fc1"),
    (r"mlp\.3", "mlp.fc2"),
    (r"encoder\.ln", "norm"),
    (r"heads\.head", "head"),
)
TIMM_CONVNEXT = (
    (r"^features\.0", "stem"),
    *((rf"^features\.{2 * i}", f"stages.{i}.downsample") for i in (1, 2, 3)),
    *((rf"^features\.{2 * i + 1}\.", f"stages.{i}.blocks.") for i in range(4)),
    (r"block\.0", "conv_dw"),
    (r"block\.2", "norm"),
    (r"block\.3", "mlp.fc1"),
    (r"block\.5", "mlp.fc2"),
    (r"layer_scale", "gamma"),
    (r"classifier\.0", "head.norm"),
    (r"classifier\.2", "head.fc"),
)


@pytest.mark.parametrize(
    ("backbone", "rules", "wrap"),
    [
        ("vit_b_16", TIMM_VIT, lambda state: {"model": state}),  # as MAE's authors save it
        (
            "convnext_tiny",
            TIMM_CONVNEXT,  # as open_clip saves it
            lambda state: {f"module.visual.trunk.{name}": value for name, value in state.items()},
        ),
    ],
)
def test_a_start_with_timm_s_names_is_the_one_with_torchvision_s(
    backbone: str,
    rules: tuple[tuple[str, str], ...],
    wrap: Callable[[State], Any],
    tmp_path: Path,
) -> None:
    state = randomise(getattr(torchvision_models(), backbone)()).state_dict()
    renamed: State = {}
    for name, value in state.items():
        for pattern, theirs in rules:
            name = re.sub(pattern, theirs, name)
        renamed[name] = value.squeeze() if name.endswith("gamma") else value
    torch.save(state, tmp_path / "torchvision.pth")
    torch.save(wrap(renamed), tmp_path / "timm.pt")
    faces = torch.rand(1, 3, 112, 112)
    torch.testing.assert_close(
        pooled(shipped(backbone, str(tmp_path / "timm.pt")), faces),
        pooled(shipped(backbone, str(tmp_path / "torchvision.pth")), faces),
        rtol=0,
        atol=0,
    )


def test_a_file_of_another_kind_is_refused_with_the_backbone_that_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / "clip.pt"
    state = clip("gelu").state_dict()
    torch.save(state, path)
    with pytest.raises(ConfigError, match='It is a CLIP: set backbone = "vit_b_16_clip"'):
        start_network(shipped("vit_b_16", str(path)))
    short = {name: value for name, value in state.items() if "layers.2" not in name}
    torch.save(short | {"vision_model.post_layernorm.bias": torch.ones(7)}, path)
    with pytest.raises(ConfigError, match=r"no encoder\.layers\.encoder_layer_2.*more"):
        start_network(shipped("vit_b_16_clip", str(path)))
    torch.save({"epoch": 3}, path)
    with pytest.raises(ConfigError, match="no tensors by name, but epoch"):
        start_network(shipped("vit_b_16_clip", str(path)))
    (tmp_path / "noise.safetensors").write_bytes(b"noise")
    with pytest.raises(ConfigError, match="no safetensors file"):
        start_network(shipped("vit_b_16_clip", str(tmp_path / "noise.safetensors")))


def test_positions_of_another_grid_are_resampled() -> None:
    rows = torch.linspace(0, 1, 24).repeat_interleave(24)
    given = torch.cat([torch.full((1, 1, 2), 5.0), rows[None, :, None].expand(1, -1, 2)], dim=1)
    found = resample_positions(given, torch.zeros(1, 197, 2))
    assert found.shape == (1, 197, 2)
    assert torch.equal(found[:, 0], given[:, 0])
    grid = found[0, 1:, 0].reshape(14, 14)
    assert (grid.diff(dim=0) > 0).all()
    torch.testing.assert_close(grid, grid[:, :1].expand(14, 14))
