"""`python -m distill adapt`: a new head for a frozen network, from a user's labels or sentence."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.adapting.calibrate_head import calibrate_head, normalised
from distill.adapting.frozen import network_digest, open_network
from distill.adapting.heads import Head, HeadCard, save_head
from distill.adapting.hidden import HiddenStates, hidden_states
from distill.adapting.task_metrics import judge_task
from distill.adapting.text.head import make_text_head, save_text_head
from distill.adapting.text.sheet import write_sheet
from distill.adapting.train_dfn import Task, predict_dfn, train_dfn
from distill.adapting.user_data.faces import align_folder, align_pictures
from distill.adapting.user_data.labels import LabelsError, UserLabels, read_labels
from distill.adapting.user_data.split import Parts, picture_digests, split_rows
from distill.faces.store import load_store
from distill.parsers import ADAPT_OUT, adapt_parser
from mf2_edge.bundle.head_schema import TaskCalibration
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import write_json

VIEWS = 8
"""Augmented views of a face, beside the one that the product sees."""


@dataclass(frozen=True)
class Adaptation:
    """What to learn, from where, over which network (a checkpoint, or a bundle's folder).

    `out` gets a folder a task (head.pt, results.json) and `cache`, which all tasks share.
    """

    data: Path
    images: Path
    task: str
    network: Path
    out: Path = ADAPT_OUT
    seed: int = 0

    @property
    def folder(self) -> Path:
        """Where the head goes."""
        return self.out / self.task


def main(arguments: Sequence[str]) -> int:
    """Learn a task and print its figures; returns the exit code, 2 for a mistake in the input."""
    parser = adapt_parser()
    options = parser.parse_args(arguments)
    labelled, by_text = (options.data, options.images), (options.text, options.faces)
    if (None in labelled) == (None in by_text) or any(labelled) == any(by_text):
        parser.error("expected --data and --images, or --text and --faces")
    try:
        network = load_bundle(options.bundle).path if options.bundle else options.checkpoint
        if options.text is not None:
            return _adapt_to_text(options, network)
        places = options.data, options.images, options.task, network, options.out
        order = Adaptation(*places, seed=options.seed)
        results = adapt(order, workers=os.cpu_count() or 1)
    except (ValueError, OSError, Mf2EdgeError) as error:
        sys.stderr.write(f"distill adapt: {error}\n")
        return 2
    for result in results:
        sys.stdout.write(
            f"{result.dataset}, {result.split}: {result.metric} {result.value:.4f} "
            f"(n = {result.n}; {result.protocol})\n"
        )
    sys.stdout.write(f"wrote {order.folder / 'head.pt'}\n")
    return 0


def _adapt_to_text(options: argparse.Namespace, network: Path) -> int:
    """Write `head.pt` of a sentence, and `sheet.jpg`: the faces most and least like it."""
    _check_task(options.task)
    faces = _reference(options.faces, network, options.out / "cache")
    head, likeness = make_text_head(options.task, options.text, network, faces, options.faces.name)
    order, folder = np.argsort(-likeness), options.out / options.task
    save_text_head(head, folder / "head.pt")
    write_sheet([faces[order[:16]], faces[order[-16:]]], folder / "sheet.jpg")
    sys.stdout.write(
        f"wrote {folder / 'head.pt'}: how much a face is like {options.text!r}, 0..1, among "
        f"{len(likeness):,} faces of {options.faces.name}\n"
        f"wrote {folder / 'sheet.jpg'}: those most like it, and those least: look whether they are "
        "what you meant\n"
    )
    return 0


def _reference(folder: Path, network: Path, cache: Path) -> NDArray[np.uint8]:
    """Aligned faces of a folder of pictures, or of one that `distill prepare` left."""
    if (folder / "labels.npz").is_file():
        return load_store(folder).images
    if not folder.is_dir():
        raise LabelsError(f"--faces {folder}: no such folder; expected pictures of faces")
    frozen = open_network(network)
    return align_folder(folder, frozen.alignment, frozen.margin, cache, os.cpu_count() or 1)


def _check_task(name: str) -> None:
    """Raise LabelsError for a name that cannot be a folder's."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name == "cache":
        raise LabelsError(f"--task {name!r}: expected letters, digits, dots, dashes; not `cache`")


def adapt(order: Adaptation, workers: int) -> list[AccuracySpec]:
    """Learn a task; writes `head.pt` and `results.json`, and leaves the network as it is.

    Raises LabelsError naming the rows that cannot be learned from, CheckpointError or BundleError
    for a network that no head can read. A run that was killed goes on with the pictures that were
    not read yet.
    """
    _check_task(order.task)
    labels = read_labels(order.data)
    digests = picture_digests(labels, order.images)
    parts = split_rows(labels, digests, order.seed)
    frozen, cache = open_network(order.network), order.out / "cache"
    cut = frozen.alignment, frozen.margin
    faces = align_pictures(labels, digests, order.images, *cut, cache, workers)
    states = hidden_states(
        order.network,
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
    write_json(order.folder / "results.json", results)
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
        mf2_sha256=network_digest(order.network),
        layout=states.layout,
        width=dfn.width,
        calibration=calibration,
        faces=len(parts.train),
        seed=order.seed,
    )
    return Head(dfn, card)


def _notes(unaligned: NDArray[np.bool_], valid: NDArray[np.int64]) -> str:
    """What else the figures rest on."""
    notes = ["DFN over a frozen network"]
    if unaligned.any():
        notes.append(
            f"no face found in {unaligned.sum()} of {len(unaligned)} pictures "
            f"({unaligned[valid].sum()} evaluated), which were resized whole"
        )
    return "; ".join(notes)
