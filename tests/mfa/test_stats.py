"""MFA's stats: numbers that can be counted by hand, and a picture that shows something."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill.mfa.checks.counts import gather
from distill.mfa.checks.plot import plot
from distill.mfa.checks.stats import percentiles, share, table
from distill.mfa.cli import main
from distill.mfa.records.schema import ActionUnitText, Description
from distill.mfa.records.selection import select, sources_of
from distill.mfa.records.store import open_store
from tests.helpers.mfa.records import (
    labels_of,
    random_records,
    record_of,
    refused,
    write_recipe,
    write_store,
)

PLAIN = Description(
    action_units=[ActionUnitText(action_unit="AU12", text="The lip corners rise.")],
    emotion="The face shows happiness.",
    face="The face is happy: the lip corners rise.",
)


def test_numbers_are_those_of_the_records() -> None:
    known = labels_of("happiness", "12", "4")
    frowning = PLAIN.model_copy(update={"face": "A happy face with lowered brows."})
    records = [
        record_of(known, 0, PLAIN, "gpt", "a.png"),
        record_of(known, 1, frowning, "gpt", "b.png"),
        record_of(labels_of(None, "", "12"), 2, name="c.png"),
        refused(record_of(known, 3, PLAIN, "gpt", "d.png")),
    ]
    stats = gather(records)
    assert (stats.records, stats.described, stats.clean) == (4, 3, 2)
    assert stats.levels["au"].lengths == [4, 4]
    assert stats.levels["au"].vocabulary == {"the", "lip", "corners", "rise"}
    assert stats.levels["au"].growth == [4, 4]
    assert len(stats.levels["au"].distinct) == 1
    assert stats.levels["face"].lengths[:2] == [8, 6]
    assert stats.emotions == {"happiness": 2, "unknown": 1}
    assert (stats.present["AU12"], stats.absent["AU12"], stats.absent["AU4"]) == (2, 1, 2)
    assert (stats.mentioned["AU12"], stats.invented["AU4"], stats.invented["AU12"]) == (1, 1, 0)
    assert stats.problems == {"refusal": 1, "unit missing": 1, "absent unit": 1}
    text = table(stats)
    assert re.search(r"^AU12 +2 +1 +0 +50.0% +0.0%$", text, flags=re.MULTILINE)
    assert re.search(r"^AU4 +0 +2 +1 +- +50.0%$", text, flags=re.MULTILINE)
    assert "without problems: 50.0% of the records" in text


def test_percentiles_and_shares() -> None:
    assert percentiles(range(101)) == (5, 95)
    assert percentiles([3]) == (3, 3)
    assert (share(1, 3), share(0, 0)) == ("33.3%", "-")


@pytest.mark.slow
def test_the_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(tmp_path)
    store = write_store(tmp_path / "mfa.sqlite", random_records(30))
    command = ["stats", "--config", str(recipe), "--store", str(store)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("30 records (template grammar-1: 30), 0 refused")
    with Image.open(tmp_path / "stats.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[0] > 800
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50  # drawn, not blank


def test_a_picture_of_refusals_alone(tmp_path: Path) -> None:
    plot(gather([refused(record_of(labels_of("fear", "1")))]), tmp_path / "stats.png")
    assert (tmp_path / "stats.png").is_file()


def test_sources_are_not_mixed_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path)
    templates = random_records(4)
    asked = [
        replace(record, source="gpt", model="gpt-4o", key=f"g{record.key}") for record in templates
    ]
    store = write_store(tmp_path / "mfa.sqlite", [*templates, *asked])
    command = ["stats", "--config", str(recipe), "--store", str(store)]
    assert main(command) == 2
    assert "has records of gpt and template; say which with --source" in capsys.readouterr().err
    with open_store(store) as opened:
        assert [record.source for record in select(opened, "gpt")] == ["gpt"] * 4
        assert sources_of(select(opened, "both")) == ["gpt", "template"]
