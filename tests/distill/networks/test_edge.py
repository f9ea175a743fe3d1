"""The network for phones: shortened, its slopes faded, taught by an ensemble with an MF² in it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from distill.adapting.frozen import open_frozen
from distill.adapting.hidden import hidden_states
from distill.config import ConfigError, Recipe, load_recipe
from distill.ensemble_config import EnsembleConfig, ViewConfig
from distill.faces.batches import Batch, centre_tensor, make_batches
from distill.networks.activations import FadingPReLU, fade, start_fading, to_relu
from distill.networks.architectures import build_network
from distill.networks.edge import EdgeNet
from distill.networks.export_net import embedding_widths, export_network
from distill.networks.network import FaceStateNet
from distill.prepare import prepare
from distill.train_config import DistillationConfig
from distill.training.bundle_weights import copy_labelled
from distill.training.checkpoint import TRAINED, load_network, save_network
from distill.training.distributed import join_world
from distill.training.init import start_network
from distill.training.loop import make_objective, train
from distill.training.losses.distillation import cosine_loss, normalised_mse
from distill.training.losses.functions import dist_loss
from distill.training.sources.stored import training_sources
from distill.training.teachers.find import find_teacher
from tests.helpers.exported import lively_network
from tests.helpers.tiny_training import RECIPE, SMALL, tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

ONCE = ViewConfig(scales=(1.0,), mirrored=False)
replace = msgspec.structs.replace


def network_of(width: float = 1.0, **changes: object) -> FaceStateNet:
    """A network of random weights and slopes."""
    recipe = load_recipe(RECIPE)
    settings = replace(recipe.network, init_from=None, width=width, dropout=0.0, **changes)
    return lively_network(replace(recipe, network=settings), 0)


def test_a_block_that_is_left_out_passes_its_input_on() -> None:
    whole, shorter = network_of(), network_of(drop_blocks=("stage3.5",))
    recipe = load_recipe(RECIPE)
    with torch.inference_mode():  # as the weights were made
        copy_labelled(whole, recipe, shorter, recipe)
    blocks = whole.trunk["stage3"]
    assert isinstance(blocks, nn.Sequential)
    blocks[5] = nn.Identity()
    faces = torch.randn(1, 3, 112, 112)
    with torch.inference_mode():
        assert all(torch.equal(a, b) for a, b in zip(whole(faces), shorter(faces), strict=True))


@pytest.mark.parametrize(
    ("place", "reason"),
    [("stage3.0", "no residual"), ("stage9.1", "no block"), ("stage3.77", "no block")],
)
def test_only_residual_blocks_can_be_left_out(place: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        network_of(drop_blocks=(place,))


def test_slopes_of_the_weights_that_a_network_starts_from_fade_as_well() -> None:
    recipe = load_recipe(RECIPE)
    settings = replace(recipe.network, init_from=None, frozen=(), dropout=0.0)
    sloping, fading = (
        start_network(replace(recipe, network=replace(settings, activation=kind)))
        for kind in ("prelu", "relu")
    )
    slopes = sum(isinstance(module, nn.PReLU) for module in sloping.modules())
    assert sum(isinstance(module, FadingPReLU) for module in fading.modules()) == slopes > 0
    assert not any(isinstance(module, nn.PReLU) for module in fading.modules())


def test_slopes_fade_from_prelu_to_relu() -> None:
    before, fading, after = (nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(8)) for _ in range(3))
    with torch.no_grad():
        before.get_parameter("1.weight").copy_(torch.linspace(-9, 9, 8))
    for other in (fading, after):
        other.load_state_dict(before.state_dict())
    start_fading(fading)
    to_relu(after)
    x = torch.randn(4, 3, 9, 9)
    assert torch.equal(fading(x), before(x))
    fade(fading, 0)
    assert torch.equal(fading(x), after(x))
    fade(fading, 0.5)
    torch.testing.assert_close(fading(x), (before(x) + after(x)) / 2)
    to_relu(fading)
    assert torch.equal(fading(x), after(x))


def test_relation_asks_for_the_order_and_not_for_the_values() -> None:
    taught = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    assert dist_loss(taught, taught).item() == pytest.approx(0, abs=1e-5)
    assert dist_loss(-taught, taught).item() > 1
    learnt = taught.clone().requires_grad_()
    dist_loss(learnt, taught.roll(1, dims=1)).backward()  # type: ignore[no-untyped-call]
    assert learnt.grad is not None
    assert learnt.grad.abs().sum() > 0


def test_what_is_unexplained_is_one_for_the_mean_and_none_for_the_teacher_itself() -> None:
    taught = torch.randn(50, 4, 3) * 7 + 2
    assert normalised_mse(taught.mean(dim=0).expand_as(taught), taught).item() == pytest.approx(1)
    assert normalised_mse(taught, taught).item() == 0
    unit = nn.functional.normalize(torch.randn(5, 3), dim=1)
    assert cosine_loss(unit, unit).item() == pytest.approx(0, abs=1e-6)
    assert cosine_loss(unit, -unit).item() == pytest.approx(2)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """An edge network's recipe in miniature; its teacher is an MF² with a plain network beside."""
    folder = tmp_path_factory.mktemp("edge")
    tiny, shipped = tiny_recipe(folder), load_recipe(RECIPE.with_name("mf2-edge-m.toml"))
    prepare(tiny, workers=1)
    settings = replace(tiny.network, architecture="mf2", token_width=16)
    members = (replace(tiny, name="plain"), replace(tiny, name="mf2", network=settings))
    for member in members:
        train(member)
        write_recipe(member, folder / f"{member.name}.toml")
    config = EnsembleConfig(
        name="teacher", members=("plain.toml", "mf2.toml"), views=ONCE, training_views=ONCE
    )
    (folder / "teacher.toml").write_bytes(msgspec.toml.encode(config))
    return replace(
        tiny,
        name="edge",
        teacher=str(folder / "teacher.toml"),
        distillation=DistillationConfig(share=0.5, embedding=1.0, head=0.5, tokens=0.5, text=1.0),
        network=replace(
            shipped.network,
            architecture="edge",
            init_from=str(members[1].run_folder / "network.pt"),
            frozen=(),
            token_width=16,
            taught_width=256,  # as the small MF² tells
            **SMALL,
        ),
        train=replace(tiny.train, fade_steps=2),
    )


