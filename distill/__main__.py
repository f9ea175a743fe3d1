"""`python -m distill COMMAND`: from data sets to a trained, calibrated network."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distill.evaluation.options import (
    add_evaluate_options,
    evaluate_file,
    evaluate_on,
    mode,
)

if TYPE_CHECKING:
    from distill.config import Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for a mistake in the input."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["mfa"]:
        from distill.mfa.cli import main as mfa

        return mfa(arguments[1:])
    if arguments[:1] == ["explain"]:
        from distill.explain import main as explain

        return explain(arguments[1:])
    if arguments[:1] == ["scale"]:
        from distill.scale import main as scale

        return scale(arguments[1:])
    if arguments[:1] == ["adapt"]:
        from distill.adapt import main as adapt

        return adapt(arguments[1:])
    if arguments[:1] == ["text-space"]:
        from distill.adapting.fit_text_space import main as text_space

        return text_space(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m distill", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (text, _) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == "evaluate":
            add_evaluate_options(command)
        else:
            command.add_argument("--config", type=Path, required=True, help="recipe (TOML)")
    for name, (text, config, _) in MEASURES.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, required=True, help=f"{config} (TOML)")
        command.add_argument("--out", type=Path, required=True, help="figures (JSON)")
    commands.add_parser("mfa", help="describe faces in words (GPT-4o or offline); see `mfa --help`")
    commands.add_parser("adapt", help="a new head from your own labels; see `adapt --help`")
    commands.add_parser("text-space", help="teach a bundle words; see `text-space --help`")
    commands.add_parser("explain", help="where MF² looks; see `explain --help`")
    commands.add_parser("scale", help="what a full-scale run would need; see `scale --help`")
    options = parser.parse_args(arguments)
    from distill.config import load_recipe

    try:
        if options.command == "evaluate" and (found := mode(options)) != "recipe":
            {"dataset": evaluate_on, "bundle": evaluate_file}[found](options)
        elif options.command in MEASURES:
            MEASURES[options.command][2](options.config, options.out)
        else:
            COMMANDS[options.command][1](load_recipe(options.config))
    except (ValueError, FileNotFoundError) as error:
        sys.stderr.write(f"distill {options.command}: {error}\n")
        return 2
    return 0


def _prepare(recipe: Recipe) -> None:
    from distill.prepare import prepare

    prepare(recipe, workers=os.cpu_count() or 1)


def _pseudo(recipe: Recipe) -> None:
    from distill.faces.pseudo import score_blendshapes

    score_blendshapes(recipe)


def _train(recipe: Recipe) -> None:
    """Every stage in order; each skips what it has done already. `torchrun` shares the work."""
    from distill.training.distributed import join_world

    world = join_world()
    if world.leads:
        _prepare(recipe)
        if recipe.texts is not None:
            _texts(recipe)
    world.wait()
    _wild(recipe)
    _action_units(recipe)
    _settle(recipe)
    if recipe.quantization is not None:
        _quantize(recipe)
    if world.leads:
        _calibrate(recipe)
        _evaluate(recipe)


def _texts(recipe: Recipe) -> None:
    from distill.language.texts import make_bank

    if recipe.texts is None:
        raise ValueError("the recipe has no [texts]: nothing to encode")
    make_bank(recipe, recipe.texts)


def _wild(recipe: Recipe) -> None:
    from distill.training.pretrain import train

    train(recipe)


def _action_units(recipe: Recipe) -> None:
    from distill.training.action_units import train_action_units

    train_action_units(recipe)


def _settle(recipe: Recipe) -> None:
    from distill.training.finetune_emotion import settle

    if recipe.settling is not None:
        settle(recipe, recipe.settling)


def _quantize(recipe: Recipe) -> None:
    from distill.training.qat import quantize

    if recipe.quantization is None:
        raise ValueError("the recipe has no [quantization]: its network stays in float")
    quantize(recipe, recipe.quantization)


def _calibrate(recipe: Recipe) -> None:
    from distill.evaluation.calibrate import calibrate

    calibrate(recipe)


def _evaluate(recipe: Recipe) -> None:
    from distill.evaluation.evaluate import evaluate

    for result in evaluate(recipe):
        sys.stdout.write(
            f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f} "
            f"[{result.low}, {result.high}]\n"
        )


def _teacher(config: Path, out: Path) -> None:
    from distill.evaluation.evaluate_teacher import evaluate_teacher, table

    for line in table(evaluate_teacher(config, out)):
        sys.stdout.write(line + "\n")


def _zero_shot(config: Path, out: Path) -> None:
    from distill.config import load_recipe
    from distill.evaluation.evaluate_zero_shot import evaluate_zero_shot, table

    for line in table(evaluate_zero_shot(load_recipe(config), out)):
        sys.stdout.write(line + "\n")


COMMANDS: dict[str, tuple[str, Callable[[Recipe], None]]] = {
    "train": ("all of the below but pseudo, in order; resumes where it stopped", _train),
    "prepare": ("align the faces of every data set", _prepare),
    "pseudo": ("score blendshapes with MediaPipe, for AU pseudo-labels", _pseudo),
    "texts": ("encode the MFA store's descriptions, for MF²", _texts),
    "wild": ("phase 1: trunk and branches on in-the-wild faces; resumes", _wild),
    "action-units": ("phase 2: trunk and branches with human FACS codes; resumes", _action_units),
    "settle": ("phase 3: the emotion branch on the trunk that phase 2 left; resumes", _settle),
    "quantize": ("phase 4: 8-bit integers, by quantization-aware training; resumes", _quantize),
    "calibrate": ("fit temperature, AU scaling and thresholds on held-out data", _calibrate),
    "evaluate": ("measure; writes results.json for the manifest", _evaluate),
}

MEASURES: dict[str, tuple[str, str, Callable[[Path, Path], None]]] = {
    "teacher": ("measure an ensemble, its members and its views", "ensemble", _teacher),
    "zero-shot": ("measure MF² read by text alone", "recipe", _zero_shot),
}

if __name__ == "__main__":
    sys.exit(main())
