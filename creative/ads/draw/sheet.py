"""The contact sheet: all pictures of a campaign on one page, to look at."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from creative.ads.draw.typography import Text
from creative.images.encode import png

_WIDTH = 2400
_EDGE, _GAP = 48, 28
_HEIGHTS = (420, 300, 210, 150)
"""Of the highest pictures: the first with which the sheet is short enough, else the last. No
picture is shown larger than it is."""
_MOST_HEIGHT = 8_000
_BETWEEN = 64
"""Between variants that stand side by side."""
_GROUND, _LINE = (236, 238, 241), (205, 209, 214)
_INK, _FAINT = (31, 41, 55), (95, 103, 115)
_TITLE, _LABEL = 30, 18
_HEAD, _FOOT, _RULE = _TITLE + 26, _LABEL + 38, 36
_SHADOW = (219, 222, 227)

Shown = tuple[str, int, int, bytes]
"""Variant, width, height and the file."""


class _Placed(NamedTuple):
    """A picture on the sheet; lengths are pixels of the sheet."""

    shown: Shown
    taken: int
    down: int


class _Group(NamedTuple):
    """The pictures of a variant, in rows, under its name."""

    variant: str
    label: str
    rows: list[list[_Placed]]
    width: int
    height: int


def contact_sheet(
    payload: tuple[Sequence[Shown], dict[str, str]], progress: Callable[[float, str], None]
) -> bytes:
    """A PNG of all pictures, grouped by variant in their order, with what `labels` say of each."""
    pictures, labels = payload
    by_variant: dict[str, list[Shown]] = {}
    for picture in pictures:
        by_variant.setdefault(picture[0], []).append(picture)
    for height in _HEIGHTS:
        lines = _lines([_group(*pair, labels, height) for pair in by_variant.items()])
        full = 2 * _EDGE + sum(max(one.height for one in line) for line in lines)
        full += _RULE * (len(lines) - 1)
        if full <= _MOST_HEIGHT:
            break
    used = max((sum(one.width + _BETWEEN for one in line) for line in lines), default=0) - _BETWEEN
    width = min(_WIDTH, max(900, used + 2 * _EDGE))
    sheet = Image.new("RGB", (width, full), _GROUND)
    pen = ImageDraw.Draw(sheet)
    y, done = _EDGE, 0
    for line in lines:
        x = _EDGE
        for group in line:
            _draw(sheet, pen, group, x, y)
            x += group.width + _BETWEEN
            done += 1
            progress(done / len(by_variant), "Contact sheet")
        y += max(one.height for one in line)
        if line is not lines[-1]:
            pen.line((_EDGE, y, width - _EDGE, y), _LINE, 2)
        y += _RULE
    return png(sheet)


def _group(variant: str, pictures: Sequence[Shown], labels: dict[str, str], height: int) -> _Group:
    """The pictures of a variant, none higher than `height`."""
    label = labels.get(variant, "")
    rows = _rows(pictures, height)
    head = _length(variant, _TITLE, "headline") + 24 + _length(label, _LABEL + 3, "text")
    across = max(sum(one.taken for one in row) + _GAP * (len(row) - 1) for row in rows)
    down = _HEAD + sum(max(one.down for one in row) + _FOOT for row in rows)
    return _Group(variant, label, rows, min(max(across, head), _WIDTH - 2 * _EDGE), down)


def _lines(groups: Sequence[_Group]) -> list[list[_Group]]:
    """The groups side by side, as far as there is room, in their order."""
    lines: list[list[_Group]] = []
    left = 0
    for group in groups:
        if not lines or group.width > left:
            lines.append([])
            left = _WIDTH - 2 * _EDGE
        lines[-1].append(group)
        left -= group.width + _BETWEEN
    return lines


def _rows(pictures: Sequence[Shown], height: int) -> list[list[_Placed]]:
    """The pictures side by side, the highest first."""
    rows: list[list[_Placed]] = []
    room = _WIDTH - 2 * _EDGE
    left: list[int] = []
    for shown in sorted(pictures, key=lambda one: (-min(one[2], height), one[1] / one[2])):
        scale = min(1.0, height / shown[2], room / shown[1])
        across, down = max(1, round(shown[1] * scale)), max(1, round(shown[2] * scale))
        # The size is written below it and needs some room, too.
        taken = max(across, 90)
        number = next((n for n, free in enumerate(left) if taken <= free), len(rows))
        if number == len(rows):
            rows.append([])
            left.append(room)
        rows[number].append(_Placed(shown, taken, down))
        left[number] -= taken + _GAP
    return rows


def _draw(sheet: Image.Image, pen: ImageDraw.ImageDraw, group: _Group, x: int, y: int) -> None:
    """A group with its upper left corner there."""
    _write(sheet, group.variant, (x, y), _TITLE, _INK, "headline")
    beside = x + _length(group.variant, _TITLE, "headline") + 24
    _write(sheet, group.label, (beside, y + 9), _LABEL + 3, _FAINT, "text")
    y += _HEAD
    for row in group.rows:
        at = x
        for one in row:
            _paste(sheet, pen, one, (at, y))
            at += one.taken + _GAP
        y += max(one.down for one in row) + _FOOT


def _paste(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, placed: _Placed, corner: tuple[int, int]
) -> None:
    _, width, height, data = placed.shown
    (x, y), down = corner, placed.down
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (width * down // height * 2, down * 2))
        picture = opened.convert("RGB")
    across = max(1, round(width * down / height))
    small = picture.resize((across, down), Image.Resampling.LANCZOS, reducing_gap=2.0)
    pen.rectangle((x + 3, y + 3, x + across + 3, y + down + 3), _SHADOW)
    sheet.paste(small, (x, y))
    _write(sheet, f"{width} × {height}", (x, y + down + 12), _LABEL, _FAINT, "text")


def _length(text: str, size: int, role: str) -> int:
    """Pixels across a line of text; 0 if no font has its letters."""
    made = Text(text, role, "") if text.strip() else None
    return made.width(size) if made and made.written else 0


def _write(
    sheet: Image.Image,
    text: str,
    corner: tuple[int, int],
    size: int,
    ink: tuple[int, int, int],
    role: str,
) -> None:
    """One line of text with its upper left corner there; nothing if no font has its letters."""
    made = Text(text, role, "") if text.strip() else None
    if made and made.written:
        mask, pad = made.mask(made.block(size, 1_000_000), "left")
        sheet.paste(ink, (corner[0] - pad, corner[1] - pad), mask)
