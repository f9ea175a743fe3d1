"""Serve the built demo page of the web binding on this machine, to this machine alone.

The page analyses the camera in the browser. This server hands out its files and takes nothing: it
answers GET and HEAD, and listens on the loopback address only.
"""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from mf2_edge.errors import DemoError

HOST: Final = "127.0.0.1"

_CHECKOUT: Final = Path(__file__).resolve().parents[2] / "bindings" / "web"
_BUILD: Final = "npm ci && npm run build"
_NEEDED: Final = ("index.html", "demo.js", "assets/worker.js", "models/models.json")

_HEADERS: Final = {
    # A cross-origin isolated page may use threads, and no other site can reach into it.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def find_site(given: Path | None) -> Path:
    """The folder of the built page: the given one, or that of the checkout.

    Raises DemoError if it is not there or not built, with the command that builds it.
    """
    site = _CHECKOUT / "dist" / "demo" if given is None else given
    missing = [name for name in _NEEDED if not (site / name).is_file()]
    if not missing:
        return site
    if given is not None:
        raise DemoError(
            f"{given}: holds no {missing[0]}; expected the folder that `npm run build` makes, "
            "dist/demo in bindings/web of the source repository"
        )
    if (_CHECKOUT / "package.json").is_file():
        raise DemoError(
            f"{site}: the demo is not built. With Node 20 or newer, run: "
            f"(cd {_CHECKOUT} && {_BUILD})"
        )
    raise DemoError(
        "the installed package does not hold the demo: its WebAssembly is too large. In a checkout "
        f"of the source repository, with Node 20 or newer, run: (cd bindings/web && {_BUILD}) and "
        "then: mf2-edge demo --site bindings/web/dist/demo"
    )


def open_server(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder on the loopback address; port 0 takes any free one.

    The caller runs `serve_forever` and `server_close`. Raises DemoError if the port is taken.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Files, directory=str(site)))
    except (OSError, OverflowError) as error:
        raise DemoError(
            f"port {port} cannot be opened ({error}); choose another with --port, or 0 for any "
            "free one"
        ) from error


class _Files(SimpleHTTPRequestHandler):
    """Files, with the headers above; no lists of folders, no log."""

    # Not those of the system, which may call a script text.
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".html": "text/html",
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: object) -> None:  # noqa: ARG002
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
