"""`model.json`: that it is what the manifest gives, and how each mistake in it is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mf2_edge.bundle.loader import MANIFEST, MODEL, list_bundles, load_bundle
from mf2_edge.bundle.model_json import derive_model, model_json_schema, parse_model
from mf2_edge.bundle.write import is_fresh, write_manifest
from mf2_edge.errors import ManifestError
from tests.helpers.make_tiny_bundle import FOLDER

TEXT = (FOLDER / MODEL).read_text()


def parse(raw: dict[str, Any]) -> Any:
    return parse_model(json.dumps(raw).encode(), source="some/model.json")


@pytest.mark.parametrize("bundle", [*list_bundles(), FOLDER], ids=str)
def test_is_what_the_manifest_gives(bundle: str | Path) -> None:
    found = load_bundle(bundle)
    assert is_fresh(found.path), "run python -m mf2_edge.bundle.write"
    data = (found.path / MODEL).read_bytes()
    model = parse_model(data, source="model.json")
    assert model == derive_model(found.manifest, manifest_sha256=found.manifest_sha256)
    assert model.manifest_sha256 == sha256((found.path / MANIFEST).read_bytes()).hexdigest()
    assert len(data) < len((found.path / MANIFEST).read_bytes()) / 2 or bundle == FOLDER


def test_holds_what_is_computed_with_and_no_more() -> None:
    told = json.loads(TEXT)
    assert set(told["artifacts"][0]) == {
        *("file", "format", "precision", "layout", "input", "io_dtype", "delegate"),
        *("bytes", "sha256", "minimum_os"),
    }
    assert told["calibration"]["action_units"]["AU12"] == {"scale": 1.5, "bias": 0.155}
    assert told["license"] == "Random weights."
    for key in ("provenance", "accuracy", "card", "goldens", "fitted_on", "parity"):
        assert f'"{key}"' not in TEXT


def test_schema_for_bindings_is_closed_and_complete() -> None:
    schema = model_json_schema()["$defs"]
    assert set(schema["ModelSpec"]["properties"]) == set(json.loads(TEXT))
    objects = [name for name, part in schema.items() if part["type"] == "object"]
    assert {"ArtifactSpec", "ActionUnitCalibration", "ReliabilityFigure"} <= set(objects)
    assert [n for n in objects if schema[n].get("additionalProperties") is not False] == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("decoding",), None, "missing key `decoding` - at `$`; add it"),
        (("input", "colour"), "rgb", "unknown key `colour` - at `$.input`"),
        (("decoding", "au_margin"), 1.5, "Expected `float` <= 1.0 - at `$.decoding.au_margin`"),
        (("artifacts", 0, "format"), "tflit", "expected one of 'tflite', 'executorch'"),
        (("manifest_sha256",), "0", "matching regex '^[0-9a-f]{64}$' - at `$.manifest_sha256`"),
        (("schema_version",), "3.0", "schema 3.x needs a newer mf2-edge"),
        (("heads", 0, "output"), 1, "outputs [1, 1, 2, 3]; expected different outputs"),
        (("calibration", "action_units", "AU12", "scale"), 1e-5, "is 1e-05; expected 0.0001"),
        (("artifacts", 0, "file"), "a/../b", "`a/../b` is not a path inside the bundle"),
        (("artifacts", 0, "minimum_os"), {"ios": "17.x"}, "matching regex '^[0-9]{1,4}"),
        (("artifacts", 0, "minimum_os"), {"ios": "17.0\n"}, "ends with a line break"),
        (("experimental",), ["AU99"], "['AU99'] are no labels of the head"),
    ],
)
def test_mistakes_are_named(path: tuple[str | int, ...], value: object, message: str) -> None:
    raw: Any = json.loads(TEXT)
    part = raw
    for key in path[:-1]:
        part = part[key]
    if value is None:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    with pytest.raises(ManifestError, match=re.escape(message)) as caught:
        parse(raw)
    assert str(caught.value).startswith("some/model.json: ")


def test_a_key_that_is_there_twice_is_refused() -> None:
    text = TEXT.replace('"output": 0,', '"output": 0, "outp\\u0075t": 0,', 1)
    with pytest.raises(ManifestError, match=r"keys \['output'\] more than once"):
        parse_model(text.encode(), source="model.json")


def test_is_written_with_the_manifest(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "bundle")
    raw = json.loads((folder / MANIFEST).read_text())
    raw["decoding"]["au_margin"] = 0.25
    (folder / MANIFEST).write_text(json.dumps(raw))
    command = [sys.executable, "-m", "mf2_edge.bundle.write", str(folder)]
    assert not is_fresh(folder)
    stale = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert (stale.returncode, "model.json: stale" in stale.stderr) == (1, True)
    subprocess.run(command, check=True)
    assert is_fresh(folder)
    assert parse_model((folder / MODEL).read_bytes(), source="m").decoding.au_margin == 0.25
    before = (folder / MODEL).read_bytes()
    with pytest.raises(ManifestError):
        write_manifest(folder, b"{}")
    assert (folder / MODEL).read_bytes() == before
    assert json.loads((folder / MANIFEST).read_text()) == raw


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mf2_edge.bundle.write", str(tmp_path / "nothing")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr
