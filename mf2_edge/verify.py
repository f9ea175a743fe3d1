"""Verify a bundle: checksums of all its files, and a replay of its goldens on this machine.

Goldens are recorded results of each stage, which every implementation must reproduce. One golden
file is a NumPy `.npz` (no pickles) with these arrays for n faces, k labels of a head:

    frame                 uint8   [h, w, 3]     optional, with the three below: an RGB picture
    frame/landmarks       float64 [m, 6, 2]     places (x, y) in it, in the order of `Landmarks`
    frame/aligned         uint8   [m, H, W, 3]  what align makes of each
    tolerance/align       float                 largest difference of a pixel, 0..255
    smooth/timestamps_ms  float64 [t]           optional, with all of `smooth/`: one face over time,
    smooth/emotion_scores float64 [t, k]        its calibrated scores before
    smooth/au_scores      float64 [t, k]
    smooth/strength_scores, smooth/visibility_scores    where the network has these heads,
    smooth/smoothed_...   float64 [t, k]        and after smoothing (`..._emotion_scores`,
                                                `..._au_scores` and so on),
    smooth/label          int64   [t]           the emotion that is reported, its place
    smooth/present        bool    [t, k]        and the units that are
    tolerance/smooth      float                 largest difference of a score
    aligned               uint8   [n, H, W, 3]  RGB faces on the template
    preprocess            float32 [n, 3, H, W]  the network's input made from them
    emotion_logits        float32 [n, k]        what the model that was exported gives for it
    au_logits             float32 [n, k]
    emotion_scores        float32 [n, k]        calibrated scores made from these logits, 0..1
    au_scores             float32 [n, k]
    strength_logits, strength_scores, visibility_logits, visibility_scores    float32 [n, k], the
                                                same of the other heads, where the network has them
    tolerance/preprocess  float                 largest allowed absolute difference of the inputs,
    tolerance/model       float                 of the logits,
    tolerance/decode      float                 and of the scores
    emotion_logits/int8   float32 [n, emotions] optional: instead of the above for artifacts of that
    au_logits/int8        float32 [n, units]    precision, whose rounding is part of the model;
                                                `.../int8/onnx` for those of one format
    tolerance/model/int8  float                 optional: instead of tolerance/model for artifacts
                                                of that precision (also fp16, fp32)

Each stage starts from the recorded result of the one before, so a failure names its stage. Stages
that a file does not hold, as those of older bundles, are not replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.arrays import read_arrays
from mf2_edge.bundle.loader import MANIFEST, MODEL, SUMS, Bundle
from mf2_edge.bundle.write import is_fresh
from mf2_edge.errors import BundleError, Mf2EdgeError
from mf2_edge.io.regular import open_regular
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.runtime.select import open_artifact, runs_here
from mf2_edge.tracking.series import smooth_series
from mf2_edge.types import Landmarks, Point

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import ArtifactSpec, FileSpec, HeadName, Manifest

GOLDEN_NAMES: Final[dict[HeadName, str]] = {
    "emotion": "emotion",
    "action_units": "au",
    "strength": "strength",
    "visibility": "visibility",
}
"""What the arrays of a head are called: `au_logits`, `au_scores`."""
_ARRAYS = ("aligned", "preprocess")
_ALIGN = ("frame", "frame/landmarks", "frame/aligned", "tolerance/align")
_SMOOTH = ("smooth/timestamps_ms", "smooth/label", "smooth/present", "tolerance/smooth")
_TOLERANCES = ("tolerance/preprocess", "tolerance/model", "tolerance/decode")

LOOSEST: Final = 256.0
"""A tolerance from here on would let everything pass: pixels end at 255, logits long before."""


class Outcome(StrEnum):
    """How a check ended."""

    OK = "OK"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was verified: what, how it ended, and the figure or the reason."""

    name: str
    outcome: Outcome
    detail: str


def verify_bundle(bundle: Bundle) -> list[Check]:
    """All checks of a bundle; it is sound if none of them FAILED. Raises nothing of its own."""
    return list(each_check(bundle))


def each_check(bundle: Bundle) -> Iterator[Check]:
    """The checks one by one; those of the files come before any model is loaded."""
    manifest = bundle.manifest
    listed: list[ArtifactSpec | FileSpec] = [*manifest.artifacts, *manifest.goldens]
    for file in listed:
        yield _check_file(bundle, file)
    if (bundle.path / MODEL).is_file():
        yield _check_model(bundle.path)
    if (bundle.path / SUMS).is_file():
        yield _check_sums(bundle.path)
    if not manifest.goldens:
        yield Check("goldens", Outcome.SKIPPED, "the bundle holds none")
    for golden in manifest.goldens:
        yield from _replay(bundle, golden)


