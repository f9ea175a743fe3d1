"""`python -m distill scale`: what a full-scale run would need, from what was measured in small.

Training time comes from timed steps, disk space from a shard that is written, the cost
of descriptions from the code behind `mfa plan`. A figure that was not measured is tagged
"estimated" and names its assumption. `python -m benchmarks.tables` makes docs/scale.md of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distill.config import Recipe
from distill.evaluation.conditions import today
from distill.mfa.errors import MfaError
from distill.mfa.faces import Face, iterate_faces
from distill.mfa.options import recipe_of, store_path
from distill.mfa.prompt.message import Asking, ask_about
from distill.mfa.prompt.offline import describe_offline
from distill.mfa.records.store import open_store
from distill.mfa.request.cost import Estimate, estimate
from distill.mfa.request.prices import Quote, load_quote
from distill.mfa.shards.index import layout_of
from distill.mfa.shards.sample import find_faces
from distill.mfa.shards.write import RECORDS_PER_SHARD, export
from distill.parsers import scale_parser
from distill.training.distributed import join_world
from distill.training.throughput import Throughput, measure_throughput
from mf2_edge.io.atomic import write_json


def main(arguments: Sequence[str]) -> int:
    """Measure, compute, write; returns 0, or 2 for a mistake in the input."""
    parser = scale_parser()
    options = parser.parse_args(arguments)
    if (options.throughput is None) != (options.measured_on is None):
        parser.error("--throughput and --measured-on belong together")
    if (options.gpu_speedup is None) != (options.assuming is None):
        parser.error("--gpu-speedup and --assuming belong together")
    try:
        recipe = recipe_of(options)
        quote = load_quote(options.model, options.prices)
        faces = list(iterate_faces(recipe, limit=options.sample))
        if not faces:
            raise MfaError("the caches have no labelled face to sample: prepare more data")
        world = join_world()
        speed = measure_throughput(recipe, world, options.steps)
        if world.leads:
            report = _report(recipe, options, speed, faces, quote)
            options.write.parent.mkdir(parents=True, exist_ok=True)
            write_json(options.write, report)
            sys.stdout.write(
                f"{options.write} is written; `python -m benchmarks.tables` shows it\n"
            )
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"distill scale: {error}\n")
        return 2
    return 0


def _report(
    recipe: Recipe,
    options: argparse.Namespace,
    speed: Throughput,
    faces: Sequence[Face],
    quote: Quote,
) -> dict[str, Any]:
    """All figures, each with what it rests on."""
    size = _bytes_a_face(recipe, faces)
    return {
        "what": "needs of a full-scale run",
        "recipe": recipe.name,
        "date": today(),
        "faces": options.faces,
        "epochs": options.epochs,
        "throughput": {**asdict(speed), "share_of_peak": speed.share_of_peak},
        "training": _training(options, speed),
        "shards": {
            "sampled": len(faces),
            "bytes_a_face": round(size),
            "gigabytes": size * options.faces / 1e9,
        },
        "descriptions": _descriptions(recipe, options, faces, quote),
    }


def _training(options: argparse.Namespace, speed: Throughput) -> list[dict[str, Any]]:
    """Hours of training: as measured here, as measured elsewhere, as estimated for a GPU."""
    rates = [("this machine", speed.faces_per_s, "measured-host", speed.device)]
    if options.throughput is not None:
        basis = options.measured_on
        rates.append(("another machine", options.throughput, "measured elsewhere", basis))
    if options.gpu_speedup is not None:
        basis = f"{options.gpu_speedup:g} times as fast but for the preparing of faces; "
        rate = speed.sped_up(options.gpu_speedup)
        rates.append(("one GPU", rate, "estimated", basis + options.assuming))
    seen = options.faces * options.epochs
    return [
        {
            "what": what,
            "faces_per_s": rate,
            "hours": seen / rate / 3600,
            "provenance": provenance,
            "basis": basis,
        }
        for what, rate, provenance, basis in rates
    ]


def _descriptions(
    recipe: Recipe, options: argparse.Namespace, faces: Sequence[Face], quote: Quote
) -> dict[str, Any]:
    """Tokens and dollars, scaled up from the sample."""
    questions = [ask_about(face, Asking(options.model)) for face in faces]
    with open_store(store_path(options, recipe)) as store:
        found: Estimate = estimate(questions, quote.price, store)
    scale = options.faces / found.images
    return {
        "model": options.model,
        "source": quote.source,
        "date": quote.date.isoformat(),
        "sampled": found.images,
        "measured": found.measured,
        "input_tokens": round(found.input_tokens * scale),
        "output_tokens": round(found.output_tokens * scale),
        "usd": {mode: usd * scale for mode, usd in found.usd.items()},
        "most_usd": {mode: usd * scale for mode, usd in found.most_usd.items()},
    }


def _bytes_a_face(recipe: Recipe, faces: Sequence[Face]) -> float:
    """Size of a shard for each of its faces, by writing one with the grammar's texts."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(folder / "mfa.sqlite") as store:
            describe_offline(faces, store)
            samples = find_faces(list(store.records()), recipe)
        export(samples, layout_of(recipe), folder / "shards", RECORDS_PER_SHARD)
        sizes = [path.stat().st_size for path in (folder / "shards").glob("*.tar")]
    return sum(sizes) / len(samples)
