"""Core ML, an ML program (`.mlpackage`): an image in, so that Vision hands it a pixel buffer.

Preprocessing is part of the model. Inside it is `pixel * scale + bias` with one scale for all
channels; where the manifest's `std` differ, a multiplication a channel makes up for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exporters.errors import ConversionError, PackError
from exporters.formats.coreml.int8 import OLDEST_IOS, check_integers
from exporters.formats.coreml.package import taken_apart, zip_package
from exporters.formats.metadata import file_metadata
from exporters.formats.spec import ExportSource, Operators
from mf2_edge.extras import require

if TYPE_CHECKING:
    from torch import nn

    from mf2_edge.bundle.schema import Manifest, Precision, PreprocessingSpec

_MACOS: Final = {"15": "12.0", "16": "13.0", "17": "14.0", "18": "15.0"}
"""macOS that reads the ML programs of an iOS."""


def lowest_ios(precision: Precision) -> str:
    """The oldest iOS whose operations a network of `precision` can be written in.

    Below iOS 17 PReLU takes its slopes in the type of its input only, so those of an fp16 file are
    rounded to float16; other layers are written alike for each.
    """
    return str(OLDEST_IOS) if precision == "int8" else min(_MACOS, key=int)


def minimum_systems(ios: str, precision: Precision = "fp16") -> dict[str, str]:
    """Oldest systems for the deployment target `ios` (`17` or `17.0`).

    Raises PackError if it is unknown, or lacks the operations of `precision`.
    """
    major = ios.removesuffix(".0")
    if major not in _MACOS:
        raise PackError(f"iOS {ios}: expected a deployment target of {', '.join(_MACOS)}")
    if precision == "int8" and int(major) < OLDEST_IOS:
        raise PackError(f"iOS {ios}: coreml:int8 needs iOS {OLDEST_IOS}; pass --ios {OLDEST_IOS}")
    return {"ios": f"{major}.0", "macos": _MACOS[major]}


def export_coreml_fp16(source: ExportSource, path: Path) -> Operators:
    """Write `source` as an ML program that stores and computes float16; see `_export`."""
    return _export(source, path, "fp16")


def export_coreml_fp32(source: ExportSource, path: Path) -> Operators:
    """Write `source` as an ML program that stores and computes float32; see `_export`."""
    return _export(source, path, "fp32")


def export_coreml_int8(source: ExportSource, path: Path) -> Operators:
    """Write `source`, an integer network, as an ML program of integers (W8A8); see `_export`.

    Values between integers are float16. Raises ConversionError also if a layer reads floats
    or its weights are stored as such.
    """
    return _export(source, path, "int8")


def _export(source: ExportSource, path: Path, precision: Precision) -> Operators:
    """Write `source` as `.mlpackage.zip` for the iOS of `source.artifact`.

    Input `image`: RGB pixels, height x width. Outputs: float32 logits [1, labels] by the heads'
    names. Labels, licence, preprocessing, bundle and version are in the model's metadata.

    Raises ConversionError if inputs, outputs or operators differ from the request,
    MissingExtraError without coremltools.
    """
    ct = require("coremltools", extra="export")
    import numpy as np
    import torch

    size, preprocessing = source.manifest.input, source.manifest.preprocessing
    network = _with_even_std(source.network, preprocessing)
    program = torch.export.export(network, (source.example(),)).run_decompositions({})
    major = source.artifact.minimum_os["ios"].removesuffix(".0")
    scale = 1 / preprocessing.std[0]
    image = ct.ImageType(
        name="image",
        shape=(1, size.channels, size.height, size.width),
        color_layout=ct.colorlayout.RGB,
        scale=scale,
        bias=[-mean * scale for mean in preprocessing.mean],
    )
    model = ct.convert(
        program,
        inputs=[image],
        outputs=[ct.TensorType(name=name, dtype=np.float32) for name in source.outputs],
        minimum_deployment_target=ct.target[f"iOS{major}"],
        compute_precision=ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16,
        skip_model_load=True,
    )
    spec, weights = taken_apart(model)
    _check_io(spec, source, path.name)
    if precision == "int8":
        check_integers(spec, path.name)
    _describe(spec, source.manifest)
    zip_package(path, spec.SerializeToString(deterministic=True), weights)
    return _operators(spec)


def _with_even_std(network: nn.Module, spec: PreprocessingSpec) -> nn.Module:
    """The network for inputs that were all divided by the first channel's `std`."""
    import torch
    from torch import Tensor, nn

    ratios = [spec.std[0] / std for std in spec.std]
    if ratios == [1.0] * len(ratios):
        return network

    class Rescaled(nn.Module):
        """The network behind a multiplication a channel."""

        ratios: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("ratios", torch.tensor(ratios)[None, :, None, None])

        def forward(self, x: Tensor) -> Any:
            return self.network(x * self.ratios)

    return Rescaled().eval()


def _check_io(spec: Any, source: ExportSource, name: str) -> None:
    """Raise ConversionError unless one RGB image goes in and the heads come out, in order."""
    inputs, outputs = spec.description.input, spec.description.output
    image, size = inputs[0].type.imageType, source.manifest.input
    sound = (
        [each.name for each in inputs] == ["image"]
        and (image.width, image.height) == (size.width, size.height)
        and image.ColorSpace.Name(image.colorSpace) == "RGB"
        and tuple(each.name for each in outputs) == source.outputs
    )
    if not sound:
        raise ConversionError(
            f"{name}: inputs and outputs are {spec.description}; expected one RGB image of "
            f"{size.width}x{size.height} and the outputs {', '.join(source.outputs)}"
        )


def _describe(spec: Any, manifest: Manifest) -> None:
    """Put the manifest's facts into the model's description."""
    metadata: Mapping[str, str] = file_metadata(manifest)
    about = spec.description.metadata
    about.shortDescription = manifest.description
    about.versionString = manifest.version
    about.license = metadata["license"]
    about.userDefined.update(metadata)
    size = manifest.input
    spec.description.input[
        0
    ].shortDescription = (
        f"Aligned face, {size.width}x{size.height} {size.color.upper()}, pixels as they are"
    )
    for output in spec.description.output:
        output.shortDescription = _meaning(manifest, output.name)


def _meaning(manifest: Manifest, output: str) -> str:
    for head in manifest.heads:
        if head.name == output:
            return f"Logits, uncalibrated: {', '.join(head.labels)}"
    return "A vector that heads of other tasks read"


def _operators(spec: Any) -> Operators:
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    return Counter(each.type for each in block.operations if each.type != "const")
