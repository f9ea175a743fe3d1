"""`mf2-edge verify`: the checks of a bundle, in a process that may crash.

A malformed model file can make an engine read or write where it must not. So models are loaded in
a child process; its end, whatever the cause, is a failed check and not the end of the command.
"""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final

from mf2_edge.cli.output import shown

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from mf2_edge.verify import Check

PATIENCE_S: Final = 600.0
"""How long a single check may take."""

_EXIT_INPUT: Final = 1


def run(arguments: argparse.Namespace) -> int:
    """Print every check; returns the exit code. Raises BundleError if there is no bundle."""
    from mf2_edge.bundle.loader import load_bundle
    from mf2_edge.bundle.signature import RELEASE_KEY, check_signature
    from mf2_edge.verify import Outcome

    bundle = load_bundle(arguments.folder or arguments.bundle, sha256_of_manifest=arguments.sha256)
    key = RELEASE_KEY if arguments.released else arguments.key
    if key is not None:  # before any model is loaded
        check_signature(bundle.path, key)
    checks = list(in_child(_send_checks, str(bundle.path)))
    print(f"{bundle.manifest.name} {bundle.manifest.version}  {bundle.path}")
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(shown(f"  {check.outcome:<8}{check.name:<{width}}  {check.detail}"))
    failed = sum(check.outcome is Outcome.FAILED for check in checks)
    if failed:
        print(f"mf2-edge: {failed} of {len(checks)} checks failed", file=sys.stderr)
    return _EXIT_INPUT if failed else 0


def in_child(
    send_checks: Callable[[str, Connection], None], path: str, patience_s: float = PATIENCE_S
) -> Iterator[Check]:
    """The checks that a child process sends, and a failed one where it crashes or hangs."""
    from mf2_edge.verify import Check, Outcome

    context = get_context("spawn")  # no thread of this process is half copied
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=send_checks, args=(path, theirs), daemon=True)
    child.start()
    theirs.close()
    last = "the start"
    try:
        while ours.poll(patience_s):
            check = ours.recv()
            if check is None:
                return
            last = check.name
            yield check
        yield Check("process", Outcome.FAILED, f"no answer for {patience_s:g} s after {last}")
    except EOFError:
        child.join()
        yield Check(
            "process", Outcome.FAILED, f"{_ending(child)} after {last}; the next is damaged"
        )
    finally:
        child.kill()
        child.join()
        ours.close()


def _send_checks(path: str, out: Connection) -> None:
    from pathlib import Path

    from mf2_edge.bundle.loader import load_bundle
    from mf2_edge.runtime.native_output import SWITCH
    from mf2_edge.verify import each_check

    os.environ[SWITCH] = "1"  # what is held back here would go with a crash
    faulthandler.enable()
    for check in each_check(load_bundle(Path(path))):
        out.send(check)
    out.send(None)


def _ending(child: BaseProcess) -> str:
    code = child.exitcode or 0
    if code >= 0:
        return f"it ended with code {code}"
    try:
        return f"it crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"it crashed (signal {-code})"
