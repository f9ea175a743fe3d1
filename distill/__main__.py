"""`python -m distill COMMAND`: from data sets to a trained, calibrated network."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distill.config import Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for a mistake in the input."""
    parser = argparse.ArgumentParser(prog="python -m distill", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (text, _) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, required=True, help="recipe (TOML)")
    options = parser.parse_args(arguments)
    from distill.config import load_recipe

    try:
        COMMANDS[options.command][1](load_recipe(options.config))
    except (ValueError, FileNotFoundError) as error:
        sys.stderr.write(f"distill {options.command}: {error}\n")
        return 2
    return 0


def _prepare(recipe: Recipe) -> None:
    from distill.prepare import prepare

    prepare(recipe, workers=os.cpu_count() or 1)


def _pseudo(recipe: Recipe) -> None:
    from distill.pseudo import score_blendshapes

    score_blendshapes(recipe)


def _train(recipe: Recipe) -> None:
    """Every stage in order; each skips what it has done already. `torchrun` speeds up phase 1."""
    from distill.parallel import join_world

    world = join_world()
    if world.leads:
        _prepare(recipe)
    world.wait()
    _wild(recipe)
    _action_units(recipe)
    if world.leads:
        _calibrate(recipe)
        _evaluate(recipe)


def _wild(recipe: Recipe) -> None:
    from distill.train import train

    train(recipe)


def _action_units(recipe: Recipe) -> None:
    from distill.action_units import train_action_units

    train_action_units(recipe)


def _calibrate(recipe: Recipe) -> None:
    from distill.calibrate import calibrate

    calibrate(recipe)


def _evaluate(recipe: Recipe) -> None:
    from distill.evaluate import evaluate

    for result in evaluate(recipe):
        sys.stdout.write(f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f}\n")


COMMANDS: dict[str, tuple[str, Callable[[Recipe], None]]] = {
    "train": ("all of the below but pseudo, in order; resumes where it stopped", _train),
    "prepare": ("align the faces of every data set", _prepare),
    "pseudo": ("score blendshapes with MediaPipe, for AU pseudo-labels", _pseudo),
    "wild": ("phase 1: trunk and branches on in-the-wild faces; resumes", _wild),
    "action-units": ("phase 2: the AU branch on human FACS codes; resumes", _action_units),
    "calibrate": ("fit temperature, AU scaling and thresholds on held-out data", _calibrate),
    "evaluate": ("measure; writes results.json for the manifest", _evaluate),
}

if __name__ == "__main__":
    sys.exit(main())
