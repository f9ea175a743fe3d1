"""Pictures worth showing: boxes, emotions and the Action Units that are present.

Everything scales with the picture; a small one is enlarged first, since no font is legible at
eight pixels. Each face gets a panel beside it, placed where it covers no face if there is room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from mf2_edge.io.frames import ColorOrder, ImageLike, check_frame
from mf2_edge.types import PRESENT, Status

if TYPE_CHECKING:
    from mf2_edge.types import Box, FaceState

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Color = tuple[int, int, int]
Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the picture."""

_ACCENTS: Final[tuple[Color, ...]] = (
    (255, 196, 61),
    (90, 200, 250),
    (255, 138, 128),
    (129, 214, 146),
    (206, 160, 255),
    (255, 171, 94),
)
_WHITE: Final[Color] = (245, 245, 247)
_GREY: Final[Color] = (170, 174, 182)
_PANEL: Final = (18, 20, 26, 216)
_TRACK: Final = (66, 69, 77, 230)

_LEGIBLE_SIDE: Final = 720
"""Pictures whose longer side is shorter than this are enlarged to it."""
_SHARPNESS: Final = 2
"""Panels are drawn this many times larger and reduced, which smooths their round corners."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a panel; with a bar, where it has a score."""

    label: str
    words: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class _Placed:
    """A panel, its top left corner in the picture, and what `_place` says it costs."""

    image: Image.Image
    spot: tuple[int, int]
    cost: float


def draw(
    frame: ImageLike,
    faces: Sequence[FaceState],
    *,
    color: ColorOrder = "bgr",
    enlarge: bool = True,
) -> Image.Image:
    """The frame with every face's box, emotion and present AUs, as an RGB picture.

    `frame` and `color` are those of `FaceStateAnalyzer.predict`, which raises the same errors. The
    picture has the size of the frame, or with `enlarge` at least 720 px on its longer side.
    """
    picture = Image.fromarray(check_frame(frame, color))
    zoom = max(1.0, _LEGIBLE_SIDE / max(picture.size)) if enlarge else 1.0
    if zoom > 1:
        size = (round(picture.width * zoom), round(picture.height * zoom))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    boxes = [_inside(face.box, zoom, picture.size) for face in faces]
    for number, (face, box) in enumerate(zip(faces, boxes, strict=True)):
        _draw_brackets(picture, box, _accent(face, number))
    for panel in _arrange(faces, boxes, picture.size):
        picture.paste(panel.image, panel.spot, panel.image)
    return picture


def _arrange(
    faces: Sequence[FaceState], boxes: list[Rect], picture_size: tuple[int, int]
) -> list[_Placed]:
    """A panel for each face: the largest that cover no face and no other panel.

    Where even small ones do, a single face keeps the large one, which says more.
    """
    text = max(13.0, 0.024 * (picture_size[0] * picture_size[1]) ** 0.5)
    sizes = [(False, 1.0), (False, 0.85), (False, 0.7), (True, 0.85), (True, 0.7)]
    for compact, scale in sizes:
        panels = _place_all(faces, boxes, picture_size, text * scale, compact=compact)
        placed = list(takewhile(lambda panel: panel.cost <= 2 * text, panels))
        if len(placed) == len(faces):
            return placed
    compact, scale = sizes[0] if len(faces) == 1 else sizes[-1]
    return list(_place_all(faces, boxes, picture_size, text * scale, compact=compact))


def _place_all(
    faces: Sequence[FaceState],
    boxes: list[Rect],
    picture_size: tuple[int, int],
    text: float,
    *,
    compact: bool,
) -> Iterator[_Placed]:
    taken = list(boxes)
    for number, (face, box) in enumerate(zip(faces, boxes, strict=True)):
        panel = _panel(_rows(face, compact=compact), text, _accent(face, number))
        panel = _shrunk(panel, picture_size)
        (x, y), cost = _place(panel.size, box, taken, picture_size)
        taken.append((x, y, x + panel.width, y + panel.height))
        yield _Placed(panel, (x, y), cost)


def _rows(face: FaceState, *, compact: bool) -> list[_Row]:
    """What a panel says about a face; its first row is the title."""
    name = "" if face.track_id is None else f"{face.track_id}  "
    title = _Row(f"{name}{face.emotion.label}", "", face.emotion.score)
    judged = {label: unit for label, unit in face.action_units.items() if unit.can_be_judged}
    present = [(label, unit) for label, unit in judged.items() if unit.present]
    if compact:
        rows = [_Row(" ".join(label for label, _ in present), "")] if present else []
    else:
        rows = [
            _Row(label, " ".join(filter(None, (unit.level, unit.name))), unit.score)
            for label, unit in present
        ]
        rows = rows or [_Row("", "no Action Unit present")]
    if face.status is not Status.OK:
        rows.append(_Row("", f"less reliable: {face.status.value}"))
    if face.action_units and not judged:
        rows[:] = [_Row("", "cannot be judged: hidden, or no face")]
    elif len(judged) < len(face.action_units):
        hidden = [region for region, p in face.visibility.items() if p < PRESENT]
        rows.append(_Row("", f"hidden: {', '.join(hidden)}"))
    return [title, *rows]


