"""Which of a user's rows are learned from and which are evaluated, and whether that is honest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from distill.adapting.user_data.labels import TRAIN, VALID, Kind, LabelsError, UserLabels, name_rows

LEAST = 5
"""Fewer examples than this of a class, or of either answer to a label, teach nothing."""

VALIDATION_FOLDS = 5
"""One of so many parts is held out where the CSV has no split: 20 %."""


@dataclass(frozen=True)
class Parts:
    """train, valid: rows of the labels. groups: str [n]; faces of one group stay together.

    split: how they were parted, in words.
    """

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    groups: NDArray[np.str_]
    split: str


def picture_digests(labels: UserLabels, folder: Path) -> NDArray[np.str_]:
    """sha256 of the bytes of each picture, [n]; raises LabelsError where a file is missing."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of pictures at {folder}")
    paths = [folder / name for name in labels.images]
    missing = [place for place, path in enumerate(paths) if not path.is_file()]
    if missing:
        raise LabelsError(
            f"{name_rows(labels.rows[missing])}: no such file in {folder}, "
            f"e.g. {labels.images[missing[0]]}"
        )
    progress = tqdm(paths, desc="read pictures", unit="picture")
    return np.array([sha256(path.read_bytes()).hexdigest() for path in progress])


def split_rows(labels: UserLabels, digests: NDArray[np.str_], seed: int) -> Parts:
    """Part the rows as the CSV says, else one in five by subject, else by picture.

    Raises LabelsError where the parts would share a picture or a subject, or where a part has too
    little to learn from or to evaluate by.
    """
    groups = digests if labels.subjects is None else labels.subjects
    everything = np.arange(len(labels.rows))
    _check_support(labels, everything, "the table")
    by = "" if labels.subjects is None else " by subject"
    if labels.splits is not None:
        is_valid = labels.splits == VALID
        split = "validation, the split of the table"
        _check_given(labels, is_valid)
    else:
        if len(np.unique(groups)) < 2:
            raise LabelsError(
                f"{name_rows(labels.rows)}: all of one subject, so none can be held out; leave the "
                "column out to hold out pictures of the same one"
            )
        folds = group_folds(labels.kind, labels.targets, groups, VALIDATION_FOLDS, seed)
        is_valid = folds == 0
        split = f"validation, a seeded {is_valid.mean():.0%}{by}"
    _check_copies(labels, digests, is_valid)
    train, valid = np.flatnonzero(~is_valid), np.flatnonzero(is_valid)
    _check_support(labels, train, "the training part")
    if len(np.unique(groups[train])) < 2:
        raise LabelsError(
            f"{name_rows(labels.rows[train])}: all of one subject, but calibration needs two in "
            "the training part; leave the column out if one is all there is"
        )
    _check_judged(labels, valid)
    return Parts(train, valid, groups, split)


def group_folds(
    kind: Kind, targets: NDArray[np.float32], groups: NDArray[np.str_], folds: int, seed: int
) -> NDArray[np.int64]:
    """Fold of each row, [n]: groups stay whole, and the folds are as alike as that allows."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(folds, len(np.unique(groups)))
    fold = np.zeros(len(groups), dtype=np.int64)
    drawn = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    strata = _strata(kind, targets)
    for number, (_, rows) in enumerate(drawn.split(strata, strata, groups)):
        fold[rows] = number
    return fold


def _strata(kind: Kind, targets: NDArray[np.float32]) -> NDArray[np.int64]:
    """What every fold should have its share of: classes, rarest labels, fifths of the scores."""
    if kind == "multi-class":
        return np.asarray(targets.argmax(axis=1), dtype=np.int64)
    if kind == "score":
        edges = np.quantile(targets[:, 0], (0.2, 0.4, 0.6, 0.8))
        return np.searchsorted(edges, targets[:, 0])
    present = targets == 1
    rarity = present / np.maximum(present.sum(axis=0), 1)
    return np.asarray(np.where(present.any(axis=1), rarity.argmax(axis=1), targets.shape[1]))


def _check_support(labels: UserLabels, part: NDArray[np.int64], name: str) -> None:
    targets, rows = labels.targets[part], labels.rows[part]
    if labels.kind == "score":
        if len(part) < 2 * LEAST or np.unique(targets).size < 2:
            raise LabelsError(
                f"{name_rows(rows)}: {name} needs at least {2 * LEAST} rows and two different "
                "scores"
            )
        return
    if labels.kind == "multi-class" and (targets == 1).any(axis=0).sum() < 2:
        only = labels.labels[int(targets[0].argmax())] if len(targets) else "none"
        raise LabelsError(
            f"{name_rows(rows)}: one class only ({only}) in {name}; at least two are expected"
        )
    for column, label in enumerate(labels.labels):
        answers = (1,) if labels.kind == "multi-class" else (0, 1)
        for answer in answers:
            found = targets[:, column] == answer
            if found.sum() < LEAST:
                what = f"the class {label}" if answers == (1,) else f"`{label}` = {answer}"
                where = f"{name_rows(rows[found])}: " if found.any() else ""
                raise LabelsError(
                    f"{where}{name} has {found.sum()} of {what}; at least {LEAST} are expected. "
                    "Add some, or leave it out"
                )


def _check_given(labels: UserLabels, is_valid: NDArray[np.bool_]) -> None:
    for part, name in ((is_valid, VALID), (~is_valid, TRAIN)):
        if not part.any():
            raise LabelsError(f"{name_rows(labels.rows)}: no row of the split {name}")
    if labels.subjects is None:
        return
    shared = np.intersect1d(labels.subjects[is_valid], labels.subjects[~is_valid])
    if shared.size:
        rows = labels.rows[np.isin(labels.subjects, shared)]
        raise LabelsError(
            f"{name_rows(rows)}: the same subject in both parts of the split ({shared[0]}), which "
            "flatters the figures; leave the column `subject` out if that is meant"
        )


def _check_copies(
    labels: UserLabels, digests: NDArray[np.str_], is_valid: NDArray[np.bool_]
) -> None:
    shared = np.intersect1d(digests[is_valid], digests[~is_valid])
    if shared.size:
        copies = [name_rows(labels.rows[digests == digest]) for digest in shared[:10]]
        raise LabelsError(
            f"{'; '.join(copies)}: copies of one picture in both parts of the split; keep one"
        )


def _check_judged(labels: UserLabels, valid: NDArray[np.int64]) -> None:
    targets = labels.targets[valid]
    both = (targets == 1).any(axis=0) & (targets == 0).any(axis=0)
    evaluated = np.unique(targets).size > 1 if labels.kind == "score" else both.any()
    if not evaluated:
        what = "score" if labels.kind == "score" else "answer"
        raise LabelsError(
            f"{name_rows(labels.rows[valid])}: the validation part holds one {what} only, so "
            "nothing can be evaluated; add others"
        )
