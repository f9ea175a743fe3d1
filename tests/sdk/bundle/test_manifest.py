"""The manifest: what is read back, and how each mistake is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from mf2_edge.bundle.manifest import dump_manifest, parse_manifest
from mf2_edge.errors import BundleError, ManifestError
from tests.helpers.make_tiny_bundle import FOLDER, manifest_dict


def parse(raw: dict[str, Any]) -> Any:
    return parse_manifest(json.dumps(raw).encode(), source="some/manifest.json")


def test_reads_what_it_writes() -> None:
    manifest = parse(manifest_dict())
    assert parse_manifest(dump_manifest(manifest), source="again") == manifest
    assert dump_manifest(manifest).endswith(b"}\n")
    assert manifest.head("action_units").labels[7] == "AU12"
    assert manifest.alignment.points["left_eye"] == (74.0, 46.0)


def test_is_immutable() -> None:
    manifest = parse(manifest_dict())
    with pytest.raises(AttributeError):
        manifest.name = "other"
    with pytest.raises(AttributeError):
        manifest.calibration.emotion.temperature = 2.0


def test_committed_manifest_follows_the_script() -> None:
    raw = json.loads((FOLDER / "manifest.json").read_bytes())
    expected = json.loads(dump_manifest(parse(manifest_dict())))
    for part in ("artifacts", "goldens"):
        raw.pop(part), expected.pop(part)
    assert raw == expected


def test_unknown_key_is_named_with_its_place() -> None:
    raw = manifest_dict()
    raw["input"]["colour"] = "rgb"
    with pytest.raises(ManifestError, match=re.escape("unknown key `colour` - at `$.input`")):
        parse(raw)


def test_newer_major_schema_says_which_release_reads_it() -> None:
    raw = manifest_dict() | {"schema_version": "3.1", "something_new": {}}
    expected = "schema 3.x needs a newer mf2-edge: pip install -U mf2-edge; this release reads 2.x"
    with pytest.raises(ManifestError, match=re.escape(expected)):
        parse(raw)


def test_newer_minor_schema_is_read_if_its_keys_are_known() -> None:
    raw = manifest_dict() | {"schema_version": "2.7"}
    assert parse(raw).schema_version == "2.7"
    with pytest.raises(ManifestError, match=r"this release knows 2\.0: pip install -U"):
        parse(raw | {"something_new": 1})


def test_older_major_schema_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"schema 1\.x is older"):
        parse(manifest_dict() | {"schema_version": "1.1"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing key `schema_version` - at `$`"),
        (b'{"schema_version": 1}', "Expected `str`, got `int` - at `$.schema_version`"),
        (b'{"schema_version": "one"}', 'expected "MAJOR.MINOR"'),
    ],
)
def test_what_is_no_manifest_at_all(data: bytes, message: str) -> None:
    with pytest.raises(ManifestError, match=re.escape(message)) as caught:
        parse_manifest(data, source="some/manifest.json")
    assert "some/manifest.json" in str(caught.value)
    assert isinstance(caught.value, BundleError)


def edit(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """A change of one value, by its path: `heads.0.output`."""

    def apply(raw: dict[str, Any]) -> None:
        *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
        part: Any = raw
        for key in parents:
            part = part[key]
        part[last] = value

    return apply


FIT = {"scale": 1.0, "bias": 0.0, "fitted_on": "nothing"}
SEEN = {"bias": 0.0, "fitted_on": "nothing"}

MISTAKES = [
    (edit("name", ""), "$.name"),
    (edit("input.width", "112"), "Expected `int`, got `str` - at `$.input.width`"),
    (edit("input.width", -112), "$.input.width"),
    (edit("input.color", "bgr"), "expected one of 'rgb'"),
    (edit("artifacts.0.format", "tflit"), "expected one of 'tflite', 'executorch', 'coreml'"),
    (edit("artifacts.1.sha256", "abc"), "$.artifacts[1].sha256"),
    (edit("calibration.emotion.temperature", 0), "$.calibration.emotion.temperature"),
    (edit("calibration.action_units.AU1.scale", -1), "$.calibration.action_units"),
    (edit("calibration.action_units.AU1.threshold", 0.4), "unknown key `threshold`"),
    (edit("calibration.strength", {"AU1": FIT}), "$.calibration.strength and the labels"),
    (edit("calibration.visibility", {"eyes": SEEN}), "$.calibration.visibility and the labels"),
    (edit("experimental", ["AU12", "AU99"]), "$.experimental: ['AU99'] are no labels"),
    (edit("reliability", {"emotion": {"joy": {}}}), "$.reliability.emotion: ['joy']"),
    (edit("reliability", {"action_units": {"AU3": {}}}), "$.reliability.action_units: ['AU3']"),
    (edit("preprocessing.mean", [1.0, 2.0]), "$.preprocessing.mean"),
    (edit("preprocessing.std", [1.0, 0.0, 1.0]), "divide by zero"),
    (edit("heads", []), "expected one head each of"),
    (edit("heads.1.name", "emotion"), "expected one head each of"),
    (edit("heads.1.output", 0), "expected different outputs"),
    (edit("heads.0.activation", "sigmoid"), "expected 'softmax'"),
    (edit("heads.1.activation", "softmax"), "expected 'sigmoid'"),
    (edit("heads.0.labels", []), "no labels"),
    (edit("heads.0.labels.1", "neutral"), "['neutral'] more than once"),
    (edit("heads.1.labels.0", "AU99"), "['AU99'] are not FACS Action Units"),
    (edit("heads.1.labels.0", "AU10"), "differ in ['AU1', 'AU10']"),
    (edit("alignment.width", 96), "96x112 px, but $.input takes 112x112"),
    (edit("alignment.points.left_eyebrow", [1, 2]), "unknown landmarks ['left_eyebrow']"),
    (edit("alignment.points", {"left_eye": [1, 2]}), "at least two different points"),
    (edit("artifacts", []), "at least one model file"),
    (edit("artifacts.1.format", "tflite"), "tflite fp32 more than once"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_each_contradiction_is_explained(
    mistake: Callable[[dict[str, Any]], None], message: str
) -> None:
    raw = manifest_dict()
    mistake(raw)
    with pytest.raises(ManifestError, match=re.escape(message)):
        parse(raw)


@pytest.mark.parametrize(
    "file", ["../model.tflite", "/etc/passwd", "a/../../b", "C:\\x", "c:x", "a//b", "./a", "a\\b"]
)
@pytest.mark.parametrize("part", ["artifacts", "goldens"])
def test_paths_that_leave_the_folder_are_refused(file: str, part: str) -> None:
    raw = manifest_dict()
    raw["goldens"] = [{"file": "g.npz", "bytes": 1, "sha256": "0" * 64}]
    raw[part][0]["file"] = file
    with pytest.raises(ManifestError, match=r"not a path inside the bundle|matching regex"):
        parse(raw)


def test_all_contradictions_are_told_at_once() -> None:
    raw = manifest_dict()
    raw["artifacts"][0]["file"] = "a/../../x"
    raw["preprocessing"]["std"] = [0.0, 1.0, 1.0]
    with pytest.raises(ManifestError, match=r"divide by zero.*not a path inside"):
        parse(raw)
