"""Batch mode against a real server on loopback: partial results, lost answers, restarts."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from distill.__main__ import main
from distill.mfa.records.ledger import Ledger
from distill.mfa.records.store import open_store
from distill.mfa.request import control
from distill.mfa.request.prices import load_quote
from tests.helpers.mfa.batches import Batches
from tests.helpers.mfa.faces import Place, make_place
from tests.helpers.mfa.handler import KEY
from tests.helpers.mfa.server import FakeServer

PRICE = load_quote("gpt-4o").price


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(control, "SETTLE", 0.1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path, 24)


def build(place: Place, server: FakeServer, *more: str, budget: float = 100.0) -> int:
    where = place.asking("build", server.base_url, "--mode", "batch", budget=budget)
    return main([*where, "--shard-size", "10", *more])


def bill(server: FakeServer) -> float:
    return sum(PRICE.cost_usd(a, b, "batch") for _, a, b in server.batches.charges)


def spent(place: Place) -> float:
    with open_store(place.store) as store:
        return Ledger(store, 0.0).spent_usd


def test_results_are_collected_at_half_the_price(place: Place) -> None:
    with FakeServer() as server:
        assert build(place, server) == 0
        assert len(place.records()) == len(server.batches.charges) == 24
        assert len(server.batches.batches) == 3
        by_name = {record.name: record for record in place.records()}
        for record in by_name.values():  # out of order on the wire, right in the store
            assert record.description is not None
            units = {text.action_unit for text in record.description.action_units}
            assert units == record.labels.present
        assert spent(place) == pytest.approx(bill(server))
        assert server.batches.files == {}  # no face stays on the server
        assert not list(place.folder.rglob("*.jsonl"))
        assert build(place, server) == 0
        assert len(server.batches.batches) == 3


def test_faults_lose_nothing_and_charge_only_lost_answers_twice(tmp_path: Path) -> None:
    place = make_place(tmp_path, 120)
    batches = Batches(faults=0.1, seed=1)
    with FakeServer(0.05, batches=batches, seed=1) as server:
        assert build(place, server, "--shard-size", "40") == 0
    assert len(place.records()) == 120
    assert batches.lost_lines > 0
    assert server.charged_twice() <= batches.lost_lines
    assert spent(place) >= bill(server)


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_what_a_batch_left_undone_is_asked_again_at_no_cost(place: Place, ending: str) -> None:
    batches = Batches(endings=[ending, "completed", ending])
    with FakeServer(batches=batches) as server:
        assert build(place, server) == 0
    assert len(place.records()) == len(batches.charges) == 24
    assert spent(place) == pytest.approx(bill(server))


def test_a_short_download_is_repeated(place: Place) -> None:
    batches = Batches(short_downloads=2)
    with FakeServer(batches=batches) as server:
        assert build(place, server) == 0
    assert len(place.records()) == len(batches.charges) == 24


@pytest.mark.parametrize("hidden_for", [0.0, 0.4])
def test_a_batch_whose_creation_was_not_answered_is_found(
    place: Place, hidden_for: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "SETTLE", 0.6)
    script = ["", "cut after"]  # the upload is answered, the batch is made but not answered
    with FakeServer(script=script, batches=Batches(hidden_for=hidden_for)) as server:
        assert build(place, server, "--shard-size", "24") == 0
    assert len(server.batches.batches) == 1
    assert len(place.records()) == len(server.batches.charges) == 24


def test_an_upload_that_was_not_answered_is_found(place: Place) -> None:
    with FakeServer(script=["cut after"]) as server:
        assert build(place, server, "--shard-size", "24") == 0
    assert server.batches.uploads == 1
    assert len(place.records()) == 24


@pytest.mark.slow
def test_a_restart_goes_on_at_any_point(place: Place) -> None:
    """Killed at its first request of files or batches, then at its second, and so on."""
    arguments = [*place.asking("build", "", "--mode", "batch"), "--shard-size", "24"]
    with FakeServer(batches=Batches(polls=3)) as server:
        arguments[arguments.index("--base-url") + 1] = server.base_url
        kills = 0
        while True:
            process = place.start(arguments)
            server.kill_at(kills + 1, process)
            if process.wait() == 0:
                break
            assert process.returncode == -signal.SIGKILL
            kills += 1
            assert kills < 12
    assert kills >= 4
    assert len(server.batches.batches) == server.batches.uploads == 1
    assert len(place.records()) == len(server.batches.charges) == 24
    assert spent(place) == pytest.approx(bill(server))


def test_live_leaves_alone_what_is_in_batches(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*place.asking("build", "", "--mode", "batch"), "--shard-size", "10"]
    with FakeServer(batches=Batches(polls=10**6)) as server:
        arguments[arguments.index("--base-url") + 1] = server.base_url
        process = place.start([*arguments, "--limit", "10"])
        server.kill_at(4, process)
        assert process.wait() == -signal.SIGKILL
        assert main(place.asking("build", server.base_url)) == 1
        assert len(server.charges) == 14
        assert "in batches    10" in capsys.readouterr().out
        server.batches.polls = 1
        assert build(place, server) == 0
    assert len(place.records()) == 24
    assert server.charged_twice() == 0


def test_a_full_queue_means_fewer_batches_at_a_time(place: Place) -> None:
    batches = Batches(endings=["completed", "queue full"])
    with FakeServer(batches=batches) as server:
        assert build(place, server, "--shard-size", "8") == 0
    assert len(place.records()) == len(batches.charges) == 24


@pytest.mark.parametrize("ending", ["invalid", "queue full"])
def test_a_refused_batch_costs_nothing_and_is_said(
    place: Place, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer(batches=Batches(endings=[ending])) as server:
        assert build(place, server, "--shard-size", "24") == 2
        assert "refused a batch of 24 requests" in capsys.readouterr().err
        assert spent(place) == 0
        assert build(place, server) == 0
    assert len(place.records()) == 24


def test_the_budget_is_never_passed_and_can_be_raised(place: Place) -> None:
    with FakeServer() as server:
        assert build(place, server, budget=0.03) == 1
        assert 0.01 < bill(server) <= spent(place) <= 0.03
        assert 0 < len(place.records()) < 24
        assert build(place, server) == 0
    assert len(place.records()) == len(server.batches.charges) == 24


def test_a_wrong_key_is_said(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with FakeServer() as server:
        assert build(place, server) == 2
    assert "refused the key" in capsys.readouterr().err


def test_a_server_without_batches_is_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer(script=["404"]) as server:
        assert build(place, server) == 2
    assert "use --mode live" in capsys.readouterr().err
