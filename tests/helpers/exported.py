"""Bundles of a short network of random weights, exported once a session.

They are held to the exporter's own tolerances.
"""

from __future__ import annotations

import json
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest.mock import patch

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from distill.config import Recipe, load_recipe
from distill.networks.architectures import build_network
from distill.networks.fake_quantized import convert, prepare, save_program
from distill.networks.network import FaceStateNet
from distill.train_config import DistillationConfig
from distill.training.checkpoint import save_network
from exporters.__main__ import main
from exporters.checks.faces import synthetic_faces
from exporters.checks.parity import Tolerance
from tests.helpers.tiny_training import SMALL

RECIPE = Path(__file__).parents[2] / "distill" / "configs" / "mf2-edge-base.toml"
NAME = "mf2-edge-base"
VERSION = "0.0.1-test"


RANDOM_INT8 = Tolerance(max_abs_difference=0.45, agreement=0.93)
"""Of 8-bit integers of random weights, whose answers lie nearer together than a trained network's;
trained networks are held to the exporter's own. A wrong scale is far outside (test_int8.py)."""


@dataclass(frozen=True)
class Exported:
    """What went into the exporter, and the bundle that came out."""

    keeper: TemporaryDirectory[str]
    """Removes the folder when the session ends."""

    @property
    def folder(self) -> Path:
        return Path(self.keeper.name)

    @property
    def bundle(self) -> Path:
        return self.folder / "made" / NAME

    @property
    def checkpoint(self) -> Path:
        return self.folder / "network.pt"

    def arguments(self, place: Path, **changes: Path | str) -> list[str]:
        """The command line that makes this bundle at `place`, with some arguments changed."""
        options: dict[str, Path | str] = {
            "calibration": self.folder / "calibration.json",
            "results": self.folder / "results.json",
            "faces": self.folder / "toyfaces",
            "version": VERSION,
            "out": place,
        }
        given = options | changes
        checkpoint = given.pop("checkpoint", self.checkpoint)
        flags = [part for key, value in given.items() for part in (f"--{key}", str(value))]
        return [str(checkpoint), *flags]


@cache
def exported_fp32() -> Exported:
    """Both formats of a random network, through the command line, compared on 256 toy faces."""
    made = Exported(TemporaryDirectory(prefix="exported-"))
    folder = made.folder
    recipe = toy_recipe(folder)
    network = lively_network(recipe, seed=0)
    save_network(network, recipe, "toy", folder / "network.pt")
    (folder / "calibration.json").write_text(json.dumps(calibration(recipe)))
    (folder / "results.json").write_text(json.dumps([accuracy()]))
    write_store(folder / "toyfaces", ["valid"] * 256, images=clear_pictures(network, 256))
    _export(made.arguments(made.bundle))
    return made


@cache
def exported_more() -> Path:
    """A bundle of the same network in the other formats, in which float16 costs most."""
    bundle = exported_fp32().folder / "more" / NAME
    arguments = exported_fp32().arguments(bundle)
    _export([*arguments, "--to", "onnx", "tflite:fp16", "coreml:fp16"])
    return bundle


@cache
def exported_int8() -> Path:
    """A bundle of a small network in 8-bit integers and in floats."""
    folder = exported_fp32().folder / "integers"
    recipe = toy_recipe(exported_fp32().folder)
    settings = msgspec.structs.replace(recipe.network, architecture="edge", activation="relu")
    # As a network that has learned the text space.
    distillation = DistillationConfig(share=0.5, text=1.0)
    recipe = msgspec.structs.replace(
        recipe, network=settings, teacher="distill/configs/mf2.toml", distillation=distillation
    )
    network = lively_network(recipe, seed=0)
    save_network(network, recipe, "toy", folder / "network.pt")
    pictures = clear_pictures(network, 256)
    write_store(folder / "toyfaces", ["valid"] * 256, images=pictures)
    simulated = prepare(network, (2, 3, 112, 112))
    simulated.eval()
    seen = np.concatenate([synthetic_faces(112, 112).images, pictures[:128, 8:-8, 8:-8]])
    with torch.no_grad():  # ranges of what it will be compared on
        for part in np.array_split(seen, 2):
            simulated((torch.from_numpy(part).permute(0, 3, 1, 2) - 127.5) / 128)
    save_program(convert(simulated), (2, 3, 112, 112), folder / "network.pt2")
    arguments = exported_fp32().arguments(
        folder / NAME, checkpoint=folder / "network.pt", faces=folder / "toyfaces"
    )
    files = ["tflite", "tflite:int8", "tflite/int8-io:int8", "executorch", "executorch:int8"]
    files += ["coreml:int8", "onnx", "onnx:int8"]
    with patch.dict("exporters.checks.parity.TOLERANCES", {"int8": RANDOM_INT8}):
        _export([*arguments, "--to", *files])
    return folder / NAME


