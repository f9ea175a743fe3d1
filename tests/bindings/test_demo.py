"""`mf2-edge demo`: its page in real headless Chromium, and what leaves the machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bindings.goldens import PORTRAIT
from bindings.web import check
from bindings.web.check import HERE
from bindings.web.demo_page import BUILT, copy_page
from bindings.web.pages_data import write_camera
from mf2_edge import DemoError
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.cli.demo_server import find_page, open_server
from mf2_edge.cli.main import main

MISSING = check.missing_tools()
needs_browser = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Placeholders of the files of a page, and a secret beside its folder."""
    folder = tmp_path / "site"
    for name in ("index.html", "demo.js", "assets/worker.js"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "assets" / "engine.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret").write_text("secret")
    return folder


@contextmanager
def demo(*options: str) -> Iterator[tuple[str, str]]:
    """The command in a process of its own: its address, and all that it said; then Ctrl-C."""
    command = [sys.executable, "-m", "mf2_edge", "demo", "--no-open", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(3))
        found = re.search(r"http://127\.0\.0\.1:\d+/", said)
        try:
            assert found is not None, said
            yield found[0], said
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(30) == 0
            finally:
                process.kill()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.title(): value for name, value in answer.getheaders()}, body


def test_files_have_the_headers_of_an_isolated_page(site: Path) -> None:
    with demo("--site", str(site)) as (url, said):
        assert "nothing leaves this machine" in said
        port = int(url.rstrip("/").rpartition(":")[2])
        status, headers, body = ask(port, "/")
        assert (status, body) == (200, b"index.html")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert ask(port, "/assets/engine.wasm")[1]["Content-Type"] == "application/wasm"
        assert ask(port, "/demo.js")[1]["Content-Type"] == "text/javascript"
        for outside in ("/assets/", "/nothing", "/../secret", "/%2e%2e/secret"):
            status, _, body = ask(port, outside)
            assert status == 404
            assert b"secret" not in body
        assert ask(port, "/", "POST")[0] == 501


def test_no_other_machine_can_reach_it(site: Path) -> None:
    with open_server(site, 0) as server:
        assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("busy", [True, False])
def test_a_port_that_cannot_be_had_says_so(
    busy: bool, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if busy else 99_999
        assert main(["demo", "--site", str(site), "--port", str(port), "--no-open"]) == 2
    assert f"port {port} cannot be opened" in capsys.readouterr().err


def test_models_are_those_of_the_package(site: Path) -> None:
    with demo("--site", str(site)) as (url, _):
        port = int(url.rstrip("/").rpartition(":")[2])
        status, headers, body = ask(port, "/models/models.json")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        choices = json.loads(body)
        assert {choice["name"] for choice in choices} == set(list_bundles())
        for choice in choices:
            bundle = load_bundle(choice["name"])
            artifact = bundle.select("tflite", choice["precision"])
            status, _, body = ask(port, f"/{choice['url']}{artifact.file}")
            assert (status, body) == (200, bundle.read(artifact))
            assert len(body) == choice["bytes"]
            assert ask(port, f"/{choice['url']}goldens.npz")[0] == 404


def test_a_demo_that_is_not_built_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    with pytest.raises(DemoError, match=r"holds no index\.html; .*npm run build"):
        find_page(tmp_path / "empty")
    monkeypatch.setattr("mf2_edge.cli.demo_server.PAGE", tmp_path / "page")
    with pytest.raises(DemoError, match=r"without its demo page; .*make demo"):
        find_page(None)
    shutil.copytree(site, tmp_path / "page")
    assert find_page(None) == tmp_path / "page"


class Elsewhere:
    """A proxy that answers nothing and writes down who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096).decode(errors="replace").split("\r\n")[0])

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a visitor with a camera saw, and all that the pages asked of other machines."""
    check.build()
    work = tmp_path_factory.mktemp("demo")
    (work / "data").mkdir()
    shutil.copy(PORTRAIT, work / "data" / "astronaut.jpg")
    write_camera(work / "camera.y4m")
    elsewhere = Elsewhere()
    copy_page(BUILT, work / "page")
    with demo("--site", str(work / "page")) as (url, _):
        plan = {
            "chromium": shutil.which("chromium"),
            "url": url,
            "video": str(work / "camera.y4m"),
            "proxy": elsewhere.address,
        }
        (work / "plan.json").write_text(json.dumps(plan))
        subprocess.run(
            ["node", "test/served_demo.mjs", str(work)], cwd=HERE, env=os.environ, check=True
        )
    elsewhere.close()
    answers: dict[str, Any] = json.loads((work / "answers.json").read_text())
    return answers | {"url": url, "elsewhere": elsewhere.asked}


@needs_browser
@pytest.mark.slow
def test_the_served_page_analyses_the_camera(visit: dict[str, Any]) -> None:
    demo = visit["demo"]
    assert visit["isolated"] is True
    assert demo["errors"] == []
    assert demo["emotion"] == "happiness"
    assert demo["faces"] == "1"
    assert demo["phone_overflow"] == 0
    assert demo["photo"] == "happiness"
    assert any(re.search(r"^AU12 .+: F1 0\.\d\d \(", title) for title in demo["measured"])


@needs_browser
@pytest.mark.slow
def test_nothing_leaves_the_machine(visit: dict[str, Any]) -> None:
    assert visit["demo"]["requests"] == []  # once it runs, not even its own server is asked
    assert visit["sent"] == "TypeError"  # the page's policy
    asked = [url for url in visit["asked"] if url != "http://elsewhere.test/policy"]
    assert len(asked) > 3
    assert all(url.startswith(visit["url"]) for url in asked)
    # Those of a page without the policy do arrive (Chromium tries again), and no other.
    assert set(visit["elsewhere"]) == {"GET http://elsewhere.test/control HTTP/1.1"}
