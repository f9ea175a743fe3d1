"""What each part of MF² brings: the same budget without it, three seeds, on validation data.

    python -m benchmarks.mf2_ablation --config distill/configs/mf2.toml

Each run starts from the face network: phase 1 on RAF-DB and FER+, then phase 2 in two folds by
subject on CK+. The budget is a small one that can be repeated; the figures compare parts, they are
not what the full recipe reaches. Runs that are done are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.dfn_versus import MALLOC
from distill.action_units import train_action_units
from distill.checkpoint import load_network
from distill.config import Recipe, load_recipe
from distill.evaluate import machine, today
from distill.judging.metrics import auc, f1
from distill.language.texts import make_bank
from distill.networks.network import channels_last
from distill.train import train, validate, wild_sources
from mf2_edge.atomic import replacing

VARIANTS: dict[str, tuple[str, ...] | None] = {
    "global only": None,
    "+ local": (),
    "+ text, face level": ("face",),
    "+ text, all levels": ("au", "emotion", "face"),
}
"""Levels of text that each variant is aligned with; None stands for no AU tokens either."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="MF²'s recipe")
    parser.add_argument("--steps", type=int, default=250, help="of phase 1, 32 faces each")
    parser.add_argument("--unit-steps", type=int, default=120, help="of phase 2, 24 faces each")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/mf2-ablation.json"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        variant, seed = json.loads(options.one)
        run(variant_recipe(load_recipe(options.config), variant, seed, options))
        return
    jobs = [(variant, seed) for seed in range(options.seeds) for variant in VARIANTS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: launch(options, *job), jobs))
    recipe = load_recipe(options.config)
    figures = {
        variant: [
            json.loads((folder / "figures.json").read_text())
            for seed in range(options.seeds)
            for folder in [variant_recipe(recipe, variant, seed, options).run_folder]
        ]
        for variant in VARIANTS
    }
    report = {
        "what": "MF² without each of its parts, the same small budget, validation data",
        "provenance": "measured-host",
        "machine": machine(),
        "date": today(),
        "budget": {"phase 1 steps of 32 faces": options.steps, "phase 2": options.unit_steps},
        "seeds": options.seeds,
        "variants": {name: summary(rows) for name, rows in figures.items()},
    }
    with replacing(options.out) as partial:
        partial.write_text(json.dumps(report, indent=2) + "\n")


def launch(options: argparse.Namespace, variant: str, seed: int) -> None:
    """One run in a process of its own, one thread."""
    recipe = variant_recipe(load_recipe(options.config), variant, seed, options)
    if (recipe.run_folder / "figures.json").is_file():
        return
    command = [sys.executable, "-m", "benchmarks.mf2_ablation", "--config", str(options.config)]
    command += ["--steps", str(options.steps), "--unit-steps", str(options.unit_steps)]
    environment = os.environ | MALLOC | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--one", json.dumps([variant, seed])], check=True, env=environment)


def variant_recipe(recipe: Recipe, variant: str, seed: int, options: argparse.Namespace) -> Recipe:
    """MF²'s recipe without the parts that the variant leaves out."""
    replace, levels = msgspec.structs.replace, VARIANTS[variant]
    name = f"ablation/{options.steps}-{options.unit_steps}/{variant}, seed {seed}"
    return replace(
        recipe,
        name=name,
        training_seed=seed,
        network=replace(
            recipe.network, architecture="student" if levels is None else "mf2", continues=None
        ),
        texts=replace(recipe.texts, levels=levels) if recipe.texts and levels else None,
        train=replace(
            recipe.train, steps=options.steps, batch={"rafdb": 16, "ferplus": 16}, ema=0.98
        ),
        action_unit_training=replace(
            recipe.action_unit_training,
            folds=2,
            steps=options.unit_steps,
            replay={"rafdb": 4, "ferplus": 2},
            warmup=20,
            ema=0.97,
        ),
    )


def run(recipe: Recipe) -> None:
    """Train a variant and write its figures, all of them in 0..1, beside its checkpoints."""
    if recipe.texts is not None:
        make_bank(recipe, recipe.texts)
    network = channels_last(load_network(train(recipe)).network)
    figures = validate(network, recipe, wild_sources(recipe))
    with np.load(train_action_units(recipe, on_all=False)) as folds:
        labels, logits = folds["labels"], folds["logits"]
    columns = [recipe.action_units.index(u) for u in recipe.action_unit_training.headline]
    figures |= {
        "mean AUC, CK+": float(np.mean([auc(logits[:, c], labels[:, c] == 1) for c in columns])),
        "mean F1 at 0.5, CK+": float(
            np.mean([f1(logits[:, c] > 0, labels[:, c] == 1) for c in columns])
        ),
    }
    with replacing(recipe.run_folder / "figures.json") as partial:
        partial.write_text(json.dumps(figures))


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, object]]:
    """Mean and sample standard deviation over the seeds, and each of them."""
    table = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        table[name] = {
            "mean": round(float(np.mean(values)), 4),
            "std": round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else None,
            "seeds": [round(value, 4) for value in values],
        }
    return table


if __name__ == "__main__":
    main()
