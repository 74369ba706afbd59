"""The size plan: what the model draws, a second pass, and how that becomes the exact picture.

A model draws well only on its grid, around the area it was trained on and within a range of
ratios (families.yaml). So the plan picks a size to draw from the wanted one:

- the wanted size itself, rounded up to the grid, where the model can draw it: the surplus of
  some pixels is cut off and nothing is resampled;
- a larger one where the wanted size is too small, a smaller one where it is too large, of the
  same ratio as far as the model goes;
- for a target far above what is drawn: a second pass (highres), then an upscaler.

What remains is done by `creative.images.finish`, exactly to the pixel.
"""

from __future__ import annotations

import math
from itertools import product

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput
from creative.images.families import Rule
from creative.images.request import Fit, Highres, Placement, Redraw
from creative.images.size import MAX_SIDE, MIN_SIDE, Size

MAX_FILE_BYTES = 30 * 1024 * 1024
"""Dify accepts no larger file (its chunk merger's limit)."""
SECOND_PASS_FROM = 1.3
"""Enlargement from which a second pass is worth its time; below, Lanczos is as good."""
SECOND_PASS_MOST = 2.0
"""A second pass draws at most this many times as large: beyond, it repeats the subject."""
UPSCALER_FROM = 1.5
"""Enlargement that is left to an upscaler, where there is one."""


class Plan(BaseModel):
    """How the exact picture comes about. All sizes in pixels."""

    model_config = ConfigDict(frozen=True)

    draw_width: int
    draw_height: int
    second_pass: tuple[int, int] | None = Field(None, description="size of the highres pass")
    upscale: bool = Field(False, description="an upscaler enlarges what is then missing")
    width: int = Field(description="of the finished picture")
    height: int = Field(description="of the finished picture")
    fit: Fit = Fit.COVER
    rule: str = Field("", description="whose rule was followed")
    notes: tuple[str, ...] = ()

    @property
    def drawn(self) -> tuple[int, int]:
        """Size of what the engine hands over before any upscaler."""
        return self.second_pass or (self.draw_width, self.draw_height)

    @property
    def enlargement(self) -> float:
        """How many times larger the finished picture is than what the engine drew."""
        return _enlargement(self.width, self.height, *self.drawn, self.fit)

    @property
    def untouched(self) -> bool:
        """Whether what is drawn is the finished picture."""
        return not self.upscale and self.drawn == (self.width, self.height)

    def check_file(self, placement: Placement) -> None:
        """Refuse, before anything is drawn, a format in which the file may be too large for Dify.

        A PNG of noise has as many bytes as its pixels; `auto` takes a smaller format by itself.

        Raises:
            InvalidInput: image_format is png and the picture has more than 10 million pixels.
        """
        channels = 4 if placement.background == "transparent" else 3
        if placement.image_format == "png" and self.width * self.height * channels > MAX_FILE_BYTES:
            raise InvalidInput(
                "image_format",
                f"png at {self.width}x{self.height}",
                "auto, jpeg or webp for a picture of this size: as PNG it can be over the 30 MB "
                "that Dify accepts",
            )

    def summary(self) -> str:
        """One line for people."""
        parts = [f"drawn at {self.draw_width}x{self.draw_height}"]
        if self.second_pass:
            parts.append("second pass to {}x{}".format(*self.second_pass))
        if self.upscale:
            parts.append("enlarged by an upscaler")
        if not self.untouched:
            parts.append(f"brought to {self.width}x{self.height} ({self.fit.value})")
        return ", ".join(parts)


