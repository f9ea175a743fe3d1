"""Which questions are open: faces without a record, and records that were flagged."""

from __future__ import annotations

import argparse
from logging import getLogger

from tqdm import tqdm

from distill.config import Recipe
from distill.mfa.faces import iterate_faces
from distill.mfa.prompt.message import Asking, Question, ask_about
from distill.mfa.records.store import Store

logger = getLogger(__name__)


def build_questions(
    recipe: Recipe, arguments: argparse.Namespace, asking: Asking, store: Store
) -> list[Question]:
    """Questions about the chosen faces that the store has no answer to; equal ones once."""
    faces = iterate_faces(recipe, arguments.dataset, arguments.split, arguments.limit)
    found = (ask_about(face, asking) for face in tqdm(faces, desc="faces", unit="face"))
    questions = {question.key: question for question in found}
    return [question for key, question in questions.items() if key not in store]


def repair_questions(recipe: Recipe, asking: Asking, store: Store) -> list[Question]:
    """Questions about the flagged records of GPT-4o, which name the faults to avoid."""
    flagged = store.flagged()
    wanted = {
        (record.dataset, record.name): flagged[record.key]
        for record in store.records("gpt")
        if record.key in flagged
    }
    questions = []
    for face in iterate_faces(recipe, sorted({name for name, _ in wanted}), held_out=True):
        problems = wanted.pop((face.subject.dataset, face.subject.name), None)
        if problems is not None:
            answers = store.answers(face.subject.dataset, face.subject.name, "gpt")
            questions.append(ask_about(face, asking, problems, answers))
    for dataset, name in wanted:
        logger.warning("%s %s is not in the cache any more: not repaired", dataset, name)
    return questions