@pytest.fixture(scope="module")
def trained(recipe: Recipe) -> Recipe:
    train(recipe)
    return recipe


def test_an_edge_network_ends_with_relu_alone(trained: Recipe) -> None:
    network = load_network(trained.run_folder / "network.pt").network
    assert isinstance(network, EdgeNet)
    assert not [m for m in network.modules() if isinstance(m, nn.PReLU)]
    assert sum(isinstance(m, nn.ReLU) for m in network.modules()) > 15


def test_its_features_have_the_shapes_of_those_of_mf2(trained: Recipe) -> None:
    network = load_network(trained.run_folder / "network.pt").network
    assert isinstance(network, EdgeNet)
    faces = torch.randn(3, 3, 112, 112)
    features = network.read(faces)
    teacher = find_teacher(trained, None, torch.device("cpu"))
    assert teacher is not None
    taught = teacher(Batch(faces, {}, faces[:, 0, 0], 0))
    assert taught.features is not None
    assert taught.emotion_head is not None
    weight, bias = taught.emotion_head
    assert (features.embedding @ weight.T + bias).shape == features.emotion.shape
    for name in ("embedding", "tokens", "face_text", "unit_text"):
        assert getattr(features, name).shape == getattr(taught.features, name).shape, name
    outputs = (features.emotion, features.action_units, *features.extra)
    for found, expected in zip(network(faces), outputs, strict=True):
        torch.testing.assert_close(found, expected)


def test_each_distillation_loss_alone_moves_the_layer_it_is_of(trained: Recipe) -> None:
    assert trained.distillation is not None
    none = replace(trained.distillation, embedding=0.0, head=0.0, tokens=0.0, text=0.0)
    for loss, part in (
        ("embedding", "embed.weight"),
        ("head", "embed.weight"),
        ("tokens", "tokens.weight"),
        ("text", "face_to_text.weight"),
    ):
        gradients = []
        for weight in (0.0, 1.0):
            alone = replace(trained, distillation=replace(none, **{loss: weight}))
            sources = training_sources(alone, None)
            objective = make_objective(alone, sources, None, join_world())
            network = start_network(alone).train()
            batch = make_batches(alone, sources, alone.train.batch, 0)[0]
            objective.total(objective.losses(network, batch, 0)).backward()  # type: ignore[no-untyped-call]
            gradients.append(network.get_parameter(part).grad)
        assert gradients[0] is None or not gradients[0].any(), loss
        assert gradients[1] is not None, loss
        assert gradients[1].any(), loss


def test_a_new_head_reads_its_vectors_and_none_of_its_tokens(
    trained: Recipe, tmp_path: Path
) -> None:
    faces = np.random.default_rng(0).integers(0, 255, (4, 128, 128, 3)).astype(np.uint8)
    np.save(tmp_path / "faces.npy", faces)
    rows = np.arange(len(faces))
    states = hidden_states(
        trained.run_folder / "network.pt",
        tmp_path / "faces.npy",
        rows,
        tmp_path,
        views=1,
        seed=0,
        workers=1,
    )
    network = open_frozen(trained.run_folder / "network.pt")[0]
    assert states.layout.units == 0
    assert states.layout.stages == tuple(embedding_widths(network).values())
    x = centre_tensor(trained, faces)
    with torch.inference_mode():
        reading, outputs = network.read(x), export_network(network)(x)
    for vector, told in zip(reading.stages, outputs[-2:], strict=True):
        torch.testing.assert_close(vector, told)
    np.testing.assert_allclose(
        states.values[:, 0], torch.cat(reading.stages, dim=1), rtol=1e-2, atol=1e-4
    )


def test_weights_as_wide_as_mobilefacenet_cannot_fill_a_narrower_one(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPE)
    settings = replace(recipe.network, init_from=None, weights="MobileFaceNet.tflite", width=0.5)
    with pytest.raises(ConfigError, match="as wide as 1"):
        start_network(replace(recipe, network=settings))
    other = replace(recipe, network=replace(settings, weights=None, width=1.0))
    save_network(build_network(other), other, TRAINED, tmp_path / "network.pt")
    backbone = replace(
        settings,
        backbone="efficientnet_lite0",
        init_from=str(tmp_path / "network.pt"),
        weights=None,
    )
    for started in (backbone, replace(backbone, backbone="mobilefacenet")):
        with pytest.raises(ConfigError, match="start from a checkpoint of the same"):
            start_network(replace(recipe, network=replace(started, activation="relu")))
