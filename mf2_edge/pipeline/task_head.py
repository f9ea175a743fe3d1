"""Heads of other tasks: they take the embeddings of a bundle's network as input.

The bundle's files stay as they are, byte for byte, so nothing that they were validated for changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.contradictions import leaves
from mf2_edge.bundle.head_schema import TaskCalibration, TaskHeadSpec
from mf2_edge.errors import BundleError, ChecksumError, ManifestError
from mf2_edge.io.regular import open_regular
from mf2_edge.pipeline.activations import sigmoid, softmax
from mf2_edge.runtime.select import open_model
from mf2_edge.types import TaskAnswer

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import ArtifactFormat

HEAD: Final = "head.json"


class TaskHead:
    """A head, opened for the bundle that it belongs to."""

    def __init__(self, folder: str | Path, bundle: Bundle, kind: ArtifactFormat) -> None:
        """The head in `folder`, its file of the format `kind`.

        Raises BundleError if there is none, or it belongs to another network; ManifestError if
        its `head.json` is wrong, ChecksumError if its file is damaged.
        """
        path = Path(folder)
        self.spec = read_head(path)
        _check(self.spec, bundle, path)
        file = next((each for each in self.spec.files if each.format == kind), None)
        if file is None:
            held = ", ".join(each.format for each in self.spec.files)
            raise BundleError(
                f"{path}: no {kind} file, but {held}; make one with `python -m exporters head`"
            )
        data = _read(path / file.file)
        if len(data) != file.bytes or sha256(data).hexdigest() != file.sha256:
            raise ChecksumError(f"{path / file.file}: not the bytes that {HEAD} records")
        self._outputs = [
            embedding.output
            for embedding in sorted(bundle.manifest.embeddings, key=lambda e: e.output)
        ]
        self._model = open_model(data, kind)

    def answer(self, outputs: Sequence[NDArray[np.float32]]) -> TaskAnswer:
        """The answer for one face, from all outputs of the bundle's network."""
        x = np.concatenate([outputs[place] for place in self._outputs], axis=1)
        spec = self.spec
        values = to_answers(spec.calibration, spec.labels, self._model.run(x)[0])[0]
        scores = dict(zip(spec.labels, values.tolist(), strict=True))
        return TaskAnswer(spec.kind, scores, _present(spec, scores))


def read_head(folder: Path) -> TaskHeadSpec:
    """The `head.json` of a folder; raises BundleError if it is missing, ManifestError if wrong."""
    try:
        spec = msgspec.json.decode(_read(folder / HEAD), type=TaskHeadSpec)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{folder / HEAD}: {error}; make the head again") from error
    problems = list(_contradictions(spec))
    if problems:
        raise ManifestError(f"{folder / HEAD}: {'; '.join(problems)}; make the head again")
    return spec


def _contradictions(spec: TaskHeadSpec) -> Iterator[str]:
    """Parts of a head that disagree, as a manifest's are told."""
    if not spec.labels or len(set(spec.labels)) < len(spec.labels):
        yield "$.labels: expected different labels, at least one"
    fitted = spec.calibration
    parts = (fitted.multi_class, fitted.multi_label, fitted.score, fitted.likeness)
    if sum(part is not None for part in parts) != 1:
        yield "$.calibration: expected exactly one kind"
    if fitted.multi_label is not None and set(fitted.multi_label) != set(spec.labels):
        yield "$.calibration.multi_label: expected one entry a label"
    if fitted.likeness is not None and len(fitted.likeness.quantiles) < 2:
        yield "$.calibration.likeness.quantiles: expected at least two"
    for file in spec.files:
        if leaves(file.file):
            yield f"`{file.file}` is not a path inside the head"


def to_answers(
    calibration: TaskCalibration, labels: Sequence[str], outputs: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Outputs [n, labels] -> answers [n, labels], as `TaskAnswer.scores` describes them."""
    values = outputs.astype(np.float64)
    if calibration.multi_class is not None:
        return softmax(values / calibration.multi_class.temperature)
    if calibration.multi_label is not None:
        fitted = [calibration.multi_label[label] for label in labels]
        scale = np.array([label.scale for label in fitted])
        bias = np.array([label.bias for label in fitted])
        return sigmoid(scale * values + bias)
    if calibration.likeness is not None:
        quantiles = calibration.likeness.quantiles
        return np.asarray(np.interp(values, quantiles, np.linspace(0, 1, len(quantiles))))
    assert calibration.score is not None  # one of the four is set
    return np.asarray(calibration.score.mean + calibration.score.spread * values)


def _present(spec: TaskHeadSpec, scores: Mapping[str, float]) -> tuple[str, ...]:
    if spec.kind == "multi-class":
        return (max(scores, key=lambda label: scores[label]),)
    fitted = spec.calibration.multi_label or {}
    return tuple(label for label in fitted if scores[label] >= 0.5)


def _check(spec: TaskHeadSpec, bundle: Bundle, folder: Path) -> None:
    manifest = bundle.manifest
    width = sum(embedding.width for embedding in manifest.embeddings)
    if not width:
        raise BundleError(
            f"{folder}: bundle {manifest.name} has no embeddings that a head could read; expected "
            "one of an edge network"
        )
    if spec.network_sha256 != manifest.provenance.checkpoint_sha256 or spec.width != width:
        raise BundleError(
            f"{folder}: made for the network with sha256 {spec.network_sha256[:12]}..., but bundle "
            f"{manifest.name} {manifest.version} has "
            f"{(manifest.provenance.checkpoint_sha256 or 'none')[:12]}...: take that bundle, or "
            "make the head again"
        )


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise BundleError(f"{path}: cannot be read ({said}); expected a head") from error
