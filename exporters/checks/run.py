"""Runs an exported file on pictures of aligned faces, as an app would."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from exporters.errors import ParityError
from exporters.formats.coreml.package import unzip_package
from exporters.mil_reference.interpreter import NAME, MilReference
from mf2_edge.extras import require
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.runtime.select import open_artifact

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import ArtifactSpec


def run_artifact(
    bundle: Bundle, artifact: ArtifactSpec, images: NDArray[np.uint8]
) -> tuple[list[NDArray[np.float32]], str]:
    """Each output, [n, values], for faces uint8 [n, height, width, 3], and what ran.

    Raises Mf2EdgeError or ExportError if the file is damaged, or cannot run here.
    """
    if artifact.format == "coreml":
        return _run_coreml(bundle, artifact, images)
    spec = bundle.manifest.preprocessing
    model = open_artifact(bundle, artifact)
    progress = tqdm(images, desc=artifact.file, unit="face", leave=False)
    results = [model.run(to_input(image, spec, artifact.layout)) for image in progress]
    outputs = [np.concatenate(head) for head in zip(*results, strict=True)]
    return outputs, f"{model.name} on {here()}"


def _run_coreml(
    bundle: Bundle, artifact: ArtifactSpec, images: NDArray[np.uint8]
) -> tuple[list[NDArray[np.float32]], str]:
    """Core ML where there is a Mac, else the exporter's interpreter of the same saved file."""
    with TemporaryDirectory() as folder:
        package = unzip_package(bundle.path_of(artifact), Path(folder))
        if platform.system() == "Darwin":
            predict, engine = _core_ml(package), "Core ML"
        else:
            predict, engine = MilReference(package).run, NAME
        progress = tqdm(images, desc=artifact.file, unit="face", leave=False)
        results = [predict(image) for image in progress]
    names = bundle.manifest.output_names
    try:
        outputs = [np.concatenate([result[name] for result in results]) for name in names]
    except KeyError as error:
        raise ParityError(f"{artifact.file} gives no output named {error}") from error
    return outputs, f"{engine} on {here()}"


def _core_ml(
    package: Path,
) -> Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]:  # pragma: no cover  (macOS)
    """Core ML's own prediction, on all compute units, as an app gets it."""
    from PIL import Image

    model = require("coremltools", extra="export").models.MLModel(str(package))

    def predict(image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        result: dict[str, NDArray[np.float32]] = model.predict({"image": Image.fromarray(image)})
        return result

    return predict


def here() -> str:
    """This machine in two words, such as `Linux x86_64`."""
    return f"{platform.system()} {platform.machine()}"
