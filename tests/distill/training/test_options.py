"""Options of training: layer decay, drop path, checkpointed gradients, compilation, bf16."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from distill.config import Recipe
from distill.networks.drop_path import add_drop_path
from distill.networks.network import FaceStateNet
from distill.training import distributed
from distill.training.distributed import World
from distill.training.init import start_network
from distill.training.layer_decay import layers_above
from distill.training.loop import prepare_training
from tests.helpers.tiny_training import tiny_recipe

pytestmark = pytest.mark.slow

replace = msgspec.structs.replace
FACES = torch.randn(2, 3, 112, 112)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return tiny_recipe(tmp_path_factory.mktemp("options"))


@pytest.fixture
def network(recipe: Recipe) -> FaceStateNet:
    torch.manual_seed(0)
    return start_network(recipe)


def test_layers_are_counted_from_the_heads_down(network: FaceStateNet) -> None:
    above = layers_above(network)
    owned = {name for name, _ in network.named_parameters()}
    heads = {name for name in owned if ".head." in name or name.startswith(("strength", "visi"))}
    assert set(above) == owned - heads
    first = {name: value for name, value in above.items() if name.startswith("trunk.stem.")}
    assert set(first.values()) == {max(above.values())}
    blocks = [above[f"trunk.stage3.{i}.project.weight"] for i in (0, 1)]
    assert blocks[0] == blocks[1] + 1
    for branch in ("emotion", "action_units"):
        assert {v for n, v in above.items() if n.startswith(f"{branch}.gdc")} == {1}


def test_drop_path_skips_a_block_face_by_face_in_training_alone(network: FaceStateNet) -> None:
    with torch.no_grad():
        before = network.eval()(FACES)
        assert add_drop_path(network, 0.5) == 3  # one in each of stages 2 to 4
        for expected, found in zip(before, network(FACES), strict=True):
            assert torch.equal(expected, found)
        block = network.action_units.get_submodule("stage4.1")
        project = block.get_submodule("project")
        assert isinstance(project, nn.Conv2d)
        x = torch.randn(32, project.out_channels, 7, 7)
        whole = block(x)
        torch.manual_seed(0)
        found = block.train()(x)
    skipped = [torch.equal(found[i], x[i]) for i in range(32)]
    assert 8 < sum(skipped) < 24
    for i, out in enumerate(skipped):
        if not out:
            torch.testing.assert_close(found[i] - x[i], 2 * (whole[i] - x[i]))


def loss(network: FaceStateNet) -> Tensor:
    torch.manual_seed(1)  # of dropout and drop path
    return torch.stack([output.square().sum() for output in network.train()(FACES)]).sum()


def gradients(network: FaceStateNet, of: Tensor | None = None) -> list[Tensor]:
    network.zero_grad()
    (loss(network) if of is None else of).backward()  # type: ignore[no-untyped-call]
    return [p.grad for p in network.parameters() if p.grad is not None]


def test_checkpointed_gradients_are_the_same_and_keep_fewer_states(recipe: Recipe) -> None:
    settings = replace(recipe.network, architecture="mf2", token_width=16, frozen=())
    network = start_network(replace(recipe, network=settings))
    add_drop_path(network, 0.3)
    kept: list[int] = []

    def count(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    found = []
    for enabled in (False, True):
        kept.clear()
        network.set_grad_checkpointing(enabled)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            value = loss(network)
        states = sum(kept)
        found.append((gradients(network, value), states))
    (plain, all_states), (again, fewer) = found
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other)
    assert fewer < all_states / 2


def test_a_compiled_network_has_the_names_and_gradients_of_the_plain_one(
    recipe: Recipe, network: FaceStateNet
) -> None:
    names, expected = list(network.state_dict()), gradients(network)
    graphs: list[Any] = []

    def backend(graph: torch.fx.GraphModule, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    prepare_training(network, replace(recipe.train, torchcompile="eager"))
    network.compile(backend=backend)
    for one, other in zip(expected, gradients(network), strict=True):
        torch.testing.assert_close(one, other)
    assert len(graphs) == 1
    assert list(network.state_dict()) == names


def test_bf16_is_warned_of_where_the_cpu_has_no_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(0, 1, torch.device("cpu"))
    for has in (True, False):
        monkeypatch.setattr(distributed, "cpu_has_bf16", lambda has=has: has)
        with caplog.at_level(logging.WARNING):
            world.check_precision("float32")
            world.check_precision("bf16")
    [record] = caplog.records
    assert "no instructions for bf16" in record.message
    assert isinstance(distributed.cpu_has_bf16(), bool)


def test_a_process_without_faces_takes_part_in_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes in turns: what the other one adds is known."""
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].requires_grad_(False)
    added = [torch.tensor([1.0, 1.0]), torch.arange(6.0)]
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: tensor.add_(added.pop(0)))
    World(1, 2, torch.device("cpu")).sum_gradients(network.parameters())
    assert torch.equal(network[0].weight.grad, torch.arange(4.0).reshape(2, 2))  # type: ignore[arg-type]
    assert torch.equal(network[0].bias.grad, torch.tensor([4.0, 5.0]))  # type: ignore[arg-type]
    assert network[1].weight.grad is None


def test_a_recipe_names_its_options_in_timm_s_words(tmp_path: Path) -> None:
    from distill.config import load_recipe
    from tests.helpers.tiny_training import RECIPE

    changes = ("layer_decay=0.75", "drop_path=0.1", "clip_grad=1.0", "grad_checkpointing=true")
    train = load_recipe(RECIPE, [f"train.{change}" for change in changes]).train
    assert (train.layer_decay, train.drop_path, train.clip_grad) == (0.75, 0.1, 1.0)
    assert train.grad_checkpointing
