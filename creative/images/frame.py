"""Which part of a picture goes where, so that exactly the asked size comes out."""

from __future__ import annotations

from typing import NamedTuple

GRID_STEP = 64
"""The coarsest grid that models draw on, in pixels."""
CROP_SHARE = 8
"""At most an eighth of the asked side is cut off instead of scaled."""


class Frame(NamedTuple):
    """All in pixels.

    Attributes:
        box: left, top, right, bottom of the part of the source that is used.
        size: width and height that this part is scaled to.
        at: x and y in the result of its left upper corner.
    """

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    at: tuple[int, int] = (0, 0)


def frame(
    size: tuple[int, int], target: tuple[int, int], fit: str, focus: tuple[float, float]
) -> Frame:
    """How a picture of `size` becomes one of `target`.

    - "cover" fills the target and cuts off what is too much, with `focus` (x and y, 0 to 1)
      as near to the middle as the edges allow. What is larger by less than one step of a
      model's grid is only cut, not scaled: the pixels stay as the model drew them.
    - "contain" shows the whole picture in the middle of the target.
    - "stretch" ignores the ratio.
    """
    (width, height), (across, down) = size, target
    whole = (0.0, 0.0, float(width), float(height))
    if fit == "stretch":
        return Frame(whole, target)
    if fit == "contain":
        scale = min(across / width, down / height)
        inside = _side(width * scale, across), _side(height * scale, down)
        return Frame(whole, inside, ((across - inside[0]) // 2, (down - inside[1]) // 2))
    if _slightly_larger(width, across) and _slightly_larger(height, down):
        left = round(_start(width, across, focus[0]))
        top = round(_start(height, down, focus[1]))
        return Frame((left, top, left + across, top + down), target)
    scale = max(across / width, down / height)
    # min: division and multiplication may end a hair beyond the edge.
    used = min(across / scale, width), min(down / scale, height)
    x, y = _start(width, used[0], focus[0]), _start(height, used[1], focus[1])
    return Frame((x, y, min(x + used[0], width), min(y + used[1], height)), target)


def _side(length: float, most: int) -> int:
    return max(1, min(most, round(length)))


def _slightly_larger(length: int, asked: int) -> bool:
    excess = length - asked
    return 0 <= excess < GRID_STEP and excess * CROP_SHARE <= asked


def _start(length: int, used: float, focus: float) -> float:
    """Where the used part begins so that the focus is in its middle, if there is room."""
    return min(max(focus * length - used / 2, 0.0), length - used)
