"""Checks the web binding in real headless Chromium; the tests read what it returns.

    python -m bindings.web.check [--write] [--measure]

builds the package and replays all goldens in a page. `--write` puts the conformance report beside
this file; `--measure`, for a machine with nothing else to do, times the camera loop and puts its
figures into benchmarks/results/host/web.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from bindings.conformance import STAGES
from bindings.web.pages_data import Expected, lay_out
from bindings.web.quick_start import lay_out_quick_start
from mf2_edge.bundle.loader import DEFAULT_BUNDLE, load_bundle
from mf2_edge.io.atomic import replacing

HERE: Final = Path(__file__).parent
RESULT: Final = HERE.parent.parent / "benchmarks" / "results" / "host" / "web.json"
REPORT: Final = HERE / "conformance.json"
BUNDLE: Final = f"/bundles/{DEFAULT_BUNDLE}/"
MANY_TURNS: Final = 300
"""Frames of the camera loop that a result is measured on; a check alone takes fewer."""

LOOPS: Final = (
    ("loop", DEFAULT_BUNDLE, 1),
    ("loop_threads", DEFAULT_BUNDLE, 2),
    ("loop_m", "mf2-edge-m", 1),
    ("loop_s", "mf2-edge-s", 1),
)
"""Camera loops: their names, bundles and threads; a check alone takes those of the default."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the pages answered, and what the SDK says to the same."""

    pages: dict[str, Any]
    """By the names of `_calls`, and `demo`, `denied`, `none`; see test/page.ts."""
    expected: Expected
    """The SDK's answers."""
    folder: Path
    """Where the screenshots lie."""


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the conformance report")
    parser.add_argument("--measure", action="store_true", help="time the camera loop at length")
    options = parser.parse_args()
    reason = missing_tools()
    if reason:
        sys.stderr.write(f"the web binding cannot be checked: {reason}\n")
        return 1
    build()
    with TemporaryDirectory() as folder:
        answers = check(Path(folder), turns=MANY_TURNS if options.measure else 15)
    report = conformance(answers)
    if options.write:
        _write(REPORT, report)
    if options.measure:
        _write(RESULT, measured_loop(answers))
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return int(any(stage["outcome"] == "failed" for stage in report["stages"].values()))


def missing_tools() -> str | None:
    """Why nothing can be checked on this machine; None if it can."""
    absent = [name for name in ("node", "npm", "chromium") if shutil.which(name) is None]
    if not absent:
        return None
    return f"{', '.join(absent)} not installed: apt-get install nodejs npm chromium"


def build() -> None:
    """`npm ci` where the lock file is newer than what is installed, then `npm run build`."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    _run("npm", "run", "--silent", "build")


def check(folder: Path, turns: int) -> Answers:
    """Run every page once, with `turns` timed frames of the camera loop; `build` comes first."""
    expected = lay_out(folder / "data")
    plan = {
        "chromium": shutil.which("chromium"),
        "firefox": firefox(),
        "data": str(folder / "data"),
        "bundles": str(load_bundle(None).path.parent),
        "quick_start": str(lay_out_quick_start(folder / "quick_start")),
        "video": str(folder / "data" / "camera.y4m"),
        "calls": _calls(turns),
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    _run("node", "test/drive.mjs", str(folder))
    pages = json.loads((folder / "answers.json").read_text())
    return Answers(pages, expected, folder)


def firefox() -> str | None:
    """The path of Firefox, if it is installed."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


def check_in_firefox(answers: Answers) -> Answers:
    """The same pages, but for those with a camera, in Firefox; `check` comes first."""
    _run("node", "test/firefox.mjs", str(answers.folder))
    pages = json.loads((answers.folder / "firefox.json").read_text())
    return Answers(pages, answers.expected, answers.folder)


