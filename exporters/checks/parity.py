"""Parity check: the outputs of an artifact must be those of the network it was exported from.

The file itself runs, through the SDK's own runtime, on real faces and on extreme inputs, and both
sides are compared as the user sees them: calibrated scores and decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from exporters.checks.agreement import compare_scores, score_differences
from exporters.checks.faces import MIN_FACES, FaceSet, extreme_inputs
from exporters.checks.run import run_artifact
from exporters.errors import ExportError, ParityError
from mf2_edge.bundle.schema import ParitySpec
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.preprocess import to_input

if TYPE_CHECKING:
    from torch import nn

    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import (
        ArtifactSpec,
        EmbeddingSpec,
        Manifest,
        Precision,
        PreprocessingSpec,
    )

BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an artifact may be from the network; scores and parts in 0..1."""

    max_abs_difference: float
    agreement: float
    """Smallest part of the decisions of each head that must be the same."""


TOLERANCES: Final[dict[Precision, Tolerance]] = {
    "fp32": Tolerance(max_abs_difference=1e-4, agreement=1.0),
    "fp16": Tolerance(max_abs_difference=0.02, agreement=0.995),
    # Of the integers that training simulated: runtimes round a sum's last bit differently.
    "int8": Tolerance(max_abs_difference=0.3, agreement=0.98),
}
"""By precision; one without a row cannot be exported."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Faces [n, height, width, 3] uint8 and the network's logits for them, one array a head."""

    images: NDArray[np.uint8]
    outputs: list[NDArray[np.float32]]
    faces: int
    """The first so many images are faces."""
    description: str
    network: str
    """Which network, in words."""


def make_reference(
    network: nn.Module, name: str, faces: FaceSet, spec: PreprocessingSpec
) -> Reference:
    """Run the network itself, `name` in words, on faces and on extreme inputs.

    Raises ParityError if there are fewer than `MIN_FACES` faces, or a logit is not finite.
    """
    if len(faces.images) < MIN_FACES:
        raise ParityError(
            f"{len(faces.images)} faces to compare on ({faces.description}); expected at least "
            f"{MIN_FACES}"
        )
    extreme = extreme_inputs(faces.images.shape[2], faces.images.shape[1])
    images = np.concatenate([faces.images, extreme.images])
    outputs = run_network(network, images, spec)
    if not all(np.isfinite(output).all() for output in outputs):
        raise ParityError("the network gives NaN or infinity; train it again, or from another seed")
    return Reference(
        images,
        outputs,
        len(faces.images),
        f"{faces.description} and {extreme.description}",
        name,
    )


def run_network(
    network: nn.Module, images: NDArray[np.uint8], spec: PreprocessingSpec
) -> list[NDArray[np.float32]]:
    """Logits [n, labels] of each head for faces uint8 [n, height, width, 3]."""
    import torch

    starts = range(0, len(images), BATCH)
    parts = []
    with torch.inference_mode():
        for start in tqdm(starts, desc="PyTorch", unit="batch", leave=False):
            inputs = [to_input(image, spec, "NCHW") for image in images[start : start + BATCH]]
            parts.append(network(torch.from_numpy(np.concatenate(inputs))))
    return [torch.cat(head).numpy() for head in zip(*parts, strict=True)]


def measure_parity(bundle: Bundle, artifact: ArtifactSpec, reference: Reference) -> ParitySpec:
    """Run an artifact of a bundle on this machine and compare it with the network's outputs.

    Raises ParityError with the figures if it is not within `TOLERANCES`, or cannot run.
    """
    return check_parity(bundle, artifact, reference)[0]


def check_parity(
    bundle: Bundle, artifact: ArtifactSpec, reference: Reference
) -> tuple[ParitySpec, list[NDArray[np.float32]]]:
    """As `measure_parity`; also what the artifact gave for each image of the reference."""
    try:
        outputs, engine = run_artifact(bundle, artifact, reference.images)
    except (Mf2EdgeError, ExportError) as error:
        raise ParityError(f"{artifact.file} cannot be compared: {error}") from error
    figures = _compare(bundle.manifest, outputs, reference, engine)
    _judge(artifact, figures)
    for embedding in bundle.manifest.embeddings:
        _judge_embedding(
            artifact, embedding, outputs[embedding.output], reference.outputs[embedding.output]
        )
    return figures, outputs


def _compare(
    manifest: Manifest,
    outputs: Sequence[NDArray[np.float32]],
    reference: Reference,
    engine: str,
) -> ParitySpec:
    decoder = Decoder(manifest)
    differences = score_differences(decoder.scores(outputs), decoder.scores(reference.outputs))
    same = compare_scores(manifest, ("", ""), (outputs, reference.outputs))
    return ParitySpec(
        images=reference.faces,
        max_abs_difference=same.max_abs_difference,
        mean_abs_difference=same.mean_abs_difference,
        emotion_agreement=same.emotion,
        au_agreement=same.action_units,
        psnr_db=_psnr(differences),
        reference=f"calibrated scores of {reference.network}",
        data=reference.description,
        engine=engine,
    )


def _judge_embedding(
    artifact: ArtifactSpec,
    embedding: EmbeddingSpec,
    found: NDArray[np.float32],
    expected: NDArray[np.float32],
) -> None:
    """Vectors [n, width] may differ as scores may, in parts of the largest of their values."""
    allowed = TOLERANCES[artifact.precision].max_abs_difference
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= allowed:
        raise ParityError(
            f"{artifact.file}: its {embedding.name} differs from the network's by {difference:.2g} "
            f"of the largest value; allowed for {artifact.precision}: {allowed:.2g}"
        )


def _psnr(differences: NDArray[np.float64]) -> float | None:
    """Peak signal-to-noise ratio in dB of values in 0..1; None if they are all the same."""
    mean_square = float((differences**2).mean())
    return None if mean_square == 0 else -10 * float(np.log10(mean_square))


def _judge(artifact: ArtifactSpec, figures: ParitySpec) -> None:
    if artifact.precision not in TOLERANCES:
        raise ParityError(
            f"{artifact.file}: no tolerance for {artifact.precision}; add a row to TOLERANCES"
        )
    allowed = TOLERANCES[artifact.precision]
    agreement = min(figures.emotion_agreement, figures.au_agreement)
    # Written so that NaN fails.
    close = figures.max_abs_difference <= allowed.max_abs_difference
    if not (close and agreement >= allowed.agreement):
        raise ParityError(
            f"{artifact.file} differs from the network: scores by {figures.max_abs_difference:.2g} "
            f"at most and {figures.mean_abs_difference:.2g} on average, same emotion "
            f"{figures.emotion_agreement:.2%}, same AU decisions {figures.au_agreement:.2%}; "
            f"allowed for {artifact.precision}: {allowed.max_abs_difference:.2g} and "
            f"{allowed.agreement:.2%}. The artifact was not kept: look for an operator that the "
            "converter renders differently"
        )
