"""Live mode against a real server on loopback that misbehaves."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from distill.__main__ import main
from distill.mfa.records.ledger import Ledger
from distill.mfa.records.store import open_store
from distill.mfa.request.prices import load_quote
from tests.helpers.mfa.faces import Place, make_place
from tests.helpers.mfa.handler import KEY
from tests.helpers.mfa.server import LIVE_FAULTS, FakeServer

PRICE = load_quote("gpt-4o").price
HURRY = ("--timeout", "3")
"""Where answers are held back."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path, 12)


def build(place: Place, server: FakeServer, *more: str, budget: float = 100.0) -> int:
    return main(place.asking("build", server.base_url, *more, budget=budget))


def bill(server: FakeServer) -> float:
    return sum(PRICE.cost_usd(tokens, more, "live") for _, tokens, more in server.charges)


def spent(place: Place) -> float:
    with open_store(place.store) as store:
        return Ledger(store, 0.0).spent_usd


def test_every_face_gets_three_levels_of_text(place: Place) -> None:
    with FakeServer() as server:
        assert build(place, server) == 0
        records = place.records()
        assert len(records) == len(server.charges) == 12
        for record in records:
            assert record.source == "gpt"
            assert record.model == "gpt-4o-2024-11-20"
            assert record.description is not None
            units = {text.action_unit for text in record.description.action_units}
            assert units == record.labels.present
            assert record.description.emotion
            assert record.description.face
        assert spent(place) == pytest.approx(bill(server))
        assert sum(record.cost_usd for record in records) == pytest.approx(bill(server))
        assert build(place, server) == 0  # nothing left to ask
        assert len(server.charges) == 12


@pytest.mark.slow
def test_faults_lose_nothing_and_charge_nothing_twice(tmp_path: Path) -> None:
    place = make_place(tmp_path, 300)
    with FakeServer(0.05, retry_after="0.1") as server:
        assert build(place, server, *HURRY) == 0
    assert len(place.records()) == 300
    assert {record.name for record in place.records()} == {f"{n:05d}.jpg" for n in range(300)}
    assert sum(server.injected.values()) - server.injected["none"] >= 8
    assert server.charged_twice() == 0
    assert spent(place) >= bill(server)


@pytest.mark.parametrize("fault", [*LIVE_FAULTS, "502"])
def test_each_fault_is_got_over(place: Place, fault: str) -> None:
    with FakeServer(script=[fault], retry_after="0.1") as server:
        assert build(place, server, "--concurrency", "1", *(HURRY if fault == "hang" else ())) == 0
    assert server.injected[fault] == 1
    assert len(place.records()) == 12
    assert server.charged_twice() == 0
    refused = [record for record in place.records() if record.refusal]
    assert len(refused) == (fault == "refusal")
    # Answers of no use were charged; the ledger knows that, and overstates only what was lost.
    assert spent(place) >= bill(server) - 1e-9
    if fault not in ("hang", "cut", "cut after", "malformed body", "502"):
        assert spent(place) == pytest.approx(bill(server))


def test_retry_after_holds_all_requests(place: Place) -> None:
    with FakeServer(script=["429 retry-after"], retry_after="2", seconds=0.02) as server:
        assert build(place, server, "--concurrency", "4") == 0
    [told] = [moment for moment, _, fault in server.arrivals if fault]
    in_the_pause = [moment for moment, _, _ in server.arrivals if told + 1 < moment < told + 1.95]
    assert in_the_pause == []
    assert len(place.records()) == 12


def test_limits_in_the_headers_are_kept_before_they_bite(place: Place) -> None:
    with FakeServer(limit=(5, 0.6)) as server:
        assert build(place, server, "--concurrency", "2") == 0
    assert server.injected["none"] == 12
    assert [fault for _, _, fault in server.arrivals if fault] == []


def test_concurrency_is_bounded(place: Place) -> None:
    with FakeServer(seconds=0.05) as server:
        assert build(place, server, "--concurrency", "3") == 0
    assert server.most_at_once == 3


def test_the_budget_is_never_passed_and_can_be_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_place(tmp_path, 40)
    with FakeServer(
        0.2, kinds=["cut after", "malformed json", "500"], deduplicates=False
    ) as server:
        assert build(place, server, budget=0.10) == 1
        assert 0.03 < bill(server) <= spent(place) <= 0.10
        said = capsys.readouterr().out
        assert "raise --budget-usd" in said
        first = len(place.records())
        assert 0 < first < 40
        assert build(place, server) == 0
        assert len(place.records()) == 40
        assert bill(server) <= spent(place)


