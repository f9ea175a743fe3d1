"""`python -m distill COMMAND`: from data sets to a trained, calibrated network."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from distill.datasets.tree import DATA_ROOT
from distill.parsers import PARSERS, add_overrides
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.extras import missing_extra

if TYPE_CHECKING:
    from distill.config import Recipe


NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Command:
    """A step of a recipe. `run` takes the recipe and, if `by_fold`, the fold to leave out."""

    help: str
    run: Callable[[Recipe, int | None], None]
    by_fold: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for what the user can mend, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(format="%(message)s")
    logging.getLogger("distill").setLevel(logging.INFO)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        problem, code = "stopped; run it again to go on where it was", 130
    except (ModuleNotFoundError, OSError, ValueError, Mf2EdgeError) as error:
        told = _told(error)
        if told is None:
            raise
        problem, code = told, 2
    sys.stderr.write(f"distill {' '.join(arguments[:1])}: {problem}\n")
    return code


def _told(error: Exception) -> str | None:
    """What a user can do about an error; None for a fault of this program."""
    if isinstance(error, ModuleNotFoundError):
        missing = missing_extra(error)
        return None if missing is None else str(missing)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"no room on the disk ({error}); make room, and run it again to go on"
    return str(error)


def _run(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in PARSERS and {"-h", "--help"} & set(arguments[1:]):
        PARSERS[arguments[0]]().parse_args(["--help"])
    if arguments and arguments[0] in PROGRAMS:
        own: Callable[[Sequence[str]], int] = import_module(PROGRAMS[arguments[0]][0]).main
        return own(arguments[1:])
    options = _parser().parse_args(arguments)
    from distill.config import load_recipe

    if options.data_root is not None:
        os.environ[DATA_ROOT] = str(options.data_root)
    command = COMMANDS[options.command]
    recipe = load_recipe(options.config, options.set)
    command.run(recipe, options.fold if command.by_fold else None)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m distill", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.help, description=command.help)
        added.add_argument("--config", type=Path, required=True, help="recipe (TOML)")
        added.add_argument(
            "--data-root", type=Path, metavar="FOLDER",
            help="folder that the recipe's paths of data start from (default: "
            f"{DATA_ROOT}, else the working directory)",
        )  # fmt: skip
        add_overrides(added)
        if command.by_fold:
            added.add_argument(
                "--fold", type=int, help="leave the subjects of this fold out (see [folds])"
            )
    for name, (_, text) in PROGRAMS.items():
        commands.add_parser(name, help=f"{text}; see `{name} --help`")
    return parser


def _prepare(recipe: Recipe, fold: int | None) -> None:  # noqa: ARG001
    from distill.prepare import prepare

    prepare(recipe, workers=os.cpu_count() or 1)


def _texts(recipe: Recipe, fold: int | None) -> None:  # noqa: ARG001
    from distill.language.own_texts import make_own_texts
    from distill.language.texts import make_bank

    if recipe.texts is None:
        raise ValueError("the recipe has no [texts]: nothing to encode")
    make_bank(recipe, recipe.texts)
    if recipe.texts.own:
        make_own_texts(recipe, recipe.texts)


def _train(recipe: Recipe, fold: int | None) -> None:
    """Every step in order; each skips what it has done already. `torchrun` shares the training."""
    from distill.training.distributed import join_world
    from distill.training.loop import train

    _check_fold(recipe, fold)
    world = join_world()
    if world.leads:
        _prepare(recipe, None)
        if recipe.texts is not None:
            _texts(recipe, None)
    world.wait()
    train(recipe, fold)
    if recipe.qat is not None:
        _quantize(recipe, fold)
    if world.leads and fold is None:
        _calibrate(recipe, None)
        _evaluate(recipe)


def _quantize(recipe: Recipe, fold: int | None) -> None:
    from distill.training.qat import quantize

    if recipe.qat is None:
        raise ValueError("the recipe has no [qat]: its network stays in float")
    _check_fold(recipe, fold)
    quantize(recipe, recipe.qat, fold)


def _check_fold(recipe: Recipe, fold: int | None) -> None:
    count = recipe.folds.count if recipe.folds is not None else 0
    if fold is not None and not 0 <= fold < count:
        raise ValueError(f"--fold {fold}: {recipe.name} has {count} folds, counted from 0")


def _calibrate(recipe: Recipe, fold: int | None) -> None:  # noqa: ARG001
    from distill.evaluation.calibrate import calibrate

    calibrate(recipe)


def _evaluate(recipe: Recipe) -> None:
    from distill.evaluation.command import evaluate_recipe

    evaluate_recipe(recipe)


COMMANDS: dict[str, Command] = {
    "train": Command("all steps, then evaluate; resumes where it stopped", _train, by_fold=True),
    "prepare": Command("align the faces of every data set", _prepare),
    "texts": Command("encode the MFA store's descriptions, for MF²", _texts),
    "quantize": Command("8-bit integers: ranges, then QAT", _quantize, by_fold=True),
    "calibrate": Command("fit temperature and scaling of every head on held-out faces", _calibrate),
}

PROGRAMS = {
    "evaluate": ("distill.evaluation.command", "measure a recipe, bundle, data set or teacher"),
    "protocol": ("distill.protocol", "train and judge on published folds: the table of papers"),
    "mfa": ("distill.mfa.cli", "descriptions of faces by a large model, or offline"),
    "adapt": ("distill.adapt", "a new head from your own labels"),
    "text-space": ("distill.adapting.text.fit_space", "a text space for a bundle"),
    "explain": ("distill.explain", "the attention of MF²"),
    "scale": ("distill.scale", "what a full-scale run would need"),
}

if __name__ == "__main__":
    sys.exit(main())