def _check_file(bundle: Bundle, file: ArtifactSpec | FileSpec) -> Check:
    package = bundle.path / file.file.removesuffix(".zip")
    if package.suffix == ".mlpackage" and package.is_dir() and (bundle.path / SUMS).is_file():
        return Check(file.file, Outcome.SKIPPED, f"unpacked; {SUMS} has its files")
    try:
        bundle.read(file)
    except BundleError as error:
        return Check(file.file, Outcome.FAILED, str(error))
    return Check(file.file, Outcome.OK, f"{file.bytes:,} bytes, sha256 {file.sha256[:12]}...")


def _check_model(folder: Path) -> Check:
    """What phones read against the manifest that it was derived from."""
    if is_fresh(folder):
        return Check(MODEL, Outcome.OK, f"what {MANIFEST} gives")
    again = f"expected what {MANIFEST} gives: python -m mf2_edge.bundle.write {folder}"
    return Check(MODEL, Outcome.FAILED, f"{folder / MODEL}: another model's; {again}")


def _check_sums(folder: Path) -> Check:
    """The files of an exported folder against its list, as `sha256sum --check` does."""
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    wrong = []
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            path = (folder / name).resolve()
            if not path.is_relative_to(folder):
                raise BundleError("leads out of the folder")
            with open_regular(path) as stream:
                found = sha256(stream.read()).hexdigest()
        except (OSError, ValueError, RuntimeError) as error:  # links in a circle
            wrong.append(f"{name} ({getattr(error, 'strerror', None) or error})")
            continue
        if found != digest:
            wrong.append(f"{name} (sha256 differs)")
    if wrong or not lines:
        what = "; ".join(wrong[:3]) or "empty"
        return Check(SUMS, Outcome.FAILED, f"{len(wrong)} of {len(lines)} files differ: {what}")
    return Check(SUMS, Outcome.OK, f"{len(lines)} files")


def _replay(bundle: Bundle, golden: FileSpec) -> Iterator[Check]:
    try:
        recorded = _load(bundle.read(golden), golden.file, bundle.manifest)
    except BundleError as error:
        yield Check(f"goldens {golden.file}", Outcome.FAILED, str(error))
        return
    if "frame" in recorded:
        yield _attempt("align", lambda: _replay_align(bundle, recorded))
    yield _attempt("preprocess", lambda: _replay_preprocess(bundle, recorded))
    for artifact in bundle.manifest.artifacts:
        replay = partial(_replay_model, bundle, artifact, recorded)
        yield _attempt(f"model {artifact.file}", replay)
    yield _attempt("decode", lambda: _replay_decode(bundle, recorded))
    if "smooth/label" in recorded:
        yield _attempt("smooth", lambda: _replay_smooth(bundle, recorded))


def _attempt(name: str, replay: Callable[[], Check]) -> Check:
    """What a replay says; FAILED where the recorded arrays make it stumble.

    Arrays of any type and shape can be recorded, and NumPy and OpenCV raise whatever they like.
    """
    try:
        return replay()
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        return Check(name, Outcome.FAILED, f"the recorded arrays do not fit: {said}")


def _load(data: bytes, source: str, manifest: Manifest) -> dict[str, NDArray[Any]]:
    recorded = read_arrays(data, source)
    heads = [GOLDEN_NAMES[head.name] for head in manifest.heads]
    told = [f"{head}_{kind}" for head in heads for kind in ("logits", "scores")]
    series = [f"smooth/{kind}{head}_scores" for head in heads for kind in ("", "smoothed_")]
    optional = (("frame", _ALIGN), ("smooth/label", (*_SMOOTH, *series)))
    held = [name for key, names in optional if key in recorded for name in names]
    expected = (*_ARRAYS, *told, *_TOLERANCES, *held)
    missing = [name for name in expected if name not in recorded]
    if missing:
        raise BundleError(f"{source}: lacks {', '.join(missing)}; expected as verify.py describes")
    counts = {name: len(np.atleast_1d(recorded[name])) for name in (*_ARRAYS, *told)}
    bounds = {name: value for name, value in recorded.items() if name.startswith("tolerance/")}
    if bad := [name for name, value in bounds.items() if not _is_tolerance(value)]:
        raise BundleError(f"{source}: {', '.join(bad)}; expected numbers from 0 to {LOOSEST:g}")
    if len(set(counts.values())) != 1 or counts["aligned"] == 0:
        raise BundleError(f"{source}: {counts} faces; expected the same number, at least 1, in all")
    return recorded


