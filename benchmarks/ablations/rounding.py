"""Whether rounding in training earns its place: integers made after training, and in it.

    python -m benchmarks.ablations.rounding --config distill/configs/mf2-edge-s.toml --steps 200

The float network, the same in integers by ranges alone (post-training), and after training with
simulated rounding, in integers and in floats, on held-out parts with the recipe's calibration.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.report import RESULTS, conditions
from distill.config import QatConfig, Recipe, load_recipe
from distill.evaluation.protocols.recipe import evaluate
from distill.training.qat import quantize
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.atomic import write_json

FLOAT = ("network.pt", "calibration.json")
"""What training in floats and its calibration leave."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="recipe with [qat]")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/NAME/rounding.json")
    parser.add_argument("--steps", type=int, help="with rounding; default: the recipe's")
    options = parser.parse_args()
    recipe = load_recipe(options.config)
    if recipe.qat is None:
        parser.error(f"{options.config} has no [qat]")
    steps = recipe.qat.steps if options.steps is None else options.steps
    if not steps:
        parser.error(f"[qat] of {options.config} has no steps: say how many with --steps")
    after = measured(recipe, 0)
    trained = measured(recipe, steps)
    rows = {
        "float": of_precision(evaluate(variant(recipe, "float", None)), "fp32"),
        "int8, rounded after training": of_precision(after, "int8"),
        "int8, rounded in training": of_precision(trained, "int8"),
        "float, rounded in training": of_precision(trained, "fp32"),
    }
    report = {
        "what": f"{recipe.name}: 8-bit integers made after training and in it",
        **conditions(),
        "seed": recipe.seed,
        "rows": rows,
    }
    out = options.out or RESULTS / recipe.name / "rounding.json"
    write_json(out, report)


def variant(recipe: Recipe, name: str, qat: QatConfig | None) -> Recipe:
    """The recipe with another [qat], in a folder of its own that shares the float network."""
    changed = msgspec.structs.replace(recipe, name=f"rounding/{recipe.name}-{name}", qat=qat)
    changed.run_folder.mkdir(parents=True, exist_ok=True)
    for part in FLOAT:
        link = changed.run_folder / part
        if not link.exists():
            link.symlink_to((recipe.run_folder / part).resolve())
    return changed


def measured(recipe: Recipe, steps: int) -> list[AccuracySpec]:
    """Figures after so many steps with rounding: the recipe's own, or of a variant run here."""
    assert recipe.qat is not None  # main() refuses it
    if steps == recipe.qat.steps:
        return results_of(recipe)
    settings = msgspec.structs.replace(recipe.qat, steps=steps)
    other = variant(recipe, f"{steps}-steps", settings)
    quantize(other, settings)
    return evaluate(other)


def results_of(recipe: Recipe) -> list[AccuracySpec]:
    """What `distill evaluate` wrote of the recipe itself; SystemExit if it was not run."""
    path = recipe.run_folder / "results.json"
    if not path.is_file():
        raise SystemExit(f"no {path}: run `python -m distill train` with the recipe first")
    return msgspec.json.decode(path.read_bytes(), type=list[AccuracySpec])


def of_precision(figures: list[AccuracySpec], precision: str) -> list[dict[str, Any]]:
    """Those of one precision, in short."""
    return [_short(each) for each in figures if each.precision == precision]


def _short(figure: AccuracySpec) -> dict[str, Any]:
    kept = ("dataset", "split", "metric", "value", "low", "high", "n")
    return {name: getattr(figure, name) for name in kept}


if __name__ == "__main__":
    main()
