"""`python -m distill protocol`: train and judge a recipe as papers do on a data set's folds."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from distill.config import load_recipe
from distill.datasets.tree import DATA_ROOT
from distill.evaluation.protocols.trained import protocol_table, run_protocol
from distill.parsers import protocol_parser
from distill.prepare import prepare
from distill.training.distributed import join_world


def main(arguments: Sequence[str]) -> int:
    """Train, judge, write and print the table; returns 0."""
    options = protocol_parser().parse_args(arguments)
    if options.data_root is not None:
        os.environ[DATA_ROOT] = str(options.data_root)
    recipe = load_recipe(options.config, options.set)
    dataset = options.dataset or (recipe.folds.dataset if recipe.folds else next(iter(recipe.data)))
    out = options.out or Path("runs/evaluations") / f"{recipe.name}-{options.protocol}.json"
    world = join_world()
    if world.leads:
        prepare(recipe, workers=os.cpu_count() or 1)
    world.wait()
    report = run_protocol(recipe, dataset, options.protocol, options.seeds, out)
    if report is not None:
        sys.stdout.write(protocol_table(report) + f"wrote {out}\n")
    return 0
