"""The contact sheet: all pictures of a campaign on one page, to look at."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

from creative.ads.draw.typography import Text
from creative.images.encode import png

_WIDTH = 2400
_EDGE, _GAP = 48, 28
_HEIGHT = 420
"""Of the highest pictures in a row; none is shown larger than it is."""
_MOST_HEIGHT = 16_000
_GROUND, _LINE = (236, 238, 241), (205, 209, 214)
_INK, _FAINT = (31, 41, 55), (95, 103, 115)
_TITLE, _LABEL = 30, 18
_SHADOW = (219, 222, 227)

Shown = tuple[str, int, int, bytes]
"""Variant, width, height and the file."""


def contact_sheet(
    payload: tuple[Sequence[Shown], dict[str, str]], progress: Callable[[float, str], None]
) -> bytes:
    """A PNG of all pictures, grouped by variant in their order, with what `labels` say of each."""
    pictures, labels = payload
    groups: dict[str, list[Shown]] = {}
    for picture in pictures:
        groups.setdefault(picture[0], []).append(picture)
    rows = {variant: _rows(shown) for variant, shown in groups.items()}
    height = _EDGE + sum(_group_height(found) for found in rows.values())
    scale = min(1.0, _MOST_HEIGHT / height)
    used = max(
        (
            sum(w for _, w, _ in row) + _GAP * (len(row) - 1)
            for found in rows.values()
            for row in found
        ),
        default=0,
    )
    width = min(_WIDTH, max(900, used + 2 * _EDGE))
    sheet = Image.new("RGB", (width, height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    y = _EDGE
    for number, (variant, found) in enumerate(rows.items(), 1):
        _write(sheet, variant, _EDGE, y, _TITLE, _INK, "headline")
        label = Text(variant, "headline", "")
        _write(
            sheet,
            labels.get(variant, ""),
            _EDGE + label.width(_TITLE) + 24,
            y + 9,
            _LABEL + 3,
            _FAINT,
        )
        y += _TITLE + 26
        for row in found:
            x = _EDGE
            for shown, across, down in row:
                _paste(sheet, pen, shown, (x, y, across, down))
                x += across + _GAP
            y += max(down for _, _, down in row) + _LABEL + 38
        pen.line((_EDGE, y, width - _EDGE, y), _LINE, 2)
        y += 36
        progress(number / len(rows), "Contact sheet")
    if scale < 1:
        size = round(width * scale), round(height * scale)
        sheet = sheet.resize(size, Image.Resampling.LANCZOS)
    return png(sheet)


def _group_height(rows: list[list[tuple[Shown, int, int]]]) -> int:
    return _TITLE + 26 + 36 + sum(max(down for _, _, down in row) + _LABEL + 38 for row in rows)


def _rows(pictures: Sequence[Shown]) -> list[list[tuple[Shown, int, int]]]:
    """The pictures side by side, each with its width and height on the sheet."""
    rows: list[list[tuple[Shown, int, int]]] = []
    room = _WIDTH - 2 * _EDGE
    left: list[int] = []
    for shown in sorted(pictures, key=lambda one: (-min(one[2], _HEIGHT), one[1] / one[2])):
        scale = min(1.0, _HEIGHT / shown[2], room / shown[1])
        across, down = max(1, round(shown[1] * scale)), max(1, round(shown[2] * scale))
        # The size is written below it and needs some room, too.
        taken = max(across, 90)
        number = next((n for n, free in enumerate(left) if taken <= free), len(rows))
        if number == len(rows):
            rows.append([])
            left.append(room)
        rows[number].append((shown, taken, down))
        left[number] -= taken + _GAP
    return rows


def _paste(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, shown: Shown, place: tuple[int, int, int, int]
) -> None:
    x, y, _, down = place
    _, width, height, data = shown
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (width * down // height * 2, down * 2))
        picture = opened.convert("RGB")
    across = max(1, round(width * down / height))
    small = picture.resize((across, down), Image.Resampling.LANCZOS, reducing_gap=2.0)
    pen.rectangle((x + 3, y + 3, x + across + 3, y + down + 3), _SHADOW)
    sheet.paste(small, (x, y))
    _write(sheet, f"{width} × {height}", x, y + down + 12, _LABEL, _FAINT)


def _write(
    sheet: Image.Image,
    text: str,
    x: int,
    y: int,
    size: int,
    ink: tuple[int, int, int],
    role: str = "text",
) -> None:
    """One line of text with its upper left corner there; nothing if no font has its letters."""
    made = Text(text, role, "") if text.strip() else None
    if made and made.written:
        mask, pad = made.mask(made.block(size, 1_000_000), "left")
        sheet.paste(ink, (x - pad, y - pad), mask)
