"""What `python -m distill evaluate` takes: a recipe, a data set by itself, or a bundle's file."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final, Literal

RECIPE: Final = Path("distill/configs/mf2-edge-base.toml")
"""Names the data that a bundle is measured on, unless another is given."""


def add_evaluate_options(parser: ArgumentParser) -> None:
    """`--config`, `--dataset` or `--bundle` alone, and what belongs to each."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", type=Path, help="recipe (TOML): the figures of its own data")
    what.add_argument(
        "--dataset", help="a data set by itself: ferplus, disfa, ... (docs/datasets.md)"
    )
    parser.add_argument("--root", type=Path, help="its folder or .tar, in the official layout")
    parser.add_argument("--protocol", help="which faces are judged, how: test, 3fold, ...")
    network = parser.add_mutually_exclusive_group()
    network.add_argument(
        "--bundle",
        help="name or folder of a bundle. Without --dataset: its file, on the faces that the "
        f"recipe (--config, default {RECIPE}) held out. With it: default the one that ships",
    )
    network.add_argument("--checkpoint", type=Path, help="network.pt to measure with --dataset")
    parser.add_argument(
        "--artifact", metavar="FILE", help="file of the bundle (default: the first it lists)"
    )
    parser.add_argument(
        "--slices", action="store_true", help="also under worse conditions: blur, dark, turned, ..."
    )
    parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="also draw how sure and how right answers are"
    )
    parser.add_argument("--out", type=Path, help="results (default: under runs/evaluations)")
    parser.set_defaults(refuse=parser.error)


def mode(options: Namespace) -> Literal["recipe", "dataset", "bundle"]:
    """What to measure; raises ValueError where options do not go together."""
    if not (options.config or options.dataset or options.bundle):
        options.refuse("one of the arguments --config --dataset --bundle is required")
    found: Literal["recipe", "dataset", "bundle"] = (
        "dataset" if options.dataset else "bundle" if options.bundle else "recipe"
    )
    given = [name for name in _BELONGS if getattr(options, name)]
    if mixed := [f"--{name}" for name in given if found not in _BELONGS[name]]:
        belongs = " or ".join(f"--{part}" for part in _BELONGS[mixed[0].removeprefix("--")])
        alone = "--config" if found == "recipe" else f"--{found}"
        raise ValueError(f"{', '.join(mixed)} goes with {belongs}, not with {alone}")
    return found


_BELONGS: Final[dict[str, tuple[str, ...]]] = {
    "root": ("dataset",),
    "protocol": ("dataset",),
    "checkpoint": ("dataset",),
    "out": ("dataset", "bundle"),
    "artifact": ("bundle",),
    "slices": ("bundle",),
    "plot": ("bundle",),
}
"""Which way of measuring each option is for."""


def evaluate_file(options: Namespace) -> None:
    """Measure the bundle's file that the options name; the figures, group by group, to stdout."""
    from distill.evaluation.evaluate_bundle import BundleOrder, evaluate_bundle
    from distill.evaluation.reports.summary import summary

    order = BundleOrder(
        bundle=options.bundle,
        artifact=options.artifact,
        config=options.config or RECIPE,
        out=options.out,
        slices=options.slices,
    )
    evaluation = evaluate_bundle(order, workers=os.cpu_count() or 1)
    sys.stdout.write(summary(evaluation))
    if options.plot is not None:
        from distill.evaluation.reports.plot import plot

        plot(evaluation, options.plot)
        sys.stdout.write(f"picture: {options.plot}\n")


def evaluate_on(options: Namespace) -> None:
    """Measure on the data set that the options name; one line of the figures each to stdout."""
    if options.root is None:
        raise ValueError(f"--dataset {options.dataset} needs --root, the folder or .tar it lies in")
    from distill.evaluation.evaluate_dataset import Order, evaluate_dataset
    from distill.evaluation.scoring import Measured

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
