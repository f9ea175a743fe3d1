"""`distill scale`: figures follow from what was measured, and say what they rest on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from distill.__main__ import main
from distill.mfa.request.prices import load_quote
from distill.training.throughput import Throughput
from tests.helpers.mfa.faces import Place, make_place

pytestmark = pytest.mark.slow

FACES, EPOCHS = 1_000_000, 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Twelve faces, and a recipe with small steps."""
    place = make_place(tmp_path_factory.mktemp("scale"), 12)
    content = msgspec.toml.decode(place.config.read_bytes())
    content["train"] |= {"batch": {"rafdb": 6}, "micro_batch": 4}
    place.config.write_bytes(msgspec.toml.encode(content))
    return place


@pytest.fixture(scope="module")
def report(place: Place) -> dict[str, Any]:
    out = place.folder / "scale.json"
    command = [*place.arguments("scale")[1:], "--faces", str(FACES), "--epochs", str(EPOCHS)]
    elsewhere = ("--throughput", "5000", "--measured-on", "a GPU that we had")
    guess = ("--gpu-speedup", "40", "--assuming", "a guess")
    assert main([*command, "--steps", "3", "--write", str(out), *elsewhere, *guess]) == 0
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def test_hours_follow_from_the_throughput_and_say_where_it_is_from(report: dict[str, Any]) -> None:
    here, elsewhere, guessed = report["training"]
    speed = report["throughput"]
    assert (speed["steps"], speed["processes"], speed["faces"]) == (3, 1, 6)
    assert 0 < speed["preparing_s"] < speed["step_s"]
    low, high = speed["quartiles_s"]
    assert low <= speed["step_s"] <= high
    assert here["faces_per_s"] == pytest.approx(speed["faces"] / speed["step_s"])
    assert elsewhere["hours"] == pytest.approx(FACES * EPOCHS / 5000 / 3600)
    learning = speed["step_s"] - speed["preparing_s"]
    step = speed["preparing_s"] + learning / 40
    assert guessed["hours"] == pytest.approx(FACES * EPOCHS / speed["faces"] * step / 3600)
    tags = [line["provenance"] for line in report["training"]]
    assert tags == ["measured-host", "measured elsewhere", "estimated"]
    assert guessed["basis"].endswith("a guess")


def test_dollars_are_those_of_the_price_list(report: dict[str, Any]) -> None:
    texts = report["descriptions"]
    quote = load_quote("gpt-4o")
    assert (texts["date"], texts["source"]) == (quote.date.isoformat(), quote.source)
    tokens = texts["input_tokens"], texts["output_tokens"]
    for mode in ("live", "batch"):
        assert texts["usd"][mode] == pytest.approx(quote.price.cost_usd(*tokens, mode), rel=1e-6)
    assert texts["usd"]["batch"] == pytest.approx(texts["usd"]["live"] / 2)
    assert texts["most_usd"]["live"] > texts["usd"]["live"]
    assert tokens[0] > 85 * FACES  # the image alone
    assert texts["measured"] == 0


def test_disk_space_is_that_of_the_shards_that_export_writes(
    report: dict[str, Any], place: Place
) -> None:
    assert main(place.arguments("build", "--source", "template")) == 0
    assert main(place.arguments("export")) == 0
    size = sum(path.stat().st_size for path in (place.folder / "shards").glob("*.tar"))
    shards = report["shards"]
    assert shards["sampled"] == 12
    assert shards["bytes_a_face"] == round(size / 12)
    assert shards["gigabytes"] == pytest.approx(size / 12 * FACES / 1e9)


def test_a_speedup_does_not_touch_the_preparing_of_faces() -> None:
    speed = Throughput("here", 1, 1, "float32", 9, 48, 1.0, (0.9, 1.1), 0.2, 0.0)
    assert speed.faces_per_s == pytest.approx(48)
    assert speed.sped_up(1) == pytest.approx(48)
    assert speed.sped_up(1e9) == pytest.approx(48 / 0.2)
    assert np.isclose(speed.sped_up(8), 48 / 0.3)


def test_a_figure_without_its_origin_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["scale", "--config", str(tmp_path / "none.toml"), "--faces", "5", "--epochs", "1"]
    for lonely in (["--throughput", "9"], ["--gpu-speedup", "9"], ["--assuming", "a guess"]):
        with pytest.raises(SystemExit):
            main([*command, *lonely])
        assert "belong together" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--steps", "0"])
    assert main(command) == 2
    assert "no recipe at" in capsys.readouterr().err
