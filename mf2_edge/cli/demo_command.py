"""`mf2-edge demo`: serves a page that analyses the camera in the browser."""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import webbrowser

from mf2_edge.io.arguments import path_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    parser.add_argument(
        "--site",
        type=path_argument,
        metavar="DIR",
        help="another build of the page (default: the one of the package)",
    )
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--no-open", action="store_true", help="do not start the browser")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; returns the exit code.

    Raises DemoError if the page is missing or the port is taken.
    """
    from mf2_edge.cli.demo_server import HOST, find_page, open_server

    with open_server(find_page(arguments.site), arguments.port) as server:
        url = f"http://{HOST}:{server.server_port}/"
        print(
            f"The demo is at {url} (Ctrl-C ends it).\n"
            "Pictures are analysed in the browser and never stored or sent: nothing leaves this "
            "machine.\nTell the people in front of the camera before it runs (docs/video.md).",
            flush=True,
        )
        if not arguments.no_open:
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0
