"""The colours of a picture: jobs for a worker process.

It stands alone because its process imports it before anything else: a package with requests,
pydantic and all of a browser would make the first picture wait for half a second.
"""

from __future__ import annotations

from typing import Any

MAX_COLOURS = 6
SMALL = 64
"""Colours are counted on a picture of so many pixels across and down at most."""


def ready(payload: object, progress: object) -> None:
    """Load what `colours` needs."""
    import PIL.Image
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin
    import PIL.WebPImagePlugin  # noqa: F401


def colours(data: bytes, progress: object) -> list[str]:
    """The colours that a picture is made of, as #rrggbb.

    The most frequent first; near-white and near-black come last, unless half of the picture is
    of them.

    Args:
        data: a PNG, JPEG or WebP.
        progress: not used; every job of a worker takes it.
    """
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (4 * SMALL, 4 * SMALL))  # a JPEG is decoded small
        step = max(1, opened.width // SMALL, opened.height // SMALL // 4)
        shown = Image.new("RGB", (1, 1), "white")
        small = opened.convert("RGBA") if "A" in opened.getbands() else opened.convert("RGB")
        # Every nth pixel, not their mean: the mean of two colours is on no page.
        small = small.resize(
            (max(1, small.width // step), max(1, small.height // step)), Image.Resampling.NEAREST
        )
        if small.mode == "RGBA":
            shown = Image.new("RGB", small.size, "white")
            shown.paste(small, mask=small.getchannel("A"))
        else:
            shown = small
    counted = shown.getcolors(shown.width * shown.height) or []
    return _dominant([(number, colour) for number, colour in counted if isinstance(colour, tuple)])


def _dominant(counted: list[tuple[int, tuple[int, ...]]]) -> list[str]:
    """Colours so near that nobody tells them apart count as the most frequent of them."""
    total = sum(number for number, _ in counted) or 1
    groups: list[list[Any]] = []
    for number, colour in sorted(counted, reverse=True)[:4096]:
        for group in groups:
            if sum((a - b) ** 2 for a, b in zip(group[1], colour, strict=True)) < 32**2:
                group[0] += number
                break
        else:
            if len(groups) < 64:
                groups.append([number, colour])
    groups.sort(key=lambda group: -group[0])

    def plain(group: list[Any]) -> bool:
        grey = max(group[1]) < 24 or min(group[1]) > 231
        return grey and group[0] < total / 2

    kept = [group for group in groups if group[0] * 500 >= total]
    ordered = [one for one in kept if not plain(one)] + [one for one in kept if plain(one)]
    return ["#{:02x}{:02x}{:02x}".format(*group[1]) for group in ordered[:MAX_COLOURS]]
