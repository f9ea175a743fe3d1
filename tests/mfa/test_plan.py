"""What is asked and what it costs: faces, prompt, prices, plan, pacing."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill.__main__ import main
from distill.mfa.errors import MfaError, PriceError
from distill.mfa.faces import Face, Subject, face_labels, iterate_faces
from distill.mfa.prompt.message import SYSTEM, Asking, ask_about, user_text
from distill.mfa.records.schema import FaceLabels
from distill.mfa.records.store import Store, open_store
from distill.mfa.request.answers import DamagedError, read_completion
from distill.mfa.request.cost import most_input_tokens, most_usd
from distill.mfa.request.prices import PUBLISHED, load_quote
from distill.mfa.request.rate_limit import backoff, duration, retry_after
from tests.helpers.mfa.answers import completion
from tests.helpers.mfa.faces import Place, make_place

ASKING = Asking("gpt-4o")
FACE = Face(
    Subject(
        "rafdb",
        "1.jpg",
        FaceLabels("happiness", frozenset({"AU12", "AU6"}), frozenset({"AU4"})),
    ),
    "train",
    np.full((128, 128, 3), (200, 120, 40), dtype=np.uint8),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("plan"), 12)


def test_known_labels_are_in_the_prompt_and_unknown_ones_are_not() -> None:
    text = user_text(FACE.subject.labels)
    assert "Emotion: happiness." in text
    assert "present: AU6 (cheek raiser), AU12 (lip corner puller)." in text
    assert "absent: AU4 (brow lowerer)." in text
    assert "AU1 " not in text
    nothing = user_text(FaceLabels(None, frozenset(), frozenset()))
    assert "not labelled" in nothing
    assert "AU" not in nothing


def test_a_unit_that_nobody_looked_for_is_neither_present_nor_absent(place: Place) -> None:
    units = np.full(len(place.recipe.action_units), np.nan, dtype=np.float32)
    units[:2] = 1, 0
    labels = face_labels(-1, units, place.recipe)
    assert labels == FaceLabels(None, frozenset({"AU1"}), frozenset({"AU2"}))


def test_only_the_crop_is_sent_resized_with_a_strict_schema() -> None:
    body = ask_about(FACE, replace(ASKING, side=96)).body()
    assert body["messages"][0]["content"] == SYSTEM
    _, image = body["messages"][1]["content"]
    assert image["image_url"]["detail"] == "low"
    kind, encoded = image["image_url"]["url"].split(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        assert picture.size == (96, 96)
        assert picture.getpixel((48, 48)) == pytest.approx((200, 120, 40), abs=6)
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert set(schema["schema"]["required"]) == {"action_units", "emotion", "face"}
    assert schema["schema"]["additionalProperties"] is False
    # Nothing says where the face is from: not its name, not its data set.
    assert "rafdb" not in json.dumps(body)
    assert "1.jpg" not in json.dumps(body)


def test_the_key_is_the_hash_of_all_that_makes_the_answer() -> None:
    key = ask_about(FACE, ASKING).key
    assert ask_about(FACE, ASKING).key == key
    renamed = replace(FACE, subject=replace(FACE.subject, name="2.jpg"))
    assert ask_about(renamed, ASKING).key == key  # the same question
    labels = replace(FACE.subject.labels, absent=frozenset())
    others = [
        ask_about(replace(FACE, image=FACE.image + 1), ASKING),
        ask_about(replace(FACE, subject=replace(FACE.subject, labels=labels)), ASKING),
        ask_about(FACE, Asking("gpt-4o-mini")),
        ask_about(FACE, replace(ASKING, detail="high")),
        ask_about(FACE, ASKING, ["names AU4, which is absent"], answers=1),
        ask_about(FACE, ASKING, ["names AU4, which is absent"], answers=2),
    ]
    assert len({key, *(question.key for question in others)}) == 7


def test_a_repair_names_the_faults() -> None:
    assert "- names AU4" in ask_about(FACE, ASKING, ["names AU4"], answers=1).text


@pytest.mark.parametrize(
    ("side", "detail", "tokens"),
    # The last two are the examples of OpenAI's guide.
    [
        (256, "low", 85),
        (128, "high", 255),
        (512, "high", 255),
        (1024, "high", 765),
        (4096, "low", 85),
    ],
)
def test_image_tokens_are_those_of_the_guide(side: int, detail: str, tokens: int) -> None:
    image = load_quote("gpt-4o").price.image
    assert image.count(side, detail) == tokens  # type: ignore[arg-type]


def test_a_batch_costs_half() -> None:
    price = load_quote("gpt-4o-2024-11-20").price
    assert price.cost_usd(1_000_000, 1_000_000, "live") == pytest.approx(12.5)
    assert price.cost_usd(1_000_000, 1_000_000, "batch") == pytest.approx(6.25)


def test_no_answer_can_cost_more_than_is_reserved() -> None:
    price = load_quote("gpt-4o").price
    question = ask_about(FACE, ASKING)
    usage = completion(question.body())["usage"]
    assert usage["prompt_tokens"] < most_input_tokens(question, price)
    tokens = most_input_tokens(question, price), ASKING.max_output_tokens
    assert most_usd(question, price, "live") == pytest.approx(price.cost_usd(*tokens, "live"))


def test_a_model_without_a_price_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match=r"no price for 'llava'.*gpt-4o.*--prices"):
        load_quote("llava")
    own = tmp_path / "own.toml"
    own.write_text(PUBLISHED.read_text().replace('"gpt-4o"', '"llava"'))
    assert load_quote("llava", own).price.input_usd == 2.5
    own.write_text("source = 1")
    with pytest.raises(PriceError, match=r"own\.toml"):
        load_quote("llava", own)
    with pytest.raises(PriceError, match="no price list"):
        load_quote("llava", tmp_path / "missing.toml")


def test_the_plan_says_what_a_build_takes(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(place.arguments("plan", "--limit", "10")) == 0
    plan = capsys.readouterr().out
    assert "images        10 to describe, 0 records" in plan
    assert "published (https://developers.openai.com/api/docs/pricing, " in plan
    assert "leaves the API on 2027-01-14" in plan
    assert "rafdb: non-commercial research only" in plan
    live, batch = (float(line.split("$")[1].split(",")[0]) for line in plan.splitlines()[2:4])
    assert 0 < batch == pytest.approx(live / 2, abs=0.011)


def test_templates_cost_nothing_and_stay_apart(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(place, folder=place.folder / "template")
    other.folder.mkdir()
    (other.folder / "recipe.toml").write_bytes(place.config.read_bytes())
    assert main(other.arguments("build", "--source", "template")) == 0
    assert "12 faces described" in capsys.readouterr().out
    assert main(other.arguments("build", "--source", "template")) == 0
    assert "0 faces described" in capsys.readouterr().out
    assert other.records() == []  # none of GPT-4o's
    with open_store(other.store) as store:
        records = list(store.records("template"))
    assert len(records) == 12
    for record in records:
        assert record.description is not None
        units = {text.action_unit for text in record.description.action_units}
        assert units == record.labels.present
        assert (record.cost_usd, record.input_tokens) == (0, 0)


def test_a_full_disk_is_told_and_what_the_store_holds_is_kept(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(place, folder=place.folder / "full")
    full.folder.mkdir()
    (full.folder / "recipe.toml").write_bytes(place.config.read_bytes())

    def open_small(path: Path) -> Store:
        """SQLite answers SQLITE_FULL, as where the disk is full."""
        store = open_store(path)
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        return store

    with monkeypatch.context() as patch:
        patch.setattr(import_module("distill.mfa.build"), "open_store", open_small)
        assert main(full.arguments("build", "--source", "template")) == 2
    said = capsys.readouterr().err
    assert "database or disk is full" in said
    assert "run it again to go on" in said
    assert main(full.arguments("build", "--source", "template")) == 0
    with open_store(full.store) as store:
        assert len(list(store.records("template"))) == 12


def test_test_faces_have_to_be_named(place: Place) -> None:
    folder = place.recipe.cache_folder / "rafdb"
    with np.load(folder / "labels.npz") as labels:
        held_out = dict(labels) | {"splits": np.array(["train"] * 8 + ["test"] * 3 + ["leak"])}
    other = make_place(place.folder / "held-out", 12)
    np.savez(other.recipe.cache_folder / "rafdb" / "labels.npz", **held_out)
    assert len(list(iterate_faces(other.recipe))) == 8
    assert len(list(iterate_faces(other.recipe, splits=["test"]))) == 3
    assert len(list(iterate_faces(other.recipe, held_out=True))) == 12
    with pytest.raises(MfaError, match="has no data set 'ferplus'; it has rafdb"):
        next(iterate_faces(other.recipe, ["ferplus"]))


def test_a_face_of_which_nothing_is_known_is_left_out(place: Place) -> None:
    other = make_place(place.folder / "unknown", 4)
    path = other.recipe.cache_folder / "rafdb" / "labels.npz"
    with np.load(path) as labels:
        changed = dict(labels)
    changed["majority"][:] = [-1, -1, 2, -1]
    changed["action_units"][:] = np.nan
    changed["action_units"][1, 0] = 0
    np.savez(path, **changed)
    names = [face.subject.name for face in iterate_faces(other.recipe)]
    assert names == ["00001.jpg", "00002.jpg"]


@pytest.mark.parametrize("budget", ["nan", "inf", "-1", "much"])
def test_a_budget_is_an_amount_of_money(
    place: Place, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(place.arguments("build", "--budget-usd", budget))
    assert stop.value.code == 2
    assert "--budget-usd" in capsys.readouterr().err


def test_waits_are_read_from_headers() -> None:
    assert duration("12ms") == pytest.approx(0.012)
    assert duration("6m0s") == 360
    assert duration("1h1m1.5s") == pytest.approx(3661.5)
    assert duration("soon") is duration("") is duration("5 s") is None
    assert retry_after({"retry-after": "2"}) == 2
    assert retry_after({"retry-after-ms": "250", "retry-after": "2"}) == 0.25
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after({"retry-after": soon}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": "later"}) is retry_after({}) is None


def test_waits_grow_and_are_jittered() -> None:
    waits = [[backoff(failures, 0.5) for _ in range(200)] for failures in (1, 4, 30)]
    assert max(waits[0]) <= 0.5 < max(waits[1]) <= 4 < max(waits[2]) <= 60
    assert len({round(wait, 6) for wait in waits[1]}) > 190


def test_answers_are_read_or_said_to_be_of_no_use() -> None:
    body = ask_about(FACE, ASKING).body()
    good = read_completion(json.dumps(completion(body)).encode())
    assert good.description is not None
    assert [text.action_unit for text in good.description.action_units] == ["AU6", "AU12"]
    assert good.input_tokens is not None
    for spoil in ("malformed json", "schema violation", "truncated"):
        answer = read_completion(completion(body, spoil))
        assert answer.problem
        assert (answer.description, answer.refusal) == (None, None)
    assert read_completion(completion(body, "refusal")).refusal == "I cannot help with that."
    for damaged in (b'{"choices": [', b"[]", b"{}", b'{"choices": []}', b"null"):
        with pytest.raises(DamagedError):
            read_completion(damaged)
