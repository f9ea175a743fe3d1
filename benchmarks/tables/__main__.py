"""The tables of the docs, made from the shipped manifest and the files in benchmarks/results.

    python -m benchmarks.tables [--check]

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`. `--check` changes nothing and exits
with 1 if a table is stale.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.tables import groups, latency, models, product, training, wild
from distill.evaluation.reports import tables
from mf2_edge.io.atomic import replacing

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether a table is stale")
    options = parser.parse_args()
    stale = 0
    for name, (page, table) in TABLES.items():
        old = (ROOT / page).read_text()
        new = fill(old, name, table())
        if new == old:
            continue
        stale += 1
        if options.check:
            sys.stderr.write(f"{page}: table {name} is stale: run `python -m benchmarks.tables`\n")
        else:
            with replacing(ROOT / page) as partial:
                partial.write_text(new)
    return int(options.check and stale > 0)


def fill(text: str, name: str, table: str) -> str:
    """Put a table between its two marks; raises ValueError if the marks are missing."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    filled, count = pattern.subn(lambda marks: f"{marks[1]}{table}\n{marks[2]}", text)
    if count != 1:
        raise ValueError(f"expected one pair of marks {name}, found {count}")
    return filled


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "accuracy": ("README.md", product.accuracy_table),
    "latency": ("README.md", product.latency_table),
    "bench": ("README.md", latency.files_table),
    "reports": ("docs/bench.md", latency.reports_table),
    "files-accuracy": ("docs/bench.md", latency.files_accuracy_table),
    "arm": ("docs/bench.md", latency.arm_table),
    "instructions": ("docs/bench.md", latency.instructions_table),
    "peers": ("docs/bench.md", latency.peers_table),
    "cost-model": ("docs/bench.md", latency.cost_model_table),
    "detector": ("docs/detector.md", product.detector_table),
    "detection-recall": ("docs/detector.md", product.recall_table),
    "detection-price": ("docs/detector.md", product.price_table),
    "mfa-faults": ("docs/mfa.md", training.mfa_faults_table),
    "wild-counts": ("docs/mfa-wild.md", wild.counts_table),
    "wild-agreement": ("docs/mfa-wild.md", wild.agreement_table),
    "wild-humans": ("docs/mfa-wild.md", wild.humans_table),
    "wild-emotions": ("docs/mfa-wild.md", wild.emotions_table),
    "wild-groups": ("docs/mfa-wild.md", wild.groups_table),
    "wild-quality": ("docs/mfa-wild.md", wild.quality_table),
    "wild-rates": ("docs/mfa-wild.md", wild.rates_table),
    "groups": ("docs/evaluation.md", groups.groups_table),
    "changes": ("docs/evaluation.md", groups.changes_table),
    "teacher": ("docs/training.md", training.teacher_table),
    "teacher-trunks": (
        "docs/training.md",
        partial(training.teacher_table, "teacher-trunks.json"),
    ),
    "zero-shot": ("docs/training.md", training.zero_shot_table),
    "ablation": ("docs/training.md", partial(training.ablation_table, "mf2")),
    "bundle-teacher": (
        "docs/training.md",
        partial(training.ablation_table, "bundle-teacher"),
    ),
    "front": ("docs/training.md", training.pareto_table),
    "unseen": ("docs/training.md", partial(training.ablation_table, "unseen")),
    "rounding": ("docs/training.md", partial(training.rounding_table, "mf2-edge-s")),
    "blendshapes": ("docs/training.md", training.blendshapes_table),
    "text-space": ("docs/adapt.md", training.text_space_table),
    "dfn": ("docs/adapt.md", training.dfn_table),
    "scale": ("docs/scale.md", training.scale_table),
    "stream": ("docs/stream.md", product.stream_table),
    "fuzz": ("CONTRIBUTING.md", product.fuzz_table),
    "shipped": ("docs/models.md", models.shipped_table),
    "exported": ("docs/models.md", models.exported_table),
    "published": ("docs/models.md", models.published_table),
    "parity": ("docs/export.md", models.parity_table),
    "emotions": ("docs/evaluation.md", product.evaluation_table(tables.emotions_table)),
    "emotion-labels": ("docs/evaluation.md", product.evaluation_table(tables.labels_table)),
    "confusions": ("docs/evaluation.md", product.evaluation_table(tables.confusion_tables)),
    "unit-means": ("docs/evaluation.md", product.evaluation_table(tables.unit_means_table)),
    "units": ("docs/evaluation.md", product.evaluation_table(tables.units_table)),
    "slices": ("docs/evaluation.md", product.evaluation_table(tables.slices_table)),
    "properties": ("docs/evaluation.md", product.evaluation_table(tables.properties_table)),
    "raters": ("docs/evaluation.md", product.evaluation_table(tables.raters_table)),
    "not-measured": ("docs/evaluation.md", product.evaluation_table(tables.missing_list)),
}
"""By the name of its marks: the page and what makes the table."""

if __name__ == "__main__":
    sys.exit(main())