def _calls(turns: int) -> list[dict[str, Any]]:
    calls: dict[str, tuple[str, list[Any]]] = {
        "geometry": ("geometry", [BUNDLE, "/data/tiny/"]),
        "network": ("network", [BUNDLE, "bundle"]),
        "tiny": ("network", ["/data/tiny/", "tiny"]),
        "smooth": ("smooth", [BUNDLE, "smooth"]),
        "heads": ("answers", ["/data/tiny/", "heads"]),
        "heads_smooth": ("smooth", ["/data/tiny/", "heads"]),
        "film": ("film", [BUNDLE]),
        "manifests": ("manifests", []),
        "crops": ("crops", [BUNDLE]),
        "portrait": ("portrait", [BUNDLE]),
        "mistakes": ("mistakes", [BUNDLE]),
        **{
            name: ("loop", [f"/bundles/{bundle}/", turns, threads])
            for name, bundle, threads in LOOPS
            if bundle == DEFAULT_BUNDLE or turns == MANY_TURNS
        },
    }
    return [{"name": name, "call": call, "args": args} for name, (call, args) in calls.items()]


def conformance(answers: Answers) -> dict[str, Any]:
    """The binding's report, as bindings/conformance.py wants it."""
    verdicts = [case is None for case in answers.pages["manifests"]]
    wrong = sum(a != b for a, b in zip(verdicts, answers.expected.manifests, strict=True))
    figures = {
        "manifest": {"max_difference": wrong, "tolerance": 0, "n": len(verdicts)},
        **answers.pages["geometry"],
        **answers.pages["network"],
        **answers.pages["smooth"],
    }
    stages = {name: _stage(figures[name]) for name in STAGES}
    bundle = load_bundle(None)
    return {
        "binding": "web",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{_machine()}, {_browser(answers)}",
        "bundle_sha256": bundle.manifest_sha256,
        "stages": stages,
    }


def _browser(answers: Answers) -> str:
    return str(answers.pages.get("agent") or f"Chromium {answers.pages['chromium']}")


def _stage(figures: dict[str, Any]) -> dict[str, Any]:
    # JSON has no infinity: null is what a page says where nothing can be compared.
    found = figures["max_difference"]
    passed = found is not None and found <= figures["tolerance"]
    known = sys.float_info.max if found is None else found
    return {**figures, "max_difference": known, "outcome": _word(passed), "why": None}


def _word(passed: bool) -> str:
    return "passed" if passed else "failed"


def measured_loop(answers: Answers) -> dict[str, Any]:
    """Latency of the camera loop as measured, with its conditions."""
    loops = {}
    for name, bundle, threads in LOOPS:
        loop = answers.pages[name]
        times, pulses = np.array(loop["milliseconds"]), np.array(loop["pulses"])
        loops[f"{bundle}, {threads} thread" + "s" * (threads > 1)] = {
            "bundle_sha256": load_bundle(bundle).manifest_sha256,
            "p50_ms": round(float(np.percentile(times, 50)), 2),
            "p95_ms": round(float(np.percentile(times, 95)), 2),
            "longest_pause_of_the_page_ms": round(float(pulses.max()), 1),
            "n": len(times),
        }
    return {
        "what": "video frame to drawn state: hand over, track, align, run, decode, smooth, draw",
        "provenance": "measured-host",
        "machine": f"{_machine()}, headless Chromium {answers.pages['chromium']}, no GPU",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "runtime": "LiteRT.js in a worker, fake webcam with one face",
        "frame": answers.pages["loop"]["frame"],
        "load_average": round(os.getloadavg()[0], 1),
        "loops": loops,
    }


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{platform.system()} {platform.machine()}, {names[0] if names else 'unknown CPU'}"


def _write(path: Path, value: dict[str, Any]) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=1) + "\n")


def _run(*command: str) -> None:
    """Run a tool in this folder; RuntimeError with what it said if it fails."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise RuntimeError(f"{' '.join(command)} failed:\n{said}")


if __name__ == "__main__":
    raise SystemExit(main())
