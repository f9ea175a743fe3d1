"""DFN against full fine-tuning and a linear probe: quality, memory, time, on the same data.

    python -m benchmarks.ablations.dfn_versus --checkpoint runs/mf2/network.pt

Every run is a process of its own, one thread, so that its peak memory (VmHWM) is its own. Give a
checkpoint of phase 1: phase 2 learns from all subjects of CK+, so nothing of CK+ would be held out.
A comparison that was killed goes on with the runs that are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import RESULTS, conditions
from mf2_edge.io.atomic import write_json

METHODS = ("dfn", "probe", "full")
FULL_EPOCHS = {"rafdb": 10, "ckplus": 30}
MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": "100000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
}
"""As the Makefile sets for training: without it full fine-tuning would take much longer."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="an MF² of phase 1")
    parser.add_argument("--faces", type=int, default=2000, help="faces to learn from at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--micro-batch", type=int, default=8, help="of full fine-tuning; 8")
    parser.add_argument("--full-epochs", type=int, help="default: 10 on RAF-DB, 30 on CK+")
    parser.add_argument("--folder", type=Path, default=Path("runs/dfn-versus"))
    parser.add_argument("--out", type=Path, default=RESULTS / "dfn.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options, json.loads(options.one))))  # noqa: T201
        return
    runs = [run(options, task, seed) for task in FULL_EPOCHS for seed in range(options.seeds)]
    report = {
        "what": "DFN on a frozen MF² against full fine-tuning and a linear probe",
        **conditions(),
        "notes": [
            "MF² learned from RAF-DB's training part before; the faces judged are held out",
            "training_mb is the peak less what the process held before it opened its data",
            "points are 100 times the figure, the mean over the seeds",
        ],
        "mf2_sha256": runs[0][0]["mf2_sha256"],
        "seeds": options.seeds,
        "summary": [
            summary([rows for rows in runs if rows[0]["task"] == task]) for task in FULL_EPOCHS
        ],
        "runs": [row for rows in runs for row in rows],
    }
    write_json(options.out, report)


def run(options: argparse.Namespace, task: str, seed: int) -> list[dict[str, Any]]:
    """The hidden states, then every method, on the same faces."""
    asked = {"task": task, "seed": seed}
    cached = start(options, asked | {"method": "cache"})
    return [cached] + [
        start(options, asked | {"method": method, "cached": cached}) for method in METHODS
    ]


def start(options: argparse.Namespace, asked: dict[str, Any]) -> dict[str, Any]:
    """One process; its answer is kept, and taken from there next time."""
    given = {"checkpoint": str(options.checkpoint), "written": options.checkpoint.stat().st_mtime}
    given |= {name: getattr(options, name) for name in ("faces", "micro_batch", "full_epochs")}
    name = "-".join(str(asked[part]) for part in ("task", "seed", "method"))
    kept = options.folder / f"{name}.json"
    if kept.is_file():
        answer = json.loads(kept.read_text())
        if answer["given"] == given and Path(answer.get("path", kept)).is_file():
            return dict(answer)
    command = [sys.executable, "-m", "benchmarks.ablations.dfn_versus", *arguments(options)]
    environment = os.environ | MALLOC | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--one", json.dumps(asked)], check=True, stdout=subprocess.PIPE, env=environment
    )
    answer = json.loads(done.stdout.splitlines()[-1]) | {"given": given}
    write_json(kept, answer)
    return dict(answer)


def arguments(options: argparse.Namespace) -> list[str]:
    kept = ("checkpoint", "faces", "micro_batch", "full_epochs", "folder")
    values = {name: getattr(options, name) for name in kept}
    flags = ((f"--{name.replace('_', '-')}", str(value)) for name, value in values.items() if value)
    return [part for flag in flags for part in flag]


def measure(options: argparse.Namespace, asked: dict[str, Any]) -> dict[str, Any]:
    """One method in this process, with its memory in MB."""
    import torch

    from benchmarks.ablations import dfn_methods as methods

    torch.set_num_threads(1)
    before = memory("VmRSS")
    checkpoint, task, seed = options.checkpoint, asked["task"], asked["seed"]
    cached = asked.pop("cached", None)
    recipe = methods.recipe_for(checkpoint, task) if cached is None else decoded(cached["recipe"])
    question = methods.ask(recipe, task, options.faces, seed)
    if asked["method"] == "cache":
        answer = methods.cache(question, checkpoint, options.folder)
    elif asked["method"] == "dfn":
        answer = methods.dfn(question, cached, seed)
    elif asked["method"] == "probe":
        answer = methods.probe(question, cached, seed)
    else:
        epochs = options.full_epochs or FULL_EPOCHS[task]
        answer = methods.full(question, cached, checkpoint, seed, epochs, options.micro_batch)
    peak = memory("VmHWM")
    memories = {"peak_mb": peak, "training_mb": round(peak - before, 1)}
    counts = {"learned_from": len(question.train), "judged": len(question.valid)}
    return asked | answer | memories | counts


def decoded(recipe: str) -> Any:
    import msgspec

    from distill.config import Recipe

    return msgspec.json.decode(recipe, type=Recipe)


def memory(what: str) -> float:
    """Resident memory of this process, MB: VmRSS now, VmHWM at its peak."""
    status = Path("/proc/self/status").read_text().splitlines()
    [line] = [row for row in status if row.startswith(f"{what}:")]
    return round(int(line.split()[1]) / 1024, 1)


def summary(runs: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Of one task: means over the seeds, and the DFN beside full fine-tuning."""
    by_method = {
        method: means([row for rows in runs for row in rows if row["method"] == method])
        for method in METHODS
    }
    dfn, full = by_method["dfn"], by_method["full"]
    caching = means([rows[0] for rows in runs])
    return {
        "task": runs[0][0]["task"],
        "methods": by_method,
        "hidden_states": {"seconds": caching["seconds"], "peak_mb": caching["peak_mb"]},
        "dfn_beside_full": {
            "points_lost": {
                name: round(100 * (full["figures"][name] - dfn["figures"][name]), 2)
                for name in full["figures"]
            },
            "peak_memory": round(full["peak_mb"] / dfn["peak_mb"], 1),
            "training_memory": round(full["training_mb"] / dfn["training_mb"], 1),
            "seconds_epoch": round(full["seconds_epoch"] / dfn["seconds_epoch"], 1),
            "trainable": round(full["trainable"] / dfn["trainable"], 1),
        },
    }


def means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of whatever is a number in all of them."""
    result: dict[str, Any] = {}
    if "figures" in rows[0]:
        names = rows[0]["figures"]
        result["figures"] = {name: mean(row["figures"][name] for row in rows) for name in names}
    for name in ("trainable", "peak_mb", "training_mb", "epochs", "seconds_epoch", "seconds"):
        if name in rows[0]:
            values = [row[name] for row in rows]
            result[name] = None if None in values else mean(values)
    return result


def mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


if __name__ == "__main__":
    main()
