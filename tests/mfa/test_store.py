"""The store of MFA: append-only, durable, one record for each question; and its books."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from distill.mfa.errors import BudgetError, StoreBusyError, StoreError
from distill.mfa.faces import Subject
from distill.mfa.records.ledger import FEW, Ledger
from distill.mfa.records.schema import ActionUnitText, Description, FaceLabels, Record
from distill.mfa.records.store import Store, open_store

LABELS = FaceLabels("happiness", frozenset({"AU6", "AU12"}), frozenset({"AU4"}))
SUBJECT = Subject("rafdb", "1.jpg", LABELS)
RECORD = Record(
    key="a",
    dataset="rafdb",
    name="1.jpg",
    labels=LABELS,
    source="gpt",
    model="gpt-4o-2024-11-20",
    description=Description(
        action_units=[ActionUnitText(action_unit="AU6", text="Cheeks rise.")],
        emotion="Joy.",
        face="A face.",
    ),
    refusal=None,
    created="2026-11-22T00:00:00+00:00",
    input_tokens=500,
    output_tokens=200,
    cost_usd=0.00325,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mfa.sqlite"


def test_a_record_comes_back_as_it_was_added(path: Path) -> None:
    refused = replace(RECORD, key="b", name="2.jpg", description=None, refusal="no")
    with open_store(path) as store:
        assert store.add(RECORD)
        assert store.add(refused)
    with open_store(path) as store:
        assert list(store.records()) == [RECORD, refused]
        assert len(store) == 2
        assert "a" in store
        assert "c" not in store


def test_equal_questions_are_one_record(path: Path) -> None:
    with open_store(path) as store:
        assert store.add(RECORD)
        assert not store.add(replace(RECORD, cost_usd=9.0))
        assert list(store.records()) == [RECORD]


def test_the_latest_record_of_a_face_counts_and_sources_stay_apart(path: Path) -> None:
    other = replace(RECORD, key="b", name="2.jpg")
    repaired = replace(RECORD, key="c")
    template = replace(RECORD, key="d", source="template", model="1")
    with open_store(path) as store:
        for record in (RECORD, other, repaired, template):
            store.add(record)
        assert list(store.records("gpt")) == [other, repaired]
        assert list(store.records("template")) == [template]
        assert len(list(store.records())) == 3
        assert len(store) == 4  # nothing is deleted
        assert store.answers("rafdb", "1.jpg", "gpt") == 2


@pytest.mark.parametrize("sql", ["UPDATE records SET cost_usd = 0", "DELETE FROM records"])
def test_records_cannot_be_changed_or_deleted(path: Path, sql: str) -> None:
    with open_store(path) as store:
        store.add(RECORD)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.connection.execute(sql)
        assert list(store.records()) == [RECORD]


def test_flags_follow_the_latest_check_and_the_latest_record(path: Path) -> None:
    with open_store(path) as store:
        store.add(RECORD)
        store.add(replace(RECORD, key="b", name="2.jpg"))
        store.flag("a", ["names AU4, which is absent"])
        store.flag("b", ["empty text"])
        store.flag("b", [])
        assert store.flagged() == {"a": ["names AU4, which is absent"]}
        store.add(replace(RECORD, key="c"))  # the repair
        assert store.flagged() == {}
        with pytest.raises(StoreError, match="no record has the key z"):
            store.flag("z", ["?"])


def test_every_commit_is_on_the_disk(path: Path) -> None:
    with open_store(path) as store:
        pragmas = [
            store.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]
    assert pragmas == ["wal", 2]  # 2 is FULL


def test_what_was_added_survives_kill_9(path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from dataclasses import replace\n"
        "from tests.mfa.test_store import RECORD\n"
        "from distill.mfa.records.store import open_store\n"
        "store = open_store(Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    store.add(replace(RECORD, key=str(number))); print(number, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    with open_store(path) as store:
        assert len(store) >= len(said) >= 20
        assert store.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    with open_store(path) as store:
        with pytest.raises(StoreError), store.transaction():
            _add_and_fail(store)
        assert len(store) == 0


def _add_and_fail(store: Store) -> None:
    with store.transaction():  # part of the outer one
        store.add(RECORD)
    assert len(store) == 1
    store.flag("z", [])


def test_a_second_writer_is_refused_until_the_first_ends(path: Path) -> None:
    with open_store(path) as first, open_store(path) as second:
        with first.writing(), pytest.raises(StoreBusyError, match="wait"), second.writing():
            pass
        with second.writing():
            pass


def test_what_is_no_store_is_refused(path: Path) -> None:
    path.write_text("not a database, and long enough for SQLite to notice that it is none" * 9)
    with pytest.raises(StoreError, match="not an MFA store"):
        open_store(path)


def test_a_store_of_another_release_is_refused(path: Path) -> None:
    with open_store(path) as store:
        store.connection.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="format 7"):
        open_store(path)
    other = path.with_name("other.sqlite")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE things (id)")
    with pytest.raises(StoreError, match="format 0"):
        open_store(other)


@pytest.fixture
def store(path: Path) -> Store:
    return open_store(path)


def test_reservations_count_until_the_cost_is_known(store: Store) -> None:
    ledger = Ledger(store, budget_usd=1.0)
    first, second = (ledger.reserve(key, SUBJECT, 0.4) for key in "ab")
    with pytest.raises(BudgetError, match=r"raise --budget-usd"):
        ledger.reserve("c", SUBJECT, 0.4)
    ledger.close(first, "answered", 0.1)
    third = ledger.reserve("c", SUBJECT, 0.4)
    ledger.close(second, "refunded")
    ledger.close(third, "lost")
    assert ledger.spent_usd == pytest.approx(0.5)
    assert ledger.presumed_usd() == pytest.approx(0.4)
    assert Ledger(store, 1.0).spent_usd == pytest.approx(0.5)  # as another process reads it


def test_attempts_left_open_by_a_killed_process_count_as_spent(store: Store) -> None:
    Ledger(store, 1.0).reserve("a", SUBJECT, 0.4)
    later = Ledger(store, 1.0)
    assert later.give_up_open() == 1
    assert later.spent_usd == later.presumed_usd() == pytest.approx(0.4)


def test_a_lost_answer_counts_as_the_dearest_of_those_that_arrived(store: Store) -> None:
    ledger = Ledger(store, budget_usd=100.0)
    for number in range(FEW):
        attempt = ledger.reserve(f"answered-{number}", SUBJECT, 1.0)
        ledger.close(attempt, "answered", 0.1 + number / 1000)
    dearest, known = 0.1 + (FEW - 1) / 1000, ledger.spent_usd
    ledger.close(ledger.reserve("cut off", SUBJECT, 1.0), "lost")
    ledger.reserve("killed", SUBJECT, 1.0)
    ledger.reserve("killed, and cheap", SUBJECT, 0.05)
    later = Ledger(store, 100.0)
    assert later.give_up_open() == 2
    assert later.presumed_usd() == pytest.approx(2 * dearest + 0.05)
    assert later.spent_usd == pytest.approx(known + later.presumed_usd())
    assert Ledger(store, 100.0).spent_usd == pytest.approx(later.spent_usd)


def test_a_rejected_answer_makes_the_next_question_another_one(store: Store) -> None:
    ledger = Ledger(store, 1.0)
    first = ledger.reserve("a", SUBJECT, 0.1)
    assert first.label == "a-0"
    ledger.close(first, "lost")
    again = ledger.reserve("a", SUBJECT, 0.1)
    assert again.label == "a-0"  # the same question: a server may repeat its answer
    ledger.close(again, "rejected", 0.05, "no JSON")
    assert ledger.reserve("a", SUBJECT, 0.1).label == "a-1"
