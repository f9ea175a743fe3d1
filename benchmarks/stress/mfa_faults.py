"""Does a build of MFA lose answers or pay twice, on a server that misbehaves?

    python -m benchmarks.stress.mfa_faults --write benchmarks/results/mfa-faults.json

The server of the tests runs here, on loopback; the builds are processes of their own. A question
counts as charged twice if the server made and charged its answer more than once. `unanswered` are
answers that the server charged and then held back, cut off or damaged on purpose.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.report import conditions
from distill.mfa.records.ledger import Ledger
from distill.mfa.records.store import open_store
from distill.mfa.request.prices import Mode, load_quote
from mf2_edge.io.atomic import write_json
from tests.helpers.mfa.batches import Batches
from tests.helpers.mfa.faces import Place, make_place
from tests.helpers.mfa.server import FakeServer

PRICE = load_quote("gpt-4o").price
HELD_BACK = ("hang", "cut after", "malformed body")


@dataclass(frozen=True)
class Case:
    """One run. repeats: whether the server repeats an answer to a known Idempotency-Key."""

    what: str
    mode: Mode
    kills: int = 0
    repeats: bool = True


CASES = (
    Case("live", "live"),
    Case("live", "live", kills=10),
    Case("live, the server ignores Idempotency-Key", "live", repeats=False),
    Case("live, the server ignores Idempotency-Key", "live", kills=10, repeats=False),
    Case("batch", "batch"),
    Case("batch", "batch", kills=10),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True, metavar="FILE")
    parser.add_argument("--count", type=int, default=10_000, help="questions a run; 10000")
    parser.add_argument("--faults", type=float, default=0.05, help="part of the requests; 0.05")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    report = {
        "what": "MFA builds against a loopback server with injected faults",
        **conditions(),
        "n": options.count,
        "faults": options.faults,
        "seed": options.seed,
        "runs": [measure(case, options.count, options.faults, options.seed) for case in CASES],
    }
    write_json(options.write, report)


def measure(case: Case, count: int, faults: float, seed: int) -> dict[str, Any]:
    """Build with the faults and kills of a case, then compare the store with the bill."""
    with tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder), count, seed, side=32)
        batches = Batches(faults=faults, seed=seed)
        with FakeServer(faults, seed, deduplicates=case.repeats, batches=batches) as server:
            started = time.monotonic()
            runs = build(case, place, server, random.Random(seed), count)
            seconds = time.monotonic() - started
        return asdict(case) | {"processes": runs} | compare(case, place, server, count, seconds)


def build(case: Case, place: Place, server: FakeServer, rng: random.Random, count: int) -> int:
    """Start builds, kill some, until one ends by itself; returns how many were started."""
    pace = ["--timeout", "5", "--concurrency", "32", "--shard-size", f"{max(1, count // 50)}"]
    arguments = place.asking("build", server.base_url, "--mode", case.mode, *pace, budget=1e4)
    for number in tqdm(range(case.kills), desc=case.what):
        # Evenly over the whole run, each at a random moment of its part.
        share = (number + rng.random()) / (case.kills + 1)
        process = place.start(arguments)
        await_progress(case, server, process, share * count)
        later = server.control_requests + (rng.randint(1, 8) if case.mode == "batch" else 0)
        while process.poll() is None and server.control_requests < later:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            raise RuntimeError(f"the build ended before its kill, with {process.returncode}")
    for started in range(case.kills + 1, case.kills + 6):
        if place.start(arguments).wait() == 0:  # 1 where a face used up its tries
            return started
    raise RuntimeError("the build does not come to an end")


def await_progress(
    case: Case, server: FakeServer, process: subprocess.Popen[bytes], answers: float
) -> None:
    """Wait until so many answers are made by the server."""
    charges = server.charges if case.mode == "live" else server.batches.charges
    while process.poll() is None and len(charges) < answers:
        time.sleep(0.001)


def compare(
    case: Case, place: Place, server: FakeServer, count: int, seconds: float
) -> dict[str, Any]:
    """What is in the store, what the server charged, and the recorded cost."""
    charges = server.charges if case.mode == "live" else server.batches.charges
    with open_store(place.store) as store:
        names = {record.name for record in store.records("gpt")}
        ledger = Ledger(store, 0.0)
        recorded, presumed = ledger.spent_usd, ledger.presumed_usd()
    billed = sum(PRICE.cost_usd(read, written, case.mode) for _, read, written in charges)
    held_back = sum(server.injected[fault] for fault in HELD_BACK)
    return {
        "lost": count - len(names),
        "charged": len(charges),
        "charged_twice": server.charged_twice(),
        "unanswered": held_back if case.mode == "live" else server.batches.lost_lines,
        "repeated_free": server.repeated,
        "faults_injected": sum(server.injected.values())
        - server.injected["none"]
        + server.batches.injected,
        "billed_usd": round(billed, 4),
        "recorded_usd": round(recorded, 4),
        "presumed_usd": round(presumed, 4),
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
