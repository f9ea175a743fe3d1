"""Serves the demo page of the web binding on the loopback address.

The page analyses the camera in the browser; the server only sends files (GET and HEAD). The page
itself lies in `mf2_edge/demo_page`, where `make demo` builds it; the models are those of the
installed bundles.
"""

from __future__ import annotations

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from mf2_edge.bundle.loader import MODEL, list_bundles, load_bundle
from mf2_edge.errors import DemoError

HOST: Final = "127.0.0.1"

PAGE: Final = Path(__file__).parents[1] / "demo_page"
"""The page that ships with the package."""

CONNECTIONS: Final = 64
_NOWHERE: Final = ".not-served"

_NEEDED: Final = ("index.html", "demo.js", "assets/worker.js")

_HEADERS: Final = {
    # A cross-origin isolated page may use threads, and no other site can reach into it.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-cache",
}


def find_page(given: Path | None) -> Path:
    """The folder of the built page: `given`, or the one of the package.

    Raises DemoError if the folder is not there or not built.
    """
    page = PAGE if given is None else given
    missing = [name for name in _NEEDED if not (page / name).is_file()]
    if not missing:
        return page
    if given is None:
        raise DemoError(
            "this copy of mf2-edge was packaged without its demo page; expected one made by "
            "`make wheel`. In a checkout of the source repository, with Node 20 or newer, run: "
            "make demo"
        )
    raise DemoError(
        f"{given}: holds no {missing[0]}; expected the folder dist/demo that `npm run build` "
        "writes in the web binding of the source repository"
    )


def open_server(page: Path, port: int) -> ThreadingHTTPServer:
    """A server of the page on the loopback address; port 0 takes any free one.

    The caller runs `serve_forever` and `server_close`. Raises DemoError if the port is taken.
    """
    files, choices = _models()
    handler = partial(_Handler, directory=str(page), files=files, choices=choices)
    try:
        return _Server((HOST, port), handler)
    except (OSError, OverflowError) as error:
        raise DemoError(
            f"port {port} cannot be opened ({error}); choose another with --port, or 0 for any "
            "free one"
        ) from error


def _models() -> tuple[dict[str, Path], bytes]:
    """The files of each model that a browser can run, by URL path, and the list for the page."""
    files: dict[str, Path] = {}
    choices: list[dict[str, Any]] = []
    for name in list_bundles():
        bundle = load_bundle(name)
        for artifact in bundle.manifest.artifacts:
            floats = artifact.io_dtype == "float32" and artifact.delegate is None
            if artifact.format != "tflite" or not floats:
                continue
            url = f"models/{name}/"
            for file in (MODEL, "LICENSE", artifact.file):
                files[f"/{url}{file}"] = bundle.path / file
            entry = {"precision": artifact.precision, "bytes": artifact.bytes, "url": url}
            choices.append({"name": name, **entry})
    return files, json.dumps(choices).encode()


class _Server(ThreadingHTTPServer):
    """At most `CONNECTIONS` at a time; the next one waits, or is closed."""

    def __init__(self, *arguments: Any) -> None:
        self._free = BoundedSemaphore(CONNECTIONS)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve in a thread of its own, unless all are taken."""
        if self._free.acquire(timeout=1):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Make room at the end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Handler(SimpleHTTPRequestHandler):
    """Files of the page and of the models, with the headers above; no folder lists, no log."""

    timeout = 10  # seconds that a client may be silent

    # Not those of the system, which may call a script text.
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".html": "text/html",
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".wasm": "application/wasm",
    }

    def __init__(
        self, *request: Any, files: dict[str, Path], choices: bytes, directory: str
    ) -> None:
        self._files, self._choices = files, choices
        super().__init__(*request, directory=directory)

    def parse_request(self) -> bool:
        """Refuse another name than this machine's: a page could rebind its own to this address."""
        if not super().parse_request():
            return False
        name = self.headers.get("Host", HOST).rpartition("]")[2].partition(":")[0].lower()
        if name not in (HOST, "localhost"):
            self.send_error(403, "expected the address of this machine as Host")
            return False
        return True

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/models/models.json":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self._choices)))
        self.end_headers()
        self.wfile.write(self._choices)

    def translate_path(self, path: str) -> str:
        model = self._files.get(unquote(urlsplit(path).path))
        if model:
            return str(model)
        root = Path(self.directory).resolve()
        try:
            wanted = Path(super().translate_path(path)).resolve()
            inside = wanted.relative_to(root).parts
        except ValueError:  # out of the folder through a link, or no path at all
            return str(root / _NOWHERE)
        hidden = any(part.startswith(".") for part in inside)
        return str(root / _NOWHERE if hidden else wanted)

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: object) -> None:  # noqa: ARG002
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
