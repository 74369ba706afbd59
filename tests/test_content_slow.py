"""What the plugin's own process does with an article takes no time that others would notice."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from creative import languages
from creative.content import links, markup, names, read_document
from creative.content.extract import IN_PROCESS_BYTES

HOSTILE = {
    "tags": "<div ",
    "tags with values": '<a href="',
    "comments": "<!--",
    "one run": "A",
    "Han": "王",
    "at signs": "a@",
    "links": "](a",
    "roles": "neighbour-",
    "names": "Anna de la ",
}


def seconds(work: Callable[[], object]) -> float:
    """Of processor time, the best of three."""

    def once() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize("sign", HOSTILE.values(), ids=HOSTILE)
def test_an_article_that_is_read_here(sign: str) -> None:
    text = "A bridge. " + sign * (IN_PROCESS_BYTES // len(sign.encode()))

    def work() -> None:
        read_document(text, kind="html")
        names.find(text)

    names.find("x")
    assert seconds(work) < 0.2


@pytest.mark.parametrize("sign", ["<div ", '<a href="', "<!--"])
def test_markup_that_never_ends_takes_linear_time(sign: str) -> None:
    assert seconds(lambda: markup.read("<p>A bridge.</p>" + sign * 40_000)) < 1.0


def test_text_with_lone_signs_stays() -> None:
    found = markup.read("<p>A bridge.</p>1 < 2 and 3 < 4")
    assert [part.text for part in found.parts] == ["A bridge.", "1 < 2 and 3 < 4"]
    found = markup.read("<p>A bridge.</p><!-- <p>hidden</p>")
    assert [part.text for part in found.parts] == ["A bridge."]
    found = markup.read("<!-- a --><p>A bridge.</p><!-- b --><p>A boat.</p>")
    assert [part.text for part in found.parts] == ["A bridge.", "A boat."]
    found = markup.read("<script>a = '<!--'</script><p>A bridge.</p><script><!-- </script>A boat.")
    assert [part.text for part in found.parts] == ["A bridge.", "A boat."]


def test_names_in_long_texts() -> None:
    text = "A Le  Creuset pot, a ŠKODA, and Lego. " + "Flour and water in a bowl. " * 2000
    assert set(names.find(text).trademarks) >= {"Le  Creuset", "Lego"}
    assert seconds(lambda: names.find(text)) < 1.0


def test_an_address_is_no_prose() -> None:
    mail = "info@example.de kontakt@example.de "
    assert languages.detect(mail + "The river is under the bridge and it is wide.") == "en"
    assert seconds(lambda: languages.detect("a" * 20_000)) < 0.1


@pytest.mark.parametrize("sign", [" ", "\t", "[a](", "//a()", "[[a "])
def test_a_long_answer_is_cleaned_in_linear_time(sign: str) -> None:
    text = "a" + sign * (60_000 // len(sign)) + "b"
    assert seconds(lambda: links.clean(text, ["https://a.example"], internal=True)) < 0.5
    assert links.clean("one  two , three .", [], internal=False).text == "one two, three."
