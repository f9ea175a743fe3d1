"""Work of the networks that the cost model is fitted on: mf2_edge/bench/estimate/data/work.json.

    python -m benchmarks.peers.reference_workload

Builds every network that data/published.json names, exports it, and reads the work of its graph.
Files that are there already are not made again, so the command resumes. A network that cannot be
exported is named and left out: its figures are then shown, and not fitted on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from benchmarks.peers.reference_networks import CACHE, tflite_file
from mf2_edge.bench.estimate.graph_work import Work, read_work
from mf2_edge.bench.estimate.published import published_figures
from mf2_edge.io.atomic import write_json

OUT = Path("mf2_edge/bench/estimate/data/work.json")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    work: dict[str, Work] = {}
    for network in tqdm(sorted({figure.network for figure in published_figures()})):
        try:
            path = tflite_file(network, options.cache)
        except Exception as error:  # converters raise whatever they like
            sys.stderr.write(f"{network}: left out, {type(error).__name__}: {error}\n")
            continue
        work[network] = read_work(path.read_bytes(), source=path.name)
    write_json(options.out, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
