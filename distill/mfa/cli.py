"""`python -m distill mfa COMMAND`: a data set of faces with descriptions at three levels."""

from __future__ import annotations

import argparse
import logging
import sqlite3
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

COMMANDS: Final = {
    "plan": ("images, tokens and cost of a build; sends nothing", "distill.mfa.plan"),
    "build": ("describe every face; resumes where it stopped", "distill.mfa.build"),
    "check": ("flag descriptions that contradict their labels", "distill.mfa.checks.check"),
    "repair": ("ask again about flagged records", "distill.mfa.records.repair"),
    "stats": ("what the store holds", "distill.mfa.checks.stats"),
    "sheets": ("faces on numbered sheets, for coders", "distill.mfa.wild.sheets"),
    "codes": ("the files of MFA-wild, from what coders wrote", "distill.mfa.wild.codes"),
    "agreement": ("how well coders agree, also with human codes", "distill.mfa.wild.figures"),
    "quality": ("how often MFA-wild fails each check", "distill.mfa.wild.quality"),
    "export": ("write the set as shards", "distill.mfa.shards.write"),
}
"""Each is a module with `add_arguments` and `run`, imported only when it is the one to run."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code, 2 for a mistake in the input, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m distill mfa", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (text, module) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in arguments[:1]:
            import_module(module).add_arguments(command)
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        return int(import_module(COMMANDS[options.command][1]).run(options))
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"distill mfa {options.command}: {error}\n")
        return 2
    except sqlite3.Error as error:
        sys.stderr.write(
            f"distill mfa {options.command}: the store cannot be read or written ({error}); what "
            "it holds is kept: make room, and run it again to go on\n"
        )
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"distill mfa {options.command}: stopped; run it again to go on\n")
        return 130
