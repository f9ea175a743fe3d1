"""`python -m distill evaluate`: a recipe, a bundle's file, a data set by itself, or a teacher."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from distill.parsers import add_overrides

if TYPE_CHECKING:
    from distill.config import Recipe

RECIPE: Final = Path("distill/configs/mf2-edge-base.toml")
"""Names the data that a bundle is measured on, unless another is given."""


def main(arguments: Sequence[str]) -> int:
    """Run `distill evaluate`; returns the exit code: 0, or 2 for a mistake in the input."""
    parser = ArgumentParser(prog="python -m distill evaluate", description=__doc__)
    add_evaluate_options(parser)
    options = parser.parse_args(arguments)
    try:
        EVALUATIONS[mode(options)](options)
    except (ValueError, FileNotFoundError) as error:
        sys.stderr.write(f"distill evaluate: {error}\n")
        return 2
    return 0


def add_evaluate_options(parser: ArgumentParser) -> None:
    """What is measured, and what belongs to each."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", type=Path, help="recipe (TOML): the figures of its own data")
    what.add_argument(
        "--dataset", help="a data set by itself: ferplus, disfa, ... (docs/datasets.md)"
    )
    what.add_argument(
        "--teacher", type=Path, help="ensemble (TOML): its members, its views, all together"
    )
    add_overrides(parser)
    parser.add_argument("--root", type=Path, help="its folder or .tar, in the official layout")
    parser.add_argument("--protocol", help="which faces are evaluated, how: test, 3fold, ...")
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
    parser.add_argument(
        "--zero-shot", action="store_true", help="the recipe's MF² by text alone, beside its heads"
    )
    parser.add_argument("--out", type=Path, help="results (default: under runs/evaluations)")
    parser.set_defaults(refuse=parser.error)


def mode(options: Namespace) -> str:
    """What to measure, a key of `EVALUATIONS`; raises ValueError for options that do not fit."""
    if not (options.config or options.dataset or options.bundle or options.teacher):
        options.refuse("one of the arguments --config --dataset --bundle --teacher is required")
    found = next(
        (name for name in ("dataset", "bundle", "teacher") if getattr(options, name)), "recipe"
    )
    given = [name for name in _BELONGS if getattr(options, name)]
    if mixed := [name for name in given if found not in _BELONGS[name]]:
        flags = ", ".join(_flag(name) for name in mixed)
        belongs = " or ".join(_flag(part) for part in _BELONGS[mixed[0]])
        raise ValueError(f"{flags} goes with {belongs}, not with {_flag(found)}")
    return found


_BELONGS: Final[dict[str, tuple[str, ...]]] = {
    "root": ("dataset",),
    "protocol": ("dataset",),
    "checkpoint": ("dataset",),
    "out": ("dataset", "bundle", "teacher", "recipe"),
    "artifact": ("bundle",),
    "slices": ("bundle",),
    "plot": ("bundle",),
    "zero_shot": ("recipe",),
    "set": ("recipe",),
}
"""Which evaluations each option is for."""


def _flag(name: str) -> str:
    return "--config" if name == "recipe" else f"--{name.replace('_', '-')}"


def evaluate_recipe(recipe: Recipe) -> None:
    """Measure a trained recipe; one line of the figures each to stdout."""
    from distill.evaluation.protocols.recipe import evaluate

    for result in evaluate(recipe):
        _write(
            [
                f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f} "
                f"[{result.low}, {result.high}]"
            ]
        )


def _recipe(options: Namespace) -> None:
    from distill.config import load_recipe

    recipe = load_recipe(options.config, options.set)
    if not options.zero_shot:
        if options.out is not None:
            raise ValueError("--out goes with --zero-shot: results lie in the run folder")
        evaluate_recipe(recipe)
        return
    from distill.evaluation.protocols.zero_shot import evaluate_zero_shot, table

    out = options.out or Path("runs/evaluations") / f"{recipe.name}-zero-shot.json"
    _write(table(evaluate_zero_shot(recipe, out)))


def _teacher(options: Namespace) -> None:
    from distill.evaluation.protocols.ensemble import evaluate_teacher, table

    out = options.out or Path("runs/evaluations") / f"{options.teacher.stem}.json"
    _write(table(evaluate_teacher(options.teacher, out)))


def _bundle(options: Namespace) -> None:
    """Measure the bundle's file that the options name; the figures, group by group, to stdout."""
    from distill.evaluation.protocols.bundle import BundleOrder, evaluate_bundle
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


def _dataset(options: Namespace) -> None:
    """Measure on the data set that the options name; one line of the figures each to stdout."""
    if options.root is None:
        raise ValueError(f"--dataset {options.dataset} needs --root, the folder or .tar it lies in")
    from distill.evaluation.protocols.evaluator import Order, evaluate_dataset
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
        _write(
            [
                f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f} "
                f"(n = {result.n}; {rule})"
            ]
        )


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


EVALUATIONS: Final[dict[str, Callable[[Namespace], None]]] = {
    "recipe": _recipe,
    "bundle": _bundle,
    "dataset": _dataset,
    "teacher": _teacher,
}
