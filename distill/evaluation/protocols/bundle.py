"""Evaluate an exported file of a bundle: what ships, on the faces that were held out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from distill.config import ConfigError, Recipe, load_recipe
from distill.evaluation.artifact import ArtifactFile, choose_file, open_file, run_on_store
from distill.evaluation.calibrate import HeldOut
from distill.evaluation.conditions import machine, today
from distill.evaluation.metrics.intervals import DRAWS
from distill.evaluation.protocols.bundle_units import human_coded, recipe_report
from distill.evaluation.protocols.held_out import held_out_parts
from distill.evaluation.protocols.recipe import coded_accuracy
from distill.evaluation.reports.schema import Evaluation, save_evaluation
from distill.faces.store import load_store
from distill.training.sources.stored import evaluation_stores
from distill.training.trained import NetworkPrecision
from mf2_edge.bundle.schema import AccuracySpec, Manifest

CANNOT: Final = (
    "Accuracy by age, sex, skin tone or origin: nothing here says who the people are. Needed: "
    "faces with raters' emotions and FACS codes of people who told their own age and sex and whose "
    "skin tone was rated on a published scale, some hundreds of faces for each group and label.",
    "Action Units of people in the wild by certified human coders: the photographs of the world "
    "here were coded by a vision-language model. Needed: spontaneous expressions by certified "
    "coders, such as DISFA, BP4D or Aff-Wild2, which `distill evaluate --dataset` reads.",
    "How far faces of one person stand together: RAF-DB and FER+ do not say who is who, so a "
    "person may be in training and in validation, and intervals over faces may be too narrow.",
    "What a person feels: the labels say what raters see.",
)
"""What no data set at hand can tell, and what would."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class BundleOrder:
    """What to measure: a bundle (name or folder), one of its files (None: the first), by a recipe.

    The recipe names the data. `out` takes the results; `slices` adds worse conditions.
    """

    bundle: str | None
    artifact: str | None
    config: Path
    out: Path | None
    slices: bool


def evaluate_bundle(order: BundleOrder, workers: int) -> Evaluation:
    """Run the file on the held-out faces and write the results; a killed run goes on from there.

    Raises BundleError for a bundle or file that is not there, ConfigError where the recipe's faces
    do not fit the bundle, FileNotFoundError for faces that were not prepared.
    """
    which = choose_file(order.bundle, order.artifact)
    recipe = load_recipe(order.config)
    manifest = open_file(which).analyzer.bundle.manifest
    _check(recipe, manifest, order.config)
    out = order.out or Path("runs/evaluations") / f"{manifest.name}-{manifest.version}.json"
    scratch = out.with_name(f"{out.stem}.rows")
    evaluation = _examine(which, recipe, manifest, scratch, workers, slices=order.slices)
    save_evaluation(evaluation, out)
    shutil.rmtree(scratch)
    return evaluation


def _examine(
    which: ArtifactFile,
    recipe: Recipe,
    manifest: Manifest,
    scratch: Path,
    workers: int,
    *,
    slices: bool,
) -> Evaluation:
    analyzer = open_file(which).analyzer
    precision: NetworkPrecision = "int8" if analyzer.artifact.precision == "int8" else "fp32"
    left_out: list[str] = []
    coded = _measured_in(precision, _human_coded(which, recipe, manifest, scratch, workers))
    world = _measured_in(precision, _world(which, recipe, manifest, scratch, workers))
    emotions, sliced, properties, raters = [], [], [], []
    for part in held_out_parts(recipe, which, scratch, workers):
        emotions.append(part.emotions(manifest))
        if part.is_last_word:
            properties += part.properties()
            title = f"{part.data.title}, {part.words}"
            raters.append(_or_leave_out(part.raters, f"{title}: raters", left_out))
            if slices:
                sliced.append(
                    _or_leave_out(
                        partial(part.slices, which, scratch, workers),
                        f"{title}: slices",
                        left_out,
                    )
                )
    of_recipe = None
    learned = recipe.folds is not None and not recipe.data[recipe.folds.dataset].eval_only
    if learned:
        of_recipe = _or_leave_out(
            partial(recipe_report, recipe, manifest, precision), "figures of the recipe", left_out
        )
    return Evaluation(
        bundle=manifest.name,
        version=manifest.version,
        manifest_sha256=analyzer.bundle.manifest_sha256,
        artifact=analyzer.artifact.file,
        sha256=analyzer.artifact.sha256,
        runtime=f"{analyzer.runtime.name}, {analyzer.artifact.precision}, one thread",
        seed=recipe.seed,
        draws=DRAWS,
        date=today(),
        machine=machine(),
        emotions=tuple(emotions),
        world=world,
        recipe=of_recipe,
        seen_in_training=coded if learned else (),
        unseen_codes=() if learned else coded,
        slices=tuple(filter(None, sliced)),
        properties=tuple(properties),
        raters=tuple(filter(None, raters)),
        left_out=tuple(left_out),
        cannot_be_measured=CANNOT,
    )


def _measured_in(
    precision: NetworkPrecision, accuracy: Iterable[AccuracySpec]
) -> tuple[AccuracySpec, ...]:
    return tuple(msgspec.structs.replace(each, precision=precision) for each in accuracy)


def _human_coded(
    which: ArtifactFile, recipe: Recipe, manifest: Manifest, scratch: Path, workers: int
) -> tuple[AccuracySpec, ...]:
    if recipe.folds is None:
        return ()
    folder = recipe.cache_folder / recipe.folds.dataset
    rows = np.arange(len(load_store(folder).images))
    logits = run_on_store(which, folder, rows, scratch, workers)
    return tuple(human_coded(recipe, manifest, logits.units))


def _world(
    which: ArtifactFile, recipe: Recipe, manifest: Manifest, scratch: Path, workers: int
) -> Iterator[AccuracySpec]:
    """Units on the held-out coded photographs of every data set that has some, as shipped."""
    for name, store in evaluation_stores(recipe):
        rows = store.rows("valid")
        if np.isnan(store.action_units[rows]).all():
            continue
        logits = run_on_store(which, recipe.cache_folder / name, rows, scratch, workers)
        part = HeldOut(recipe.data[name].title, store, rows, {"action_units": logits.units})
        yield from coded_accuracy(part, recipe, manifest.calibration, name, "validation")


def _or_leave_out(measure: Callable[[], _T], what: str, left_out: list[str]) -> _T | None:
    """What is measured, or None and a line that says why not, where its data is not here."""
    try:
        return measure()
    except FileNotFoundError as error:
        left_out.append(f"{what}: {error}")
        return None


def _check(recipe: Recipe, manifest: Manifest, config: Path) -> None:
    """The stored faces must be what the bundle would make of them, and labels mean the same."""
    pairs = {
        "alignment": (recipe.alignment, manifest.alignment),
        "emotions": (recipe.emotions, manifest.head("emotion").labels),
        "action_units": (recipe.action_units, manifest.head("action_units").labels),
    }
    for key, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise ConfigError(
                f"{config}: its {key} are not those of bundle {manifest.name}, so its faces and "
                f"labels do not fit; expected {theirs}. Give the recipe that the bundle was made by"
            )
