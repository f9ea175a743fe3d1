"""Files that `distill evaluate` wrote: what is none is refused, precisions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distill.evaluation.reports.schema import load_evaluation


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text(json.dumps({"bundle": "tiny"}))
    with pytest.raises(ValueError, match="distill evaluate --bundle"):
        load_evaluation(tmp_path / "found.json")


@pytest.mark.parametrize(
    "file", sorted(Path("benchmarks/results").glob("mf2-edge-*/evaluation-*.json")), ids=str
)
def test_figures_name_the_precision_that_they_were_measured_in(file: Path) -> None:
    evaluation = load_evaluation(file)
    recipe = evaluation.recipe.accuracy if evaluation.recipe is not None else ()
    measured = (*evaluation.world, *evaluation.unseen_codes, *recipe)
    precision = "int8" if "int8" in evaluation.artifact else "fp32"
    assert {each.precision for each in measured} <= {precision}
