"""What each part of a network brings: the same small budget, several seeds.

    python -m benchmarks.ablations.run mf2 | unseen | bundle-teacher

Arms of a plan (`plans.py`) start alike and see the same faces, and, where the plan says so, are
trained again in two folds by subject of CK+. Figures are of validation data.
The budget is one that can be repeated; the figures compare arms, they are not what a full recipe
reaches. Runs that are done are not done again, one that was killed goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.ablations.dfn_versus import MALLOC
from benchmarks.ablations.plans import PLANS, Metrics, Plan
from benchmarks.report import RESULTS, conditions
from distill.config import Recipe, load_recipe
from distill.evaluation.metrics.scores import auc, f1
from distill.evaluation.protocols.out_of_fold import out_of_fold_logits
from distill.language.texts import make_bank
from distill.networks.export_net import network_size
from distill.networks.network import channels_last
from distill.training.checkpoint import load_network
from distill.training.loop import train
from mf2_edge.io.atomic import write_json

BATCH = {"wild": 14, "rafdb": 8, "ferplus": 8, "ckplus": 2}
"""Faces a step of each data set."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", choices=tuple(PLANS))
    parser.add_argument("--steps", type=int, help="of 32 faces each")
    parser.add_argument("--folds", action=argparse.BooleanOptionalAction, help="also by fold")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/PLAN-ablation.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    plan = PLANS[options.plan]
    options.steps = plan.steps if options.steps is None else options.steps
    options.folds = plan.folds if options.folds is None else options.folds
    if options.one:
        arm, seed = json.loads(options.one)
        recipe = arm_recipe(plan, arm, seed, options)
        run(recipe, plan.metrics, by_fold=options.folds)
        return
    jobs = [(arm, seed) for seed in range(options.seeds) for arm in plan.arms]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: launch(plan, job[0], job[1], options), jobs))
    figures: dict[str, list[dict[str, float]]] = {arm: [] for arm in plan.arms}
    for arm, seed in jobs:
        folder = arm_recipe(plan, arm, seed, options).run_folder
        figures[arm].append(json.loads((folder / "figures.json").read_text()))
    report = {
        "what": f"{plan.what}, the same small budget, validation data",
        **conditions(),
        "budget": {"steps of 32 faces": options.steps, "by fold": options.folds},
        "seeds": options.seeds,
        "variants": {name: summary(rows) for name, rows in figures.items()},
    }
    out = options.out or RESULTS / f"{options.plan}-ablation.json"
    write_json(out, report)


def launch(plan: Plan, arm: str, seed: int, options: argparse.Namespace) -> None:
    """One run in a process of its own, one thread."""
    if (arm_recipe(plan, arm, seed, options).run_folder / "figures.json").is_file():
        return
    command = [sys.executable, "-m", "benchmarks.ablations.run", options.plan]
    command += ["--steps", str(options.steps), "--folds" if options.folds else "--no-folds"]
    environment = os.environ | MALLOC | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--one", json.dumps([arm, seed])], check=True, env=environment)


def arm_recipe(plan: Plan, arm: str, seed: int, options: argparse.Namespace) -> Recipe:
    """The plan's recipe within the budget, changed as the arm says."""
    replace, recipe = msgspec.structs.replace, load_recipe(plan.config)
    budget = replace(
        recipe,
        name=f"ablation/{options.steps}/{arm}, seed {seed}",
        training_seed=seed,
        train=replace(recipe.train, steps=options.steps, batch=dict(BATCH), ema=0.98),
        folds=recipe.folds and replace(recipe.folds, count=2),
    )
    return plan.arms[arm](budget)


def run(recipe: Recipe, metrics: Metrics, *, by_fold: bool) -> None:
    """Train an arm and write its figures, parts in 0..1, beside its checkpoints."""
    if recipe.texts is not None:
        make_bank(recipe, recipe.texts)
    network = channels_last(load_network(train(recipe)).network)
    figures = metrics(network, recipe)
    if by_fold and recipe.folds is not None:
        for fold in range(recipe.folds.count):
            train(recipe, fold)
        pooled = out_of_fold_logits(recipe, "fp32")
        assert pooled is not None  # both folds were trained
        present, logits = pooled.labels == 1, pooled.logits
        columns = [recipe.action_units.index(u) for u in recipe.folds.headline]
        columns = [column for column in columns if present[:, column].any()]
        aucs = [auc(logits[:, c], present[:, c]) for c in columns]
        f1s = [f1(logits[:, c] > 0, present[:, c]) for c in columns]
        figures |= {
            "mean AUC, CK+": float(np.mean(aucs)),
            "mean F1 at 0.5, CK+": float(np.mean(f1s)),
        }
    size = network_size(network, recipe.alignment)
    figures |= {"MACs": size.macs, "parameters": size.parameters}
    write_json(recipe.run_folder / "figures.json", figures)


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
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