def plan(
    size: Size,
    rule: Rule,
    fit: Fit = Fit.COVER,
    highres: Highres = Highres.AUTO,
    second_pass: bool = False,
    upscaler: bool = False,
    redraw: Redraw | None = None,
) -> Plan:
    """The plan for a size under a rule.

    Args:
        size: what is wanted; without pixels, the model's own area is used.
        rule: what may be drawn.
        fit: how the drawn picture is brought to the size.
        highres: whether a second pass is wanted.
        second_pass: whether the engine can draw one.
        upscaler: whether the engine has an upscaler to use.
        redraw: sizes of an earlier picture, kept where the engine can draw them.
    """
    notes = []
    exact = size.exact or _open(size, rule)
    width, height = exact
    two_passes = second_pass and rule.max_second_pass > 0 and highres is not Highres.OFF
    if redraw is not None and rule.on_grid(*redraw.first_pass):
        return _again(redraw, exact, rule, fit, second_pass, upscaler)
    if redraw is not None:
        notes.append("infotext: its size cannot be drawn here, so the picture will differ")
    draw = _drawable(width, height, rule, fit, two_passes)
    if highres is Highres.ON and not two_passes:
        notes.append("highres: this engine draws no second pass; it was left out")
    larger = None
    factor = _enlargement(width, height, *draw, fit)
    if two_passes and (highres is Highres.ON or factor >= SECOND_PASS_FROM):
        # Asked for and not needed: half as large again, then reduced, is what brings detail.
        wanted = factor if factor >= SECOND_PASS_FROM else 1.5
        larger = _larger(draw, min(wanted, SECOND_PASS_MOST), rule)
    drawn = larger or draw
    left = _enlargement(width, height, *drawn, fit)
    upscale = upscaler and left > UPSCALER_FROM
    if left > UPSCALER_FROM and not upscale:
        notes.append(
            f"size: {width}x{height} is {left:.1f} times what was drawn and was enlarged by "
            "plain resampling; an upscaler gives more detail"
        )
    ratio = _long_by_short(width, height)
    if not rule.sizes and ratio > rule.longest_ratio:
        notes.append(
            f"size: the ratio of {width}x{height} is beyond what {rule.name} draws "
            f"({rule.longest_ratio:g}:1); {draw[0]}x{draw[1]} was drawn instead"
        )
    return Plan(
        draw_width=draw[0],
        draw_height=draw[1],
        second_pass=larger,
        upscale=upscale,
        width=width,
        height=height,
        fit=fit,
        rule=rule.name,
        notes=tuple(notes),
    )


def _again(
    redraw: Redraw,
    exact: tuple[int, int],
    rule: Rule,
    fit: Fit,
    second_pass: bool,
    upscaler: bool,
) -> Plan:
    """The sizes of an earlier picture, whatever area this plan would have chosen."""
    larger = redraw.second_pass if second_pass else None
    left = _enlargement(*exact, *(larger or redraw.first_pass), fit)
    lost = redraw.second_pass is not None and larger is None
    return Plan(
        draw_width=redraw.first_pass[0],
        draw_height=redraw.first_pass[1],
        second_pass=larger,
        upscale=upscaler and left > UPSCALER_FROM,
        width=exact[0],
        height=exact[1],
        fit=fit,
        rule="infotext",
        notes=("infotext: this engine draws no second pass; it was left out",) if lost else (),
    )


def _long_by_short(width: int, height: int) -> float:
    return max(width, height) / min(width, height)


def _enlargement(width: int, height: int, from_width: int, from_height: int, fit: Fit) -> float:
    across, down = width / from_width, height / from_height
    return min(across, down) if fit is Fit.CONTAIN else max(across, down)


def _open(size: Size, rule: Rule) -> tuple[int, int]:
    """The finished size where only a ratio, or nothing, is wanted: what needs no resizing."""
    ratio = size.ratio or 1.0
    if rule.sizes:
        return _listed(ratio, rule.native, rule)
    width = min(max(math.sqrt(rule.native * ratio), MIN_SIDE), MAX_SIDE)
    height = min(max(width / ratio, MIN_SIDE), MAX_SIDE)
    if max(ratio, 1 / ratio) <= rule.longest_ratio:
        scale = min(1.0, rule.max_side / max(width, height))
        scale = max(scale, rule.min_side / min(width, height))
        return _on_grid(width * scale, height * scale, rule, cover=False)
    return round(width), round(height)


