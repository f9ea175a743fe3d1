"""`python -m distill adapt`: a new head for a frozen network, from a user's labels or sentence."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.adapting.calibrate_head import calibrate_head, normalised
from distill.adapting.heads import Head, HeadCard, save_head
from distill.adapting.hidden import HiddenStates, file_digest, hidden_states, open_frozen
from distill.adapting.sheet import write_sheet
from distill.adapting.task_figures import judge_task
from distill.adapting.text_head import make_text_head, save_text_head
from distill.adapting.train_dfn import Task, predict_dfn, train_dfn
from distill.adapting.user_faces import align_pictures
from distill.adapting.user_labels import LabelsError, UserLabels, read_labels
from distill.adapting.user_split import Parts, picture_digests, split_rows
from distill.faces.store import load_store
from mf2_edge.atomic import replacing
from mf2_edge.schema import AccuracySpec
from mf2_edge.task_schema import TaskCalibration

VIEWS = 8
"""Augmented views of a face, beside the one that the product sees."""


@dataclass(frozen=True)
class Adaptation:
    """What to learn, from where, over which MF².

    `out` gets a folder a task (head.pt, results.json) and `cache`, which all tasks share.
    """

    data: Path
    images: Path
    task: str
    checkpoint: Path = Path("runs/mf2/network.pt")
    out: Path = Path("runs/adapt")
    seed: int = 0

    @property
    def folder(self) -> Path:
        """Where the head goes."""
        return self.out / self.task


def main(arguments: Sequence[str]) -> int:
    """Learn a task and print its figures; returns the exit code, 2 for a mistake in the input."""
    parser = argparse.ArgumentParser(prog="python -m distill adapt", description=__doc__)
    parser.add_argument("--data", type=Path, help="labels (CSV, docs/adapt.md)")
    parser.add_argument("--images", type=Path, help="folder of its pictures")
    parser.add_argument("--text", help="a sentence instead of labels")
    parser.add_argument(
        "--faces", type=Path, help="with --text: folder of aligned faces to compare with"
    )
    parser.add_argument("--task", required=True, help="name of the new head")
    parser.add_argument(
        "--checkpoint", type=Path, default=Adaptation.checkpoint, help="an MF² or edge network"
    )
    parser.add_argument("--out", type=Path, default=Adaptation.out)
    parser.add_argument("--seed", type=int, default=Adaptation.seed)
    options = parser.parse_args(arguments)
    labelled, by_text = (options.data, options.images), (options.text, options.faces)
    if (None in labelled) == (None in by_text) or any(labelled) == any(by_text):
        parser.error("expected --data and --images, or --text and --faces")
    try:
        if options.text is not None:
            return _adapt_to_text(options)
        del options.text, options.faces
        order = Adaptation(**vars(options))
        results = adapt(order, workers=os.cpu_count() or 1)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"distill adapt: {error}\n")
        return 2
    for result in results:
        sys.stdout.write(
            f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f} "
            f"(n = {result.n}; {result.protocol})\n"
        )
    sys.stdout.write(f"wrote {order.folder / 'head.pt'}\n")
    return 0


def _adapt_to_text(options: argparse.Namespace) -> int:
    """Write `head.pt` of a sentence, and `sheet.jpg`: the faces most and least like it."""
    _check_task(options.task)
    network, loaded = open_frozen(options.checkpoint)
    store = load_store(options.faces)
    head, likeness = make_text_head(
        options.task,
        options.text,
        network,
        options.checkpoint,
        loaded.recipe,
        store,
        options.faces.name,
    )
    order, folder = np.argsort(-likeness), options.out / options.task
    save_text_head(head, folder / "head.pt")
    write_sheet([store.images[order[:16]], store.images[order[-16:]]], folder / "sheet.jpg")
    sys.stdout.write(
        f"wrote {folder / 'head.pt'}: how much a face is like {options.text!r}, 0..1, among "
        f"{len(likeness):,} faces of {options.faces.name}\n"
        f"wrote {folder / 'sheet.jpg'}: those most like it, and those least: look whether they are "
        "what you meant\n"
    )
    return 0


def _check_task(name: str) -> None:
    """Raise LabelsError for a name that cannot be a folder's."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name == "cache":
        raise LabelsError(f"--task {name!r}: expected letters, digits, dots, dashes; not `cache`")


def adapt(order: Adaptation, workers: int) -> list[AccuracySpec]:
    """Learn a task; writes `head.pt` and `results.json`, and leaves MF² as it is.

    Raises LabelsError naming the rows that cannot be learned from, CheckpointError for another
    network than MF². A run that was killed goes on with the pictures that were not read yet.
    """
    _check_task(order.task)
    labels = read_labels(order.data)
    digests = picture_digests(labels, order.images)
    parts = split_rows(labels, digests, order.seed)
    recipe = open_frozen(order.checkpoint)[1].recipe
    cache = order.out / "cache"
    faces = align_pictures(labels, digests, order.images, recipe, cache, workers)
    states = hidden_states(
        order.checkpoint,
        faces.images,
        np.arange(len(labels.rows)),
        cache,
        views=VIEWS,
        seed=order.seed,
        workers=workers,
    )
    head = learn_head(order, labels, parts, states)
    answers = head.answers(predict_dfn(head.dfn, states, parts.valid))
    notes = _notes(faces.unaligned, parts.valid)
    results = judge_task(head.card, answers, labels.targets[parts.valid], parts.split, notes)
    with replacing(order.folder / "results.json") as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2))
    save_head(head, order.folder / "head.pt")
    return results


def learn_head(order: Adaptation, labels: UserLabels, parts: Parts, states: HiddenStates) -> Head:
    """Train and calibrate on the training part alone."""
    task, score = normalised(Task(labels.kind, labels.targets), parts.train)
    if score is None:
        calibration = calibrate_head(states, task, labels.labels, parts, order.seed)
    else:
        calibration = TaskCalibration(score=score)
    dfn = train_dfn(states, task, parts.train, order.seed)
    card = HeadCard(
        task=order.task,
        kind=labels.kind,
        labels=labels.labels,
        mf2_sha256=file_digest(order.checkpoint),
        layout=states.layout,
        width=dfn.width,
        calibration=calibration,
        faces=len(parts.train),
        seed=order.seed,
    )
    return Head(dfn, card)


def _notes(unaligned: NDArray[np.bool_], valid: NDArray[np.int64]) -> str:
    """What else the figures rest on."""
    notes = ["DFN over a frozen MF²"]
    if unaligned.any():
        notes.append(
            f"no face found in {unaligned.sum()} of {len(unaligned)} pictures "
            f"({unaligned[valid].sum()} judged), which were resized whole"
        )
    return "; ".join(notes)
