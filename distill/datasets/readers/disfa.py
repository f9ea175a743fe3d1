"""DISFA: spontaneous expressions on video, the intensity of twelve units coded in every frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from distill.datasets.labelled import LabelledFace, LayoutError
from distill.datasets.layout import matching, refuse, refuse_line
from distill.datasets.tree import Tree
from distill.datasets.video import count_frames

DISFA_UNITS: Final = ("AU1", "AU2", "AU4", "AU6", "AU9", "AU12", "AU25", "AU26")
"""The eight of the twelve that papers report."""

DISFA_FOLDS: Final = tuple(
    frozenset(subjects.split())
    for subjects in (
        "SN001 SN002 SN009 SN010 SN016 SN026 SN027 SN030 SN032",
        "SN006 SN011 SN012 SN013 SN018 SN021 SN024 SN028 SN031",
        "SN003 SN004 SN005 SN007 SN008 SN017 SN023 SN025 SN029",
    )
)
"""Subjects of each fold, as JAA-Net (Shao et al. 2018, ZhiwenShao/PyTorch-JAANet, data/list) and
ME-GraphAU (Luo et al. 2022, CVI-SZU/ME-GraphAU, tool/DISFA_image_label_process.py) publish them;
the two lists agree."""

LEAST_INTENSITY: Final = 2
"""From here on (0 to 5) a unit counts as present, as in those papers."""

MOST_INTENSITY: Final = 5

_LABELS: Final = "ActionUnit_Labels/SNxxx/SNxxx_auN.txt"
_PICTURES: Final = "SNxxx/<frame>.png (or .jpg)"
_VIDEOS: Final = "Videos_LeftCamera/LeftVideoSNxxx_comp.avi"

Labels = Mapping[int, Mapping[str, int]]
"""Intensities by frame (counted from 1) and unit."""


def read_disfa(tree: Tree) -> Iterator[LabelledFace]:
    """DISFA (Mavadati et al. 2013), left camera, split "dev": every frame that has a label.

    Looks for `ActionUnit_Labels/SNxxx/SNxxx_auN.txt` ("frame,intensity" a line, frames from 1) and
    for either pictures of the frames, in folders named after the subject (`SN001/` or
    `LeftVideoSN001_comp/`), the frame's number at the end of the name, or the videos
    `Videos_LeftCamera/LeftVideoSNxxx_comp.avi`, which are read in place.

    DISFA itself has no pictures of frames, so their numbering is the user's: if any picture has the
    number 0 the first frame is 0 (as in JAA-Net's lists), otherwise it is 1. A unit without a
    label in a frame is unknown there.
    """
    names = tree.names()
    labels = _read_labels(tree, names)
    pictures = _pictures(names)
    videos = {
        match[1].upper(): name
        for name, match in matching(names, r"Videos_LeftCamera/LeftVideo(SN\d+)_comp\.avi")
    }
    if not pictures and not videos:
        refuse("DISFA", f"picture {_PICTURES} and no video {_VIDEOS}", names)
    for subject, frames in sorted(labels.items()):
        for frame, name, video_frame in _frames(tree, pictures.get(subject), videos.get(subject)):
            if coded := frames.get(frame):
                yield LabelledFace(
                    name,
                    "dev",
                    action_units=frozenset(u for u, i in coded.items() if i >= LEAST_INTENSITY),
                    coded=frozenset(coded),
                    intensities=coded,
                    subject=subject,
                    whole_frame=True,
                    video_frame=video_frame,
                )


def _read_labels(tree: Tree, names: list[str]) -> dict[str, Labels]:
    """Labels of each subject."""
    pattern = r"ActionUnit_Labels/(SN\d+)/SN\d+_au(\d+)\.txt"
    files = list(matching(names, pattern))
    if not files:
        refuse("DISFA", f"file {_LABELS}", names)
    labels: dict[str, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for name, match in files:
        for number, line in enumerate(tree.read(name).decode().splitlines(), start=1):
            if line.strip():
                try:
                    frame, intensity = (int(value) for value in line.split(","))
                    if not 0 <= intensity <= MOST_INTENSITY:
                        raise ValueError
                except ValueError:
                    refuse_line("DISFA", name, number, line, "frame,intensity (0 to 5)")
                labels[match[1].upper()][frame][f"AU{int(match[2])}"] = intensity
    return {subject: dict(frames) for subject, frames in labels.items()}


def _pictures(names: list[str]) -> dict[str, dict[int, str]]:
    """Pictures of each subject by frame, counted from 1."""
    pattern = r"(?:LeftVideo)?(SN\d+)(?:_comp)?/(?:[^/]*_)?(\d+)\.(?:png|jpe?g|bmp)"
    numbered: dict[str, dict[int, str]] = defaultdict(dict)
    for name, match in matching(names, pattern):
        subject, number = match[1].upper(), int(match[2])
        if number in numbered[subject]:
            raise LayoutError(
                f"DISFA: {numbered[subject][number]} and {name} are both frame {number} of "
                f"{subject}; expected one picture a frame, of the left camera"
            )
        numbered[subject][number] = name
    first = 0 if any(0 in frames for frames in numbered.values()) else 1
    return {
        subject: {number + 1 - first: name for number, name in frames.items()}
        for subject, frames in numbered.items()
    }


def _frames(
    tree: Tree, pictures: Mapping[int, str] | None, video: str | None
) -> Iterator[tuple[int, str, int | None]]:
    """Frame (from 1), name, and place in the video (from 0, None for pictures), in order."""
    if pictures is not None:
        yield from ((frame, name, None) for frame, name in sorted(pictures.items()))
    elif video is not None:
        yield from ((place + 1, video, place) for place in range(count_frames(tree.path(video))))