def _listed(ratio: float, area: float, rule: Rule) -> tuple[int, int]:
    """The listed size nearest in ratio, then the smallest that is large enough."""

    def distance(size: tuple[int, int]) -> tuple[float, bool, float]:
        own = size[0] * size[1]
        off = round(abs(math.log(size[0] / size[1] / ratio)), 3)
        return off, own < area, abs(own - area)

    return min(rule.sizes, key=distance)


def _drawable(width: int, height: int, rule: Rule, fit: Fit, two_passes: bool) -> tuple[int, int]:
    ratio = width / height
    if rule.sizes:
        return _listed(ratio, width * height, rule)
    if fit is not Fit.CONTAIN:
        # As near as the grid has it: nothing is resampled and the least is cut off.
        up = (
            math.ceil(width / rule.multiple) * rule.multiple,
            math.ceil(height / rule.multiple) * rule.multiple,
        )
        if rule.allows(*up):
            return up
    own = min(max(ratio, 1 / rule.longest_ratio), rule.longest_ratio)
    wide: float = width
    high: float = height
    if own != ratio:
        # Beyond the model's ratios: as large as is needed to cover, or to be contained.
        if (ratio > own) == (fit is not Fit.CONTAIN):
            high = width / own
        else:
            wide = height * own
    area = wide * high
    if area > rule.max_area:
        # A second pass makes up for what the first one leaves out.
        scale = math.sqrt((rule.native if two_passes else rule.max_area) / area)
    elif area < rule.min_area:
        scale = math.sqrt(rule.min_area / area)
    else:
        scale = 1.0
    scale = min(scale, rule.max_side / max(wide, high))
    scale = max(scale, rule.min_side / min(wide, high))
    return _on_grid(wide * scale, high * scale, rule, cover=fit is not Fit.CONTAIN)


def _on_grid(width: float, height: float, rule: Rule, cover: bool) -> tuple[int, int]:
    """The allowed size nearest to this one; with `cover`, rather larger than smaller."""
    step = rule.multiple
    ratio = width / height

    def around(side: float, reach: int) -> list[int]:
        # A side that is a whole number of steps but for rounding is that number.
        base = math.floor(side / step + 1e-6)
        return [n * step for n in range(max(1, base - reach), base + reach + 2)]

    def distance(size: tuple[int, int]) -> tuple[bool, float, float]:
        small = size[0] < width - 0.01 or size[1] < height - 0.01
        off = 2 * abs(math.log(size[0] / size[1] / ratio))
        area = abs(math.log(size[0] * size[1] / (width * height)))
        # Covering with less than two steps to spare means that nothing has to be resampled.
        spare = size[0] - width < 2 * step and size[1] - height < 2 * step
        return (small or not spare) if cover else False, off + area, area

    for reach in (0, 1, 3, 8, 24):
        sizes = product(around(width, reach), around(height, reach))
        allowed = [size for size in sizes if rule.allows(*size)]
        if allowed:
            return min(allowed, key=distance)
    raise InvalidInput(
        "size",
        f"{width:.0f}x{height:.0f}",
        f"what {rule.name} can draw: {rule.min_side} to {rule.max_side} pixels a side in steps "
        f"of {rule.multiple}, {rule.min_area} to {rule.max_area} pixels in all",
    )


def _larger(draw: tuple[int, int], factor: float, rule: Rule) -> tuple[int, int] | None:
    """The second pass: `factor` times as large, on the grid, within the rule; None if no gain."""
    most = math.sqrt(rule.max_second_pass / (draw[0] * draw[1]))
    factor = min(factor, most)
    if factor < 1.05:
        return None
    step = rule.multiple
    wide, high = (max(step, math.floor(side * factor / step) * step) for side in draw)
    # Rounded up where that stays within the area: the surplus is cut off without resampling.
    up = tuple(math.ceil(side * factor / step - 1e-6) * step for side in draw)
    if up[0] * up[1] <= rule.max_second_pass:
        wide, high = up
    return (wide, high) if wide > draw[0] or high > draw[1] else None
