"""`mfa build`: a description of every face, by GPT-4o under a budget, the grammar or coders."""

from __future__ import annotations

import argparse
import sys

from distill.mfa.faces import iterate_faces
from distill.mfa.options import (
    add_asking,
    add_faces,
    add_sending,
    add_store,
    asking_of,
    recipe_of,
    store_path,
)
from distill.mfa.prompt.questions import build_questions
from distill.mfa.records.store import open_store
from distill.mfa.request.dispatch import ask, open_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--source", choices=("gpt", "template", "coder"), default="gpt")
    add_store(parser)
    add_faces(parser)
    add_asking(parser)
    add_sending(parser)


def run(arguments: argparse.Namespace) -> int:
    """Describe the faces that have no record yet; 0 if all have one then, else 1."""
    recipe = recipe_of(arguments)
    with open_store(store_path(arguments, recipe)) as store, store.writing():
        if arguments.source == "template":
            from distill.mfa.prompt.offline import describe_offline

            faces = iterate_faces(recipe, arguments.dataset, arguments.split, arguments.limit)
            sys.stdout.write(f"{describe_offline(faces, store):,} faces described\n")
            return 0
        if arguments.source == "coder":
            from distill.mfa.wild.offline import add_coded

            sys.stdout.write(f"{add_coded(recipe, arguments.split, store):,} faces described\n")
            return 0
        ledger = open_ledger(arguments, store)
        questions = build_questions(recipe, arguments, asking_of(arguments), store)
        return ask(arguments, ledger, questions)
