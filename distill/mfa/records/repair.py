"""`mfa repair`: ask again about the records that `mfa check` flagged, and about no others."""

from __future__ import annotations

import argparse

from distill.mfa.options import (
    add_asking,
    add_sending,
    add_store,
    asking_of,
    recipe_of,
    store_path,
)
from distill.mfa.prompt.questions import repair_questions
from distill.mfa.records.store import open_store
from distill.mfa.request.dispatch import ask, open_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_store(parser)
    add_asking(parser)
    add_sending(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask again; 0 if every flagged record of GPT-4o has a successor then, else 1."""
    recipe = recipe_of(arguments)
    with open_store(store_path(arguments, recipe)) as store, store.writing():
        ledger = open_ledger(arguments, store)
        return ask(arguments, ledger, repair_questions(recipe, asking_of(arguments), store))