def _export(arguments: list[str]) -> None:
    """Run the exporter; an AssertionError says why it refused."""
    refusal = StringIO()
    with redirect_stderr(refusal):
        exit_code = main(arguments)
    assert exit_code == 0, refusal.getvalue()[-2000:]


def toy_recipe(folder: Path) -> Recipe:
    """The shipped recipe, its data being a few bytes, its network short and half as wide."""
    shipped = load_recipe(RECIPE)
    replace = msgspec.structs.replace
    data = {}
    for name, source in shipped.data.items():
        (folder / f"{name}.tar").write_bytes(name.encode())
        data[name] = replace(source, root=str(folder / f"{name}.tar"))
    return replace(
        shipped,
        data=data,
        network=replace(
            shipped.network,
            init_from=None,
            heads=(),
            embeddings=False,
            **SMALL,
        ),
    )


def lively_network(recipe: Recipe, seed: int) -> FaceStateNet:
    """Random weights whose answers depend on the picture, and are neither sure nor undecided."""
    network = build_network(recipe).eval()
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            std = (2 / fan_in) ** 0.5 * 0.8  # below 1 at the residual sums
            module.weight.data = torch.randn(module.weight.shape, generator=generator) * std
            assert module.bias is not None
            module.bias.data = torch.randn(module.bias.shape, generator=generator) * 0.1
        if isinstance(module, nn.PReLU):
            module.weight.data = torch.randn(module.weight.shape, generator=generator)
    faces = synthetic_faces(112, 112).images[:16].astype(np.float32)
    with torch.inference_mode():
        inputs = torch.from_numpy((faces - 127.5) / 128).permute(0, 3, 1, 2)
        heads = [network.emotion.head, network.action_units.head]
        heads += [cast("nn.Linear", network.get_submodule(name)) for name in network.extra]
        for head, logits in zip(heads, network(inputs), strict=True):
            spread = logits.std(dim=0, keepdim=True)
            head.weight.data *= 2 / spread.T
            head.bias.data = (head.bias - logits.mean(dim=0)) * 2 / spread[0]
    return network


def calibration(recipe: Recipe) -> dict[str, object]:
    """A calibration as JSON values; every unit its own, so that a mix-up shows."""
    fit = "nothing: toy values"
    units = {
        label: {"scale": 1 + 0.02 * i, "bias": 0.5 - 0.05 * i, "fitted_on": fit}
        for i, label in enumerate(recipe.action_units)
    }
    return {"emotion": {"temperature": 1.3, "fitted_on": fit}, "action_units": units}


def accuracy() -> dict[str, object]:
    """One measurement as JSON values."""
    return {
        "dataset": "toy | set",
        "split": "valid",
        "protocol": "invented",
        "metric": "accuracy",
        "value": 0.125,
        "low": 0.0224,
        "high": 0.4709,
        "interval": "95 % Wilson score interval",
        "labels": {"fear": {"value": 0.5, "support": 2, "low": 0.0945, "high": 0.9055}},
        "n": 8,
        "seed": None,
        "date": "2025-01-01",
        "machine": "none",
    }


def clear_pictures(network: FaceStateNet, count: int) -> NDArray[np.uint8]:
    """Smooth pictures [count, 128, 128, 3] on which the network is sure of its answers.

    As a trained network is on faces: any rounding turns a close call, and says nothing of a file.
    """
    generator = np.random.default_rng(1)
    coarse = generator.integers(0, 256, (2 * count, 8, 8, 3), dtype=np.uint8)
    images = np.stack(
        [cv2.resize(each, (128, 128), interpolation=cv2.INTER_CUBIC) for each in coarse]
    )
    faces = images[:, 8:-8, 8:-8].astype(np.float32)
    inputs = torch.from_numpy((faces - 127.5) / 128).permute(0, 3, 1, 2)
    with torch.inference_mode():
        parts = [network(batch)[:2] for batch in torch.split(inputs, 32)]
    emotion, units = (torch.cat(head) for head in zip(*parts, strict=True))
    best = emotion.topk(2).values
    place = torch.arange(units.shape[1])
    calibrated = units * (1 + 0.02 * place) + 0.5 - 0.05 * place
    close = (calibrated.abs() < 0.25).float().mean(dim=1) + (best[:, 0] - best[:, 1] < 0.5).float()
    return np.asarray(images[np.sort(close.argsort(stable=True)[:count].numpy())], np.uint8)


def write_store(
    folder: Path,
    splits: list[str],
    side: int = 128,
    images: NDArray[np.uint8] | None = None,
) -> None:
    """A folder of aligned faces with margin; the corner pixel of face i is i mod 256."""
    folder.mkdir()
    if images is None:
        pictures = synthetic_faces(side, side).images
        images = np.stack([pictures[i % len(pictures)] for i in range(len(splits))])
    images[:, 0, 0] = (np.arange(len(splits)) % 256)[:, None]
    images[:, side // 2, side // 2] = images[:, 0, 0]
    np.save(folder / "images.npy", images)
    np.savez(folder / "labels.npz", splits=np.array(splits))