def test_a_build_without_a_budget_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(place.arguments("build")) == 2
    assert "--budget-usd" in capsys.readouterr().err


@pytest.mark.slow
def test_kill_9_loses_nothing_and_charges_nothing_twice(tmp_path: Path) -> None:
    place = make_place(tmp_path, 300)
    rng = random.Random(0)
    with FakeServer(0.05, retry_after="0.1") as server:
        for answers in sorted(rng.sample(range(20, 260), 3)):
            process = place.start(place.asking("build", server.base_url, *HURRY))
            while len(server.charges) < answers and process.poll() is None:
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            assert len(place.records()) < 300
        assert build(place, server, *HURRY) == 0
    assert len(place.records()) == 300
    assert server.charged_twice() == 0
    assert spent(place) >= bill(server)


@pytest.mark.slow
def test_where_no_server_repeats_answers_only_lost_ones_are_charged_again(tmp_path: Path) -> None:
    place = make_place(tmp_path, 60)
    with FakeServer(0.2, kinds=["cut after", "hang", "500"], deduplicates=False, seed=3) as server:
        assert build(place, server, *HURRY) == 0
    lost = server.injected["cut after"] + server.injected["hang"]
    assert server.charged_twice() == lost > 0
    assert spent(place) >= bill(server)


def test_a_wrong_key_stops_the_run_and_is_written_nowhere(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = "sk-wrong-987654321"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    with FakeServer() as server, caplog.at_level("INFO"):
        assert build(place, server, "--concurrency", "2") == 2
    captured = capsys.readouterr()
    assert "refused the key in OPENAI_API_KEY" in captured.err
    assert server.charges == []
    assert spent(place) == 0
    assert wrong not in captured.out + captured.err + caplog.text
    assert not [file for file in place.folder.rglob("*") if contains(file, wrong)]


def test_a_key_that_the_server_quotes_is_written_nowhere(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeServer(script=["400", "500", "429"]) as server, caplog.at_level("INFO"):
        assert build(place, server) == 1  # a bad request is not repeated
    assert len(place.records()) == 11
    assert "Bearer ***" in caplog.text
    assert KEY not in caplog.text
    assert not [file for file in place.folder.rglob("*") if contains(file, KEY)]


def contains(path: Path, text: str) -> bool:
    return path.is_file() and text.encode() in path.read_bytes()


def test_a_missing_key_is_said(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with FakeServer() as server:
        assert build(place, server) == 2
    assert "set OPENAI_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "message"), [("429 no credit", "no credit left"), ("404", "knows no model")]
)
def test_what_cannot_get_better_stops_the_run(
    place: Place, capsys: pytest.CaptureFixture[str], fault: str, message: str
) -> None:
    with FakeServer(script=[fault] * 12) as server:
        assert build(place, server, "--concurrency", "2") == 2
    assert message in capsys.readouterr().err
    assert len(server.arrivals) <= 2
    assert spent(place) == 0


def test_a_server_that_is_down_stops_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_place(tmp_path, 40)
    with FakeServer(1.0, kinds=["500"]) as server:
        assert build(place, server, "--retries", "1") == 2
    assert "20 faces in a row" in capsys.readouterr().err


def test_repair_asks_again_about_flagged_records_only(place: Place) -> None:
    with FakeServer() as server:
        assert build(place, server) == 0
        before = {record.name: record for record in place.records()}
        with open_store(place.store) as store:
            for name in ("00003.jpg", "00007.jpg"):
                store.flag(before[name].key, ["names AU4, which is absent"])
        server.bodies.clear()
        assert main(place.asking("repair", server.base_url)) == 0
        asked = [body["messages"][1]["content"][0]["text"] for body in server.bodies.values()]
        assert len(asked) == 2
        assert all("- names AU4, which is absent" in text for text in asked)
        after = {record.name: record for record in place.records()}
        changed = {name for name in before if before[name].key != after[name].key}
        assert changed == {"00003.jpg", "00007.jpg"}
        with open_store(place.store) as store:
            assert store.flagged() == {}
            assert len(store) == 14
        assert main(place.asking("repair", server.base_url)) == 0
        assert len(server.charges) == 14


def test_faults_come_in_all_kinds() -> None:
    with FakeServer(1.0) as server:
        drawn = Counter(server.draw(str(n), server.kinds) for n in range(400))
    assert set(drawn) == set(LIVE_FAULTS)
