"""How quick networks for phones are, beside how well they answer: backbones and sizes compared.

    python -m benchmarks.ablations.pareto

The networks are those that `python -m benchmarks.ablations.run sizes` left under runs/; its results
file has their accuracy, multiply-adds and parameters. Here the first of each size becomes .tflite
files, in floats and in 8-bit integers (ranges from made-up faces: only their speed means anything),
and all files run in turns, so that a busy machine slows all alike. Draws docs/front.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import torch
from tqdm import tqdm

from benchmarks.ablations.plans import PLANS
from benchmarks.ablations.run import arm_recipe
from benchmarks.report import RESULTS, conditions
from distill.networks.export_net import embedding_widths, export_network
from distill.networks.fake_quantized import convert, prepare, save_program
from distill.training.checkpoint import load_integers, load_network
from exporters.checks.faces import synthetic_faces
from exporters.formats.spec import ExportSource
from exporters.formats.tflite.fp32 import export_tflite
from exporters.formats.tflite.int8 import export_tflite_int8
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import EmbeddingSpec
from mf2_edge.io.atomic import replacing, write_json
from mf2_edge.runtime.litert import LiteRTRuntime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=Path, default=RESULTS / "sizes-ablation.json")
    parser.add_argument("--rounds", type=int, default=200, help="each file is run once a round")
    parser.add_argument("--out", type=Path, default=RESULTS / "front.json")
    parser.add_argument("--plot", type=Path, default=Path("docs/front.png"))
    options = parser.parse_args()
    report = json.loads(options.sizes.read_text())
    steps, unit_steps = report["budget"].values()
    budget = argparse.Namespace(steps=steps, unit_steps=unit_steps)
    with TemporaryDirectory() as folder:
        files = {}
        for name in tqdm(report["variants"], desc="export"):
            checkpoint = arm_recipe(PLANS["sizes"], name, 0, budget).run_folder / "network.pt"
            for numbers, file in export(checkpoint, Path(folder)).items():
                files[name, numbers] = file
        times = run_in_turns(files, options.rounds)
    for name, figures in report["variants"].items():
        for numbers in ("fp32", "int8"):
            figures[numbers] = {
                "p50_ms": round(float(np.percentile(times[name, numbers], 50)) * 1e3, 3),
                "p90_ms": round(float(np.percentile(times[name, numbers], 90)) * 1e3, 3),
                "bytes": len(files[name, numbers]),
            }
    report |= {"what": "networks for phones by size: accuracy of a small budget, latency here"}
    measured = conditions()
    report |= {
        "rounds": options.rounds,
        "latency": f"litert, one thread; {measured['date']}, {measured['machine']}",
    }
    write_json(options.out, report)
    draw(report, options.plot)


def export(checkpoint: Path, folder: Path) -> dict[str, bytes]:
    """A trained network as .tflite in floats and in integers."""
    trained = load_network(checkpoint)
    network, face = trained.network.eval(), trained.recipe.alignment
    shape = (2, 3, face.height, face.width)
    simulated = prepare(network, shape)
    simulated.eval()
    faces = torch.from_numpy(synthetic_faces(face.width, face.height).images).permute(0, 3, 1, 2)
    with torch.no_grad():
        simulated((faces - 127.5) / 128)
    save_program(convert(simulated), shape, folder / "network.pt2")
    integers = load_integers(folder / "network.pt2")
    shipped = load_bundle(None).manifest
    vectors = tuple(
        EmbeddingSpec(name=name, output=place, width=width)
        for place, (name, width) in enumerate(embedding_widths(network).items(), len(shipped.heads))
    )
    manifest = msgspec.structs.replace(shipped, embeddings=vectors)
    made = {}
    for numbers, module, write in (
        ("fp32", export_network(network), export_tflite),
        ("int8", integers, export_tflite_int8),
    ):
        path = folder / f"{numbers}.tflite"
        write(ExportSource(module, manifest, manifest.artifacts[0]), path)
        made[numbers] = path.read_bytes()
    return made


def run_in_turns(files: dict[Any, bytes], rounds: int) -> dict[Any, list[float]]:
    """Seconds of each run of each file, one thread, after ten rounds to warm up."""
    opened = {name: LiteRTRuntime(data) for name, data in files.items()}
    size = load_bundle(None).manifest.input
    pixels = np.random.default_rng(0).standard_normal((1, size.height, size.width, 3))
    face = pixels.astype(np.float32)
    times: dict[Any, list[float]] = {name: [] for name in files}
    for turn in tqdm(range(rounds + 10), desc="run"):
        for name, runtime in opened.items():
            started = perf_counter()
            runtime.run(face)
            if turn >= 10:
                times[name].append(perf_counter() - started)
    return times


def draw(report: dict[str, Any], path: Path) -> None:
    """Accuracy, with the spread of several seeds, against latency of the integers."""
    from matplotlib.figure import Figure

    sets = {"accuracy_rafdb": "RAF-DB", "accuracy_ferplus": "FER+"}
    figure = Figure(figsize=(9, 4.6), dpi=150, layout="constrained")
    both = figure.subplots(1, 2)
    for axes, (key, title) in zip(both, sets.items(), strict=True):
        for (name, figures), marker in zip(report["variants"].items(), "osD^vP", strict=True):
            color = "#c2410c" if name.startswith("MobileFaceNet") else "#0b6e99"
            point = figures["int8"]["p50_ms"], figures[key]["mean"]
            spread = figures[key]["std"]
            axes.errorbar(*point, yerr=spread, fmt=marker, color=color, capsize=3, label=name)
        axes.set(title=f"{title}, validation", xlabel="ms a face, int8, one thread")
        axes.set_ylabel("accuracy after a small budget")
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    points, names = both[0].get_legend_handles_labels()
    figure.legend(points, names, loc="outside lower center", ncols=3, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        figure.savefig(partial, format="png")


if __name__ == "__main__":
    main()