def _panel(rows: list[_Row], text: float, accent: Color) -> Image.Image:
    """An RGBA panel: title, then a row for each AU with number, name, bar and score."""
    unit = text * _SHARPNESS
    title_font, font = _font(1.25 * unit), _font(unit)
    pad, line, gap = 0.75 * unit, 1.5 * unit, 0.7 * unit
    title, *rest = rows
    label_width = max((font.getlength(row.label) for row in rest), default=0.0)
    label_width += gap if label_width else 0
    words_width = max((font.getlength(row.words) for row in rest), default=0.0)
    has_bars = any(row.score is not None for row in rest)
    bar, number = (5 * unit, font.getlength("0.00")) if has_bars else (0.0, 0.0)
    title_number = f"{title.score:.2f}"
    inner = max(
        label_width + words_width + (2 * gap + bar + number if has_bars else 0),
        title_font.getlength(title.label) + gap + title_font.getlength(title_number),
    )
    title_height = 1.9 * unit
    size = (round(inner + 2 * pad), round(2 * pad + title_height + line * len(rest)))
    panel = Image.new("RGBA", size)
    pen = ImageDraw.Draw(panel)
    pen.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 0.6 * unit, fill=_PANEL)
    middle = pad + 0.75 * unit
    right = size[0] - pad
    pen.text((pad, middle), title.label, accent, title_font, anchor="lm")
    pen.text((right, middle), title_number, _WHITE, title_font, anchor="rm")
    for index, row in enumerate(rest):
        middle = pad + title_height + (index + 0.5) * line
        pen.text((pad, middle), row.label, _WHITE, font, anchor="lm")
        pen.text((pad + label_width, middle), row.words, _GREY, font, anchor="lm")
        if row.score is not None:
            left, half = right - number - gap - bar, 0.2 * unit
            track = (left, middle - half, left + bar, middle + half)
            pen.rounded_rectangle(track, half, fill=_TRACK)
            end = left + max(bar * row.score, 2 * half)
            pen.rounded_rectangle((left, middle - half, end, middle + half), half, fill=accent)
            pen.text((right, middle), f"{row.score:.2f}", _WHITE, font, anchor="rm")
    reduced = (max(1, size[0] // _SHARPNESS), max(1, size[1] // _SHARPNESS))
    return panel.resize(reduced, Image.Resampling.BOX)


def _shrunk(panel: Image.Image, limit: tuple[int, int]) -> Image.Image:
    """The panel itself, or reduced to what the picture can hold."""
    scale = min(1.0, limit[0] / panel.width, limit[1] / panel.height)
    if scale == 1:
        return panel
    size = (max(1, int(panel.width * scale)), max(1, int(panel.height * scale)))
    return panel.resize(size, Image.Resampling.LANCZOS)


def _place(
    size: tuple[int, int], box: Rect, taken: list[Rect], picture_size: tuple[int, int]
) -> tuple[tuple[int, int], float]:
    """Top left corner of a panel in the picture, and its cost.

    The cost is the distance from its box in pixels, and far more for covering what is taken.
    """
    (width, height), (picture_width, picture_height) = size, picture_size
    gap = 0.012 * (picture_width * picture_height) ** 0.5
    x0, y0, x1, y1 = box
    right, left, below, above = x1 + gap, x0 - gap - width, y1 + gap, y0 - gap - height
    centre, end, bottom = (x0 + x1 - width) / 2, picture_width - width, picture_height - height
    beside = [(x, y) for y in (y0, y1 - height) for x in (right, left)]
    over = [(x, y) for x in (centre, x0, x1 - width) for y in (below, above)]
    corners = [(x, y) for y in (bottom, 0) for x in (end, 0)]
    best, least = (0, 0), float("inf")
    for wanted_x, wanted_y in (*beside, *over, *corners):
        x, y = round(min(max(wanted_x, 0), end)), round(min(max(wanted_y, 0), bottom))
        spot = (x, y, x + width, y + height)
        cost = _distance(spot, box) + 1e3 * sum(_overlap(spot, other) for other in taken)
        if cost < least:
            best, least = (x, y), cost
    return best, least


def _draw_brackets(picture: Image.Image, box: Rect, color: Color) -> None:
    """The four corners of a box, on a dark edge that keeps them visible on any ground."""
    pen = ImageDraw.Draw(picture)
    stroke = max(2, round(0.004 * (picture.width * picture.height) ** 0.5))
    x0, y0, x1, y1 = (round(value) for value in box)
    arm = max(2 * stroke, round(0.22 * min(x1 - x0, y1 - y0)))
    for grow, ink in ((max(1, stroke // 4), (18, 20, 26)), (0, color)):
        for x, to_x in ((x0, arm), (x1, -arm)):
            for y, to_y in ((y0, arm), (y1, -arm)):
                for dx, dy in ((to_x, 0), (0, to_y)):
                    half = stroke / 2 + grow
                    left, right = sorted((x, x + dx))
                    top, bottom = sorted((y, y + dy))
                    pen.rectangle((left - half, top - half, right + half, bottom + half), fill=ink)


def _overlap(a: Rect, b: Rect) -> float:
    """Area in square pixels that two rectangles share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def _distance(a: Rect, b: Rect) -> float:
    """Pixels between two rectangles, 0 where they touch."""
    across = max(a[0] - b[2], b[0] - a[2], 0.0)
    down = max(a[1] - b[3], b[1] - a[3], 0.0)
    return float(across + down)


def _inside(box: Box, zoom: float, picture_size: tuple[int, int]) -> Rect:
    """The part of a box that the enlarged picture shows."""
    width, height = picture_size
    return (
        min(max(box.x * zoom, 0.0), width - 1.0),
        min(max(box.y * zoom, 0.0), height - 1.0),
        min(max((box.x + box.width) * zoom, 0.0), width - 1.0),
        min(max((box.y + box.height) * zoom, 0.0), height - 1.0),
    )


def _accent(face: FaceState, number: int) -> Color:
    """A colour that stays with a face that is followed."""
    return _ACCENTS[(number if face.track_id is None else face.track_id) % len(_ACCENTS)]


def _font(size: float) -> Font:
    return ImageFont.load_default(size)
