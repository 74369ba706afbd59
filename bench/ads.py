"""Pictures of ads: how fast, how much memory, beside a naive drawing with the same library.

    python -m bench.ads [--variants 12] [--rounds 3]

A campaign of --variants variants in five sizes (landscape, square, story, rectangle,
leaderboard), half on a photograph of 12 megapixels, half on generated grounds, in four languages.
"ours" is the whole way of the plugin: jobs to a child process and back, layouts, line breaks,
contrast measured, files. "naive" draws in this process what people write first: the photograph
cut from the middle, a fixed dark band, the headline wrapped at a fixed number of characters in a
fixed size, a button, JPEG of quality 90: no fitting, no measuring, no limits.

Shown: milliseconds per picture (median and worst of --rounds), variants of five sizes per second,
our time as a multiple of the naive one, the same in processor time (which other work on the
machine does not stretch), and the memory of the child (proportional set size, its peak; both
Linux only).
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import textwrap
import threading
import time
from pathlib import Path
from typing import NamedTuple

from creative.ads.draw import DrawJob, artist, draw
from creative.deadline import Deadline
from creative.fonts import Fonts
from creative.steps import Phase, Steps


class Size(NamedTuple):
    """A picture's rule."""

    width: int
    height: int
    max_kb: int
    safe_area: tuple[int, int, int, int] = (0, 0, 0, 0)
    formats: tuple[str, ...] = ("jpeg", "png")


SIZES = (
    Size(1200, 628, 5120),
    Size(1080, 1080, 5120),
    Size(1080, 1920, 5120, (270, 0, 380, 0)),
    Size(300, 250, 150),
    Size(728, 90, 150),
)
TEXTS = (
    ("de", "Haftpflicht vergleichen und bis zu 480 € sparen", "In zwei Minuten.", "Vergleichen"),
    (
        "zh-Hans",
        "10 分钟完成关键词分析，让广告效果翻倍",
        "无需编程，直接生成广告素材。",
        "免费试用",
    ),
    ("ja", "もう迷わない。東京のホテルを最安値で予約", "今すぐ空室を確認できます。", "空室を見る"),
    (
        "pt",
        "Economize até 40 % na sua próxima viagem",
        "Cancele até 48 h antes.",
        "Reservar",
    ),
)
LIMIT_MS, LIMIT_MB = 120, 300


def photograph() -> bytes:
    """A photo-like JPEG of 4000 x 3000 pixels."""
    from PIL import Image

    across = Image.linear_gradient("L").resize((4000, 3000))
    grain = Image.effect_noise((4000, 3000), 14)
    bands = [Image.blend(across.rotate(90 * turn), grain, 0.25) for turn in range(3)]
    made = io.BytesIO()
    Image.merge("RGB", bands).save(made, "JPEG", quality=88)
    return made.getvalue()


def jobs(variants: int, photo: bytes) -> list[DrawJob]:
    """Five pictures for each variant; every other one has the photograph as its ground."""
    made = []
    for number in range(1, variants + 1):
        language, headline, text, cta = TEXTS[number % len(TEXTS)]
        ground, kind = (photo, "source") if number % 2 else (b"", "layout")
        made += [
            DrawJob(
                copy_id=f"custom-{number}", platform="custom", variant_number=number,
                brand="Studio", headline=headline, text=text, cta=cta, language=language,
                colours=("#0b3d91", "#ffb020"), logo=b"", background=ground,
                background_kind="source" if kind == "source" else "layout", picture=size,
            )
            for size in SIZES
        ]  # fmt: skip
    return made


def naive(job: DrawJob, fonts: Fonts) -> bytes:
    """The same picture as people first write it."""
    from PIL import Image, ImageDraw, ImageOps

    size = (job.picture.width, job.picture.height)
    if job.background:
        image = ImageOps.fit(Image.open(io.BytesIO(job.background)).convert("RGB"), size)
    else:
        image = Image.new("RGB", size, job.colours[0])
    letters = max(12, min(size) // 12)
    lettering = fonts.lettering(job.headline)
    font = fonts.sized(lettering.face, letters) if lettering else None
    pen = ImageDraw.Draw(image, "RGBA")
    pen.rectangle((0, size[1] // 2, size[0], size[1]), fill=(0, 0, 0, 150))
    pen.multiline_text((20, size[1] // 2 + 10), textwrap.fill(job.headline, 24), "white", font)
    pen.rounded_rectangle((20, size[1] - 60, 220, size[1] - 15), 10, fill=job.colours[1])
    pen.text((40, size[1] - 55), job.cta, "black", font)
    made = io.BytesIO()
    image.save(made, "JPEG", quality=90)
    return made.getvalue()


def memory(pid: int | None) -> float:
    """Proportional set size of a process now, in megabytes; 0 where nobody tells it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:"))


def processor(pid: int | None) -> float:
    """Processor time that a process has used, in seconds; 0 where nobody tells it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watched(peak: list[float], ended: threading.Event) -> None:
    """Note the child's highest memory until `ended`."""
    while not ended.wait(0.01):
        peak[0] = max(peak[0], memory(artist.pid))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--variants", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    wanted = jobs(options.variants, photograph())
    peak, ended = [0.0], threading.Event()
    watcher = threading.Thread(target=watched, args=(peak, ended), daemon=True)
    watcher.start()
    fonts = Fonts(weight="bold")
    ours: list[float] = []
    theirs: list[float] = []
    work: list[tuple[float, float]] = []
    first = 0.0
    for number in range(options.rounds + 1):
        began, used = time.perf_counter(), processor(artist.pid)
        with Steps().step(Phase.SAVE, "Drawing", until=98) as step:
            drawn = draw(wanted, Deadline(600), step)
        took = (time.perf_counter() - began) * 1000 / len(drawn)
        spent = (processor(artist.pid) - used) * 1000 / len(drawn)
        began, used = time.perf_counter(), time.process_time()
        for job in wanted:
            naive(job, fonts)
        other = (time.perf_counter() - began) * 1000 / len(wanted)
        if number:
            ours.append(took)
            theirs.append(other)
            work.append((spent, (time.process_time() - used) * 1000 / len(wanted)))
        else:
            first = took  # the child starts, fonts are opened
    ended.set()
    watcher.join()
    middle, usual = statistics.median(ours), statistics.median(theirs)
    busy, simple = (statistics.median(pair[side] for pair in work) for side in (0, 1))
    lowest = min(one.contrast for one in drawn)
    met = middle < LIMIT_MS and peak[0] < LIMIT_MB
    for name, said in (
        ("pictures", f"{len(wanted)} a round, lowest contrast {lowest:.1f}:1"),
        ("ours", f"{middle:.0f} ms per picture (worst round {max(ours):.0f}, first {first:.0f})"),
        ("variants", f"{1000 / middle / len(SIZES):.1f} per second, five sizes each"),
        ("naive", f"{usual:.0f} ms per picture; ours takes {middle / usual:.2f} times as long"),
        ("processor", f"{busy:.0f} ms per picture, naive {simple:.0f}: {busy / simple:.2f} times"),
        ("memory", f"{peak[0]:.0f} MB at most in the child"),
        ("aims", f"under {LIMIT_MS} ms, {LIMIT_MB} MB: {'met' if met else 'MISSED'}"),
    ):
        print(f"{name:12}{said}")
    artist.stop()


if __name__ == "__main__":
    main()
