"""MobileFaceNet: shapes and cost of the architecture, and equality with the .tflite file."""

import tarfile
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.networks import mobilefacenet
from distill.networks.mobilefacenet import (
    EMBEDDING_SIZE,
    INPUT_SIZE,
    STAGE3,
    MobileFaceNet,
    load_tflite,
)

SHARED: Final = Path(__file__).parents[4] / "shared"
TFLITE: Final = SHARED / "models/MobileFaceNet.tflite"
FACES: Final = SHARED / "data/lfw_faces.tar"
N_IMAGES: Final = 16
# Two float32 implementations, which sum in different orders; the embeddings reach 23 in size.
TOLERANCE: Final = 1e-4

needs_tflite = pytest.mark.skipif(not TFLITE.exists(), reason=f"{TFLITE} is missing")
needs_faces = pytest.mark.skipif(not FACES.exists(), reason=f"{FACES} is missing")


def noise() -> NDArray[np.float32]:
    """Return uniform noise over the input range, NHWC."""
    shape = (N_IMAGES, INPUT_SIZE, INPUT_SIZE, 3)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def faces() -> NDArray[np.float32]:
    """Return the first LFW faces of the archive, RGB, normalised, NHWC."""
    images = []
    with tarfile.open(FACES) as archive:
        for member in islice((m for m in archive if m.name.endswith(".jpg")), N_IMAGES):
            file = archive.extractfile(member)
            assert file is not None
            bgr = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            assert bgr is not None
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            images.append(cv2.resize(rgb, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_AREA))
    return ((np.stack(images) - np.float32(127.5)) / 128).astype(np.float32)


def litert_embeddings(nhwc: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the embeddings that LiteRT computes from the file, whose batch is fixed at 2."""
    interpreter = Interpreter(model_path=str(TFLITE), num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    embeddings = []
    for pair in nhwc.reshape(-1, 2, *nhwc.shape[1:]):
        interpreter.set_tensor(source, pair)
        interpreter.invoke()
        embeddings.append(interpreter.get_tensor(target))
    return np.concatenate(embeddings)


@torch.inference_mode()
def torch_embeddings(nhwc: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the embeddings that the PyTorch network computes with the file's weights."""
    model = load_tflite(TFLITE).eval()
    embeddings: NDArray[np.float32] = model(torch.from_numpy(nhwc).permute(0, 3, 1, 2)).numpy()
    return embeddings


def convolution_macs(model: nn.Module, image: Tensor) -> int:
    """Return the multiply-accumulates of the convolutions of `model` on `image`, (1, C, H, W)."""
    macs: list[int] = []

    def add(conv: nn.Conv2d, _inputs: tuple[Tensor], output: Tensor) -> None:
        macs.append(output.shape[2:].numel() * conv.weight.numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(add)
    model(image)
    return sum(macs)


@torch.inference_mode()
def test_shapes() -> None:
    """The stages halve the map from 28x28 to 7x7; the embedding is a vector."""
    model = MobileFaceNet().eval()
    x = torch.zeros(2, 3, INPUT_SIZE, INPUT_SIZE)
    assert model.stem(x).shape == (2, 64, 56, 56)
    assert [tuple(y.shape) for y in model.stages(x)] == [
        (2, 64, 28, 28),
        (2, 128, 14, 14),
        (2, 128, 7, 7),
        (2, 512, 7, 7),
    ]
    assert model(x).shape == (2, EMBEDDING_SIZE)


@torch.inference_mode()
def test_cost() -> None:
    """Up to the global depthwise convolution: 0.93 M parameters and 234 M MACs."""
    model = MobileFaceNet().eval()
    n_all = sum(p.numel() for p in model.parameters())
    n_embedding = sum(p.numel() for p in model.embedding.parameters())
    assert n_all - n_embedding == 931_840
    assert convolution_macs(model, torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)) == 233_744_896


def test_load_rejects_another_file(tmp_path: Path) -> None:
    """A file that is no TensorFlow Lite model is named in the error."""
    path = tmp_path / "notes.tflite"
    path.write_text("not a model")
    with pytest.raises(ValueError, match=r"notes\.tflite: expected a TensorFlow Lite model"):
        load_tflite(path)


@needs_tflite
@pytest.mark.parametrize(
    ("constant", "value", "message"),
    [
        ("STAGE4", STAGE3, "expected 286 operations, found 230"),
        ("EMBEDDING_SIZE", 128, r"operation 228 \(CONV_2D\): input 1: expected .* found .*192"),
    ],
)
def test_load_rejects_another_architecture(
    monkeypatch: pytest.MonkeyPatch, constant: str, value: object, message: str
) -> None:
    """The error says what was expected and what the file holds."""
    monkeypatch.setattr(mobilefacenet, constant, value)
    with pytest.raises(ValueError, match=message):
        load_tflite(TFLITE)


@needs_tflite
def test_equals_litert_on_noise() -> None:
    """PyTorch and LiteRT agree off the data."""
    x = noise()
    np.testing.assert_allclose(torch_embeddings(x), litert_embeddings(x), rtol=0, atol=TOLERANCE)


@needs_tflite
@needs_faces
def test_equals_litert_on_faces() -> None:
    """PyTorch and LiteRT agree on photographs of faces."""
    x = faces()
    np.testing.assert_allclose(torch_embeddings(x), litert_embeddings(x), rtol=0, atol=TOLERANCE)
