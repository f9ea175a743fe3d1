"""A real HTTP server on loopback that hands out shards, and may cut them off on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; answers named in `cut` end after half of what was announced, once each."""

    cut: set[str]

    def __init__(self, *arguments: object, cut: set[str], directory: str) -> None:
        self.cut = cut
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if name not in self.cut:
            super().do_GET()
            return
        self.cut.remove(name)
        content = (Path(self.directory) / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serve(folder: Path, cut: set[str] | None = None) -> Iterator[str]:
    """Serve a folder; gives its URL. Names in `cut` are taken out once they were cut off."""
    handler = partial(Handler, cut=set() if cut is None else cut, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
