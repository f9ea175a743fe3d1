"""What `python -m distill evaluate` takes, to measure on a data set by one of its protocols."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_dataset_options(parser: ArgumentParser) -> None:
    """Either `--config`, for what a recipe trained, or `--dataset` and what belongs to it."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, help="recipe (TOML): the figures of its own data")
    what.add_argument(
        "--dataset", help="a data set by itself: ferplus, disfa, ... (docs/datasets.md)"
    )
    parser.add_argument("--root", type=Path, help="its folder or .tar, in the official layout")
    parser.add_argument("--protocol", help="which faces are judged, how: test, 3fold, ...")
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--bundle", help="bundle to measure (default: the one that ships)")
    network.add_argument("--checkpoint", type=Path, help="network.pt to measure instead")
    parser.add_argument("--out", type=Path, help="results (default: under runs/evaluations)")


def names_dataset(options: Namespace) -> bool:
    """Whether to measure on a data set by itself; raises ValueError where a recipe is mixed in."""
    if options.config is None:
        return True
    own = ("root", "protocol", "bundle", "checkpoint", "out")
    if mixed := [f"--{name}" for name in own if getattr(options, name) is not None]:
        raise ValueError(f"{', '.join(mixed)} goes with --dataset, not with --config")
    return False


def evaluate_on(options: Namespace) -> None:
    """Measure on the data set that the options name; one line of the figures each to stdout."""
    if options.root is None:
        raise ValueError(f"--dataset {options.dataset} needs --root, the folder or .tar it lies in")
    from distill.judging.evaluate_dataset import Order, evaluate_dataset
    from distill.judging.scoring import Measured

    order = Order(
        dataset=options.dataset,
        root=options.root,
        protocol=options.protocol,
        measured=Measured(options.bundle, options.checkpoint),
        out=options.out,
    )
    for result in evaluate_dataset(order, workers=os.cpu_count() or 1):
        rule = result.protocol.partition(";")[0]
        sys.stdout.write(
            f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f} "
            f"(n = {result.n}; {rule})\n"
        )