def _is_tolerance(value: NDArray[Any]) -> bool:
    is_number = value.shape == () and value.dtype.kind in "fiu"
    return is_number and 0 <= float(value) < LOOSEST


def _replay_align(bundle: Bundle, recorded: dict[str, NDArray[Any]]) -> Check:
    spec, frame = bundle.manifest.alignment, recorded["frame"]
    found = [
        align(frame, Landmarks(*(Point(float(x), float(y)) for x, y in places)), spec)
        for places in recorded["frame/landmarks"]
    ]
    pair = (np.array(found, np.float32), recorded["frame/aligned"].astype(np.float32))
    return _compare("align", [pair], float(recorded["tolerance/align"]))


def _replay_preprocess(bundle: Bundle, recorded: dict[str, NDArray[Any]]) -> Check:
    spec = bundle.manifest.preprocessing
    found = [to_input(aligned, spec, "NCHW") for aligned in recorded["aligned"]]
    return _compare(
        "preprocess",
        [(np.concatenate(found), recorded["preprocess"])],
        float(recorded["tolerance/preprocess"]),
    )


def _replay_model(
    bundle: Bundle, artifact: ArtifactSpec, recorded: dict[str, NDArray[Any]]
) -> Check:
    name = f"model {artifact.file}"
    if not runs_here(artifact):
        kind = artifact.delegate or artifact.format
        return Check(name, Outcome.SKIPPED, f"no runtime for {kind} is installed here")
    inputs = recorded["preprocess"]
    if artifact.layout == "NHWC":
        inputs = inputs.transpose(0, 2, 3, 1)
    try:
        model = open_artifact(bundle, artifact)
        outputs = [model.run(np.ascontiguousarray(x[None])) for x in inputs]
    except Mf2EdgeError as error:
        return Check(name, Outcome.FAILED, str(error))
    pairs = []
    for head in bundle.manifest.heads:
        key = f"{GOLDEN_NAMES[head.name]}_logits"
        kinds = (f"{artifact.precision}/{artifact.format}", artifact.precision)
        own = [f"{key}/{kind}" for kind in kinds if f"{key}/{kind}" in recorded]
        expected = recorded[own[0] if own else key]
        pairs.append((np.concatenate([out[head.output] for out in outputs]), expected))
    tolerance = recorded.get(f"tolerance/model/{artifact.precision}", recorded["tolerance/model"])
    return _compare(name, pairs, float(tolerance))


def _replay_decode(bundle: Bundle, recorded: dict[str, NDArray[Any]]) -> Check:
    heads = bundle.manifest.heads
    outputs: list[NDArray[Any]] = [np.empty(0)] * (1 + max(head.output for head in heads))
    for head in heads:
        outputs[head.output] = recorded[f"{GOLDEN_NAMES[head.name]}_logits"]
    found = Decoder(bundle.manifest).scores(outputs).named()
    pairs = [(found[name], recorded[f"{GOLDEN_NAMES[name]}_scores"]) for name in found]
    return _compare("decode", pairs, float(recorded["tolerance/decode"]))


def _replay_smooth(bundle: Bundle, recorded: dict[str, NDArray[Any]]) -> Check:
    names = [f"{GOLDEN_NAMES[head.name]}_scores" for head in bundle.manifest.heads]
    before = {name: recorded[f"smooth/{name}"] for name in ("timestamps_ms", *names)}
    found = smooth_series(bundle.manifest, **before)
    for name in ("label", "present"):
        wrong = int((getattr(found, name) != recorded[f"smooth/{name}"]).sum())
        if wrong:
            return Check("smooth", Outcome.FAILED, f"{wrong} of the {name} decisions differ")
    pairs = [(getattr(found, name), recorded[f"smooth/smoothed_{name}"]) for name in names]
    return _compare("smooth", pairs, float(recorded["tolerance/smooth"]), of="frames")


def _compare(
    name: str,
    pairs: list[tuple[NDArray[Any], NDArray[Any]]],
    tolerance: float,
    of: str = "faces",
) -> Check:
    """OK if every pair (found, recorded) has one shape and differs by at most `tolerance`."""
    for found, recorded in pairs:
        if found.shape != recorded.shape:
            shapes = f"shape {list(found.shape)}, recorded {list(recorded.shape)}"
            return Check(name, Outcome.FAILED, shapes)
    # NumPy's maximum keeps NaN, which then is not within any tolerance.
    difference = float(np.max([np.abs(found - recorded).max() for found, recorded in pairs]))
    outcome = Outcome.OK if difference <= tolerance else Outcome.FAILED
    detail = (
        f"{len(pairs[0][0])} {of}, largest difference {difference:.2g}, allowed {tolerance:.2g}"
    )
    return Check(name, outcome, detail)
