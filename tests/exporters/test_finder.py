"""The face finder: its weights, its ways of doubling, its files against the network."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

import mf2_edge
from exporters.errors import ConversionError
from exporters.finder.__main__ import FORMATS, import_weights, main
from exporters.finder.export import EXPORTS, load_network, run_exported, run_network
from exporters.finder.network import CHANNELS, HEADS, fold_published
from tests.helpers.samples import astronaut

DETECTOR = Path(mf2_edge.__file__).parent / "detectors" / "yunet_n"


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (96, 320)])
def test_the_shipped_file_is_the_network_at_any_size(size: tuple[int, int]) -> None:
    image = _portrait(size)
    found = run_exported(DETECTOR / "model.tflite", "tflite", image)
    for ours, wanted in zip(found, run_network(image), strict=True):
        assert ours.shape == wanted.shape
        assert np.abs(ours - wanted).max() < 1e-4


def test_the_command_names_every_format() -> None:
    assert tuple(EXPORTS) == FORMATS


def test_the_shipped_manifest_fits_its_file() -> None:
    manifest = json.loads((DETECTOR / "detector.json").read_text())
    data = (DETECTOR / manifest["file"]).read_bytes()
    assert sha256(data).hexdigest() == manifest["sha256"]
    assert len(data) <= 400_000


def test_both_ways_of_doubling_give_the_same() -> None:
    x = torch.from_numpy(_portrait((64, 96)).transpose(2, 0, 1)[None].astype(np.float32))
    with torch.no_grad():
        pairs = zip(load_network("stack")(x), load_network("nearest")(x), strict=True)
    assert all(torch.equal(found, wanted) for found, wanted in pairs)


def test_folding_joins_norms_and_heads_without_changing_values() -> None:
    state = _published_like()
    folded = fold_published(state)
    x = torch.rand(1, 16, 8, 8)
    block = _Published(16, 16)
    block.load_state_dict(_part(state, "backbone.model0.conv2"))
    pointwise = functional.conv2d(
        x, folded["stem_block.pointwise.weight"], folded["stem_block.pointwise.bias"]
    )
    found = functional.conv2d(
        pointwise,
        folded["stem_block.depthwise.weight"],
        folded["stem_block.depthwise.bias"],
        padding=1,
        groups=16,
    )
    with torch.no_grad():
        assert torch.allclose(functional.relu(found), functional.relu(block.eval()(x)), atol=1e-5)
    assert folded["heads.0.pointwise.weight"].shape == (CHANNELS, 64, 1, 1)
    start = 0
    for head, width in HEADS.items():
        part = folded["heads.1.depthwise.weight"][start : start + width]
        assert torch.equal(part, state[f"bbox_head.multi_level_{head}.1.conv2.weight"])
        start += width


def test_the_first_convolution_reads_rgb() -> None:
    state = _published_like()
    weight = fold_published(state)["stem.weight"]
    norm, name = state["backbone.model0.bn1.weight"], "backbone.model0.conv1.weight"
    scale = norm / torch.sqrt(state["backbone.model0.bn1.running_var"] + 1e-5)
    assert torch.allclose(weight, state[name].flip(1) * scale[:, None, None, None], atol=1e-6)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "yunet_n.pth"
    path.write_bytes(b"something else")
    with pytest.raises(ConversionError, match="not the published weights"):
        import_weights(path)
    assert main(["import", str(path)]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tflite", "onnx", "executorch", "coreml"])
def test_every_format_is_exported_and_compared(name: str, tmp_path: Path) -> None:
    assert main(["export", "--out", str(tmp_path), "--to", name]) == 0
    for entry in json.loads((tmp_path / "report.json").read_text()):
        assert entry["bytes"] <= 400_000
        assert name == "coreml" or entry["max_abs_difference"] < 1e-3


class _Published(nn.Module):
    """A unit of the published network: convolutions, then a batch norm."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)
        self.bn = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.bn(self.conv2(self.conv1(x)))
        return out


def _published_like() -> dict[str, torch.Tensor]:
    """Random weights under the published names."""
    torch.manual_seed(0)
    units = {"backbone.model0.conv2": (16, 16)}
    widths = ((16, 64), (64, 64), (64, 64), (64, 64), (64, 64))
    for stage, (inputs, outputs) in enumerate(widths, start=1):
        units[f"backbone.model{stage}.conv1"] = (inputs, inputs)
        units[f"backbone.model{stage}.conv2"] = (inputs, outputs)
    for level in range(3):
        units[f"neck.lateral_convs.{level}"] = (64, 64)
        units[f"bbox_head.multi_level_share_convs.{level}.0"] = (64, 64)
    state: dict[str, torch.Tensor] = {}
    stem, norm = nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16)
    state |= {f"backbone.model0.conv1.{key}": value for key, value in stem.state_dict().items()}
    state |= {f"backbone.model0.bn1.{key}": value for key, value in norm.state_dict().items()}
    for name, unit in units.items():
        state |= _named(name, _Published(*unit))
    for head, width in HEADS.items():
        for level in range(3):
            state |= _named(
                f"bbox_head.multi_level_{head}.{level}", _Published(64, width, norm=False)
            )
    for name, value in state.items():
        if name.endswith(("running_mean", "running_var", "bn.weight", "bn1.weight", "bn.bias")):
            value.copy_(torch.rand_like(value) + 0.5)
    return state


def _named(name: str, module: nn.Module) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": value.clone() for key, value in module.state_dict().items()}


def _part(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(f"{name}."): v for key, v in state.items() if key.startswith(f"{name}.")
    }


def _portrait(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(astronaut(), size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
