"""Peers side by side: what a ratio is, and a real run of the command without any peer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.compare import Timed, ratios
from mf2_edge.bundle.loader import load_bundle
from tests.helpers.make_tiny_bundle import FOLDER


def timed(name: str, medians: list[float]) -> Timed:
    return Timed(name, lambda queries: [1.0] * queries, medians=medians)


def test_a_ratio_is_taken_within_a_round() -> None:
    """The machine was ten times slower in one round: no ratio shows it."""
    ours, peer = timed("ours", [1.0, 1.0, 10.0]), timed("peer", [5.0, 6.0, 70.0])
    [row] = ratios([ours], [peer])
    assert (row["times"], row["low"], row["high"]) == (6.0, 5.5, 6.5)


def test_the_command_times_our_networks_and_predict(tmp_path: Path) -> None:
    out = tmp_path / "peers.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers.compare",
        "--quick",
        "--peers",
        "--out",
        str(out),
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [*command, "--bundle", str(FOLDER)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Face Landmarker is left out" in done.stderr
    report = json.loads(out.read_text())
    assert report["provenance"] == "measured-host"
    assert report["bundles"] == {str(FOLDER): load_bundle(FOLDER).manifest_sha256}
    assert report["latency_ms"]["tiny fp32"]["queries"] == 32
    assert report["latency_ms"]["tiny fp32"]["p50"] > 0
    assert report["times_faster"] == []


def test_a_missing_network_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.peers import reference_networks

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=r"mf2-edge\[reference\]"):
        reference_networks.tflite_file("mobileone_s0@224", tmp_path)
    assert not list(tmp_path.iterdir())
