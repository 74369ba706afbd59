"""Markdown as a page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from creative import capture
from creative.capture.markdown import page as rendered
from creative.capture.markdown import render
from creative.deadline import Deadline
from creative.errors import DeadlineExceeded
from tests.captures import colour, needs_browser, pixels, shoot

TEXT = """# Größe & *ideas*

| name | price |
|------|------:|
| Tea  | 5 €   |

~~old~~ `code` <b>not bold</b> <script>document.title = 'owned'</script>

> quoted

<div onclick="x">block</div>

[good](https://example.com) [bad](javascript:alert(1)) ![picture](https://example.com/a.png)
"""


@pytest.fixture(scope="module", autouse=True)
def browsers() -> Iterator[None]:
    yield
    capture.close()


def html(text: str) -> str:
    return render(text, lambda fraction, label: None).decode()


def test_what_becomes_of_it() -> None:
    made = html(TEXT)
    assert "<title>Größe &amp; ideas</title>" in made
    for part in (
        "<h1>Größe &amp; <em>ideas</em></h1>",
        "<th>name</th>",
        "<s>old</s>",
        "<code>code</code>",
        "<blockquote>",
        '<a href="https://example.com">good</a>',
        '<img src="https://example.com/a.png" alt="picture"',
    ):
        assert part in made


def test_html_in_it_is_shown_not_obeyed() -> None:
    made = html(TEXT)
    assert "&lt;script&gt;" in made
    assert "&lt;div onclick=" in made
    for harm in ("<script", "<b>not", "<div onclick", 'href="javascript:'):
        assert harm not in made


@pytest.mark.parametrize("text", ["", "plain", "\ud83d half", "# ", "\x00", "[" * 20_000])
def test_odd_texts(text: str) -> None:
    assert html(text).startswith("<!doctype html>")


class TestPictures:
    pytestmark = needs_browser

    def test_on_paper_and_in_the_dark(self) -> None:
        bright = shoot(markdown=TEXT, width=600, height=400)
        dark = shoot(markdown=TEXT, width=600, height=400, dark_mode=True)
        assert bright.title == "Größe & ideas"
        assert (bright.status, bright.final_url) == (0, "")
        assert colour(bright) == (255, 255, 255)
        assert sum(colour(dark)) < 100
        # There is something to read in both: nearly black there, nearly white here.
        assert sum(pixels(bright).convert("L").histogram()[:60]) > 100
        assert sum(pixels(dark).convert("L").histogram()[200:]) > 100

    def test_lines_are_not_longer_than_one_can_read(self) -> None:
        shot = pixels(shoot(markdown="word " * 2000, width=1600, height=300))
        assert shot.getpixel((200, 100)) == (255, 255, 255)
        left, _, right, _ = shot.convert("L").point(lambda grey: grey < 200 and 255).getbbox() or (
            0, 0, 1600, 0,
        )  # fmt: skip
        assert 600 < right - left < 800
        assert abs((left + right) / 2 - 800) < 20


def test_a_long_one_leaves_the_process_free() -> None:
    text = "# Title\n\n" + "A *line* with `code` and a [link](https://example.com).\n\n" * 20_000
    made: list[bytes] = []
    reader = threading.Thread(target=lambda: made.append(rendered(text, Deadline(120))))
    before = time.process_time()
    reader.start()
    reader.join()
    assert made[0].count(b"<p>") == 20_000
    # Here it was only handed over; 1 MB takes a second to render.
    assert time.process_time() - before < 0.3


def test_one_that_takes_too_long_ends_with_the_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        rendered("*a " * 200_000, Deadline(0.3))
