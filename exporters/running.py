"""Runs an exported file on pictures of aligned faces, as an app would."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mf2_edge.preprocess import to_input
from mf2_edge.runtime import open_artifact

if TYPE_CHECKING:
    from mf2_edge.bundle import Bundle
    from mf2_edge.schema import ArtifactSpec


def run_artifact(
    bundle: Bundle, artifact: ArtifactSpec, images: NDArray[np.uint8]
) -> tuple[list[NDArray[np.float32]], str]:
    """Logits [n, labels] of each output for faces uint8 [n, height, width, 3], and what ran.

    Raises Mf2EdgeError if the file is damaged, or cannot run here.
    """
    spec = bundle.manifest.preprocessing
    model = open_artifact(bundle, artifact)
    progress = tqdm(images, desc=artifact.file, unit="face", leave=False)
    answers = [model.run(to_input(image, spec, artifact.layout)) for image in progress]
    outputs = [np.concatenate(head) for head in zip(*answers, strict=True)]
    return outputs, f"{model.name} on {here()}"


def here() -> str:
    """This machine in two words, such as `Linux x86_64`."""
    return f"{platform.system()} {platform.machine()}"
