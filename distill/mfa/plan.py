"""`mfa plan`: what a build would take, before anything is spent."""

from __future__ import annotations

import argparse
import sys

from distill.mfa.options import add_asking, add_faces, add_store, asking_of, recipe_of, store_path
from distill.mfa.prompt.questions import build_questions
from distill.mfa.records.ledger import Ledger
from distill.mfa.records.store import open_store
from distill.mfa.request.cost import estimate, report
from distill.mfa.request.prices import load_quote


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_store(parser)
    add_faces(parser)
    add_asking(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; returns 0."""
    recipe = recipe_of(arguments)
    quote = load_quote(arguments.model, arguments.prices)
    with open_store(store_path(arguments, recipe)) as store:
        questions = build_questions(recipe, arguments, asking_of(arguments), store)
        found = estimate(questions, quote.price, store)
        terms = {
            name: data.terms
            for name, data in recipe.data.items()
            if not arguments.dataset or name in arguments.dataset
        }
        sys.stdout.write(report(found, quote, Ledger(store, budget_usd=0.0), terms))
    return 0
