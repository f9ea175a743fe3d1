"""Closed and full streams, signals, terminals: typed errors, right codes, valid files."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from mf2_edge.cli import main as cli
from mf2_edge.cli.demo_server import HOST, open_server
from mf2_edge.cli.output import shown
from mf2_edge.cli.predict_files import _images_below
from mf2_edge.cli.process import ended_by_signals
from tests.helpers.make_tiny_bundle import FOLDER

INFO = [sys.executable, "-m", "mf2_edge", "info", "--json"]


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert shown("a\x1b[2Jb\nc\u202ed\udcff é") == "a\\x1b[2Jb\\nc\\u202ed\\udcff é"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_that_end_a_process_are_ctrl_c_once(name: str) -> None:
    number = getattr(signal, name)

    def interrupted() -> None:
        with ended_by_signals():
            try:
                os.kill(os.getpid(), number)
                time.sleep(10)  # the signal ends it
            finally:
                os.kill(os.getpid(), number)  # while results are being written

    before = signal.signal(number, signal.SIG_DFL)  # nohup ignores SIGHUP
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_nohup_stays_in_force() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [INFO, [*INFO[:3], "--help"], [*INFO[:3], "--version"]])
def test_a_full_stdout_is_told_without_a_traceback(command: list[str], unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert ran.returncode == 2
    assert "No space left" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_closed_stdout_is_told_without_a_traceback() -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *INFO]
    ran = subprocess.run(closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "stdout is closed" in ran.stderr


def test_json_is_utf8_whatever_the_console() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    ran = subprocess.run(INFO, stdout=subprocess.PIPE, env=environment, check=True)
    json.loads(ran.stdout.decode("utf-8"))


def test_hidden_folders_are_not_searched(tmp_path: Path) -> None:
    pictures = (".venv/a.jpg", "b/.c/d.jpg", ".e.jpg", "b/f.JFIF", "g.jpg", "dir.jpg/h.avif")
    for name in (*pictures, "b/i.jp2", "j.JP2", "README", ".env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    others: Counter[str] = Counter()
    found = {path.relative_to(tmp_path).as_posix() for path in _images_below(tmp_path, others)}
    assert found == {"b/f.JFIF", "g.jpg", "dir.jpg/h.avif"}
    assert others == {".jp2": 2, "without a suffix": 1}


def test_files_of_a_folder_that_are_passed_over_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jp2").touch()
    assert cli.main(["predict", str(tmp_path), "--bundle", str(FOLDER), "--runtime", "litert"]) == 1
    said = capsys.readouterr().err
    assert "passed over 1 files that are no known pictures (1 .jp2)" in said


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("page")
    (page / ".secret").write_text("secret")
    (tmp_path / "outside").write_text("secret")
    (page / "link").symlink_to(tmp_path / "outside")
    with open_server(page, 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def answer(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        connection.request("GET", path, headers={"Host": host} if host else {})
        found = connection.getresponse()
        return found.status, found.read()


def test_the_demo_serves_its_files_to_this_machine_alone(port: int) -> None:
    assert answer(port, "/") == (200, b"page")
    assert answer(port, "/index.html", f"localhost:{port}")[0] == 200
    assert answer(port, "/", "evil.example")[0] == 403
    for path in ("/.secret", "/link", "/%00", "/../outside", "/%2e%2e/outside", "/gone"):
        status, said = answer(port, path)
        assert status in (400, 404)
        assert b"secret" not in said


def test_a_silent_client_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mf2_edge.cli.demo_server._Handler.timeout", 0.2)
    with socket.create_connection((HOST, port), timeout=5) as silent:
        assert silent.recv(1) == b""


def test_a_path_in_an_error_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "--bundle", "/\x1b[31mnone"]) == 2
    assert "\x1b" not in capsys.readouterr().err
