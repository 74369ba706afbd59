"""Token estimates beside real counts; long texts in pieces."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import regex  # type: ignore[import-untyped]
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from creative.tokens import LEAST_TOKENS, count, sentences, split

COUNTED = yaml.safe_load(Path(__file__).with_name("tokens.yaml").read_text("utf-8"))


@pytest.mark.parametrize("row", COUNTED, ids=lambda row: row["name"])
def test_the_estimate_is_on_the_safe_side_and_not_far_off(row: dict[str, Any]) -> None:
    counted = sorted(row[name] for name in ("cl100k", "qwen", "claude2", "mistral"))
    assert counted[-1] <= count(row["text"]) <= 1.6 * counted[1]


def test_nothing_costs_nothing() -> None:
    assert count("") == 0
    assert split("", LEAST_TOKENS) == []
    with pytest.raises(ValueError, match="most_tokens is 15"):
        split("text", LEAST_TOKENS - 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "Dr. Smith went home. He paid $3.50! Then, e.g. at 5 p.m. sharp, he slept.",
            ["Dr. Smith went home. ", "He paid $3.50! ", "Then, e.g. at 5 p.m. sharp, he slept."],
        ),
        (
            "Das ist z. B. am 3. März so. Nr. 5 lebt. „Wirklich?“ Ja.",
            ["Das ist z. B. am 3. März so. ", "Nr. 5 lebt. ", "„Wirklich?“ ", "Ja."],
        ),
        (
            "O Sr. Silva chegou. Bom dia! E você?",
            ["O Sr. Silva chegou. ", "Bom dia! ", "E você?"],
        ),
        (
            "これは文です。「そうですか？」と言った。",
            ["これは文です。", "「そうですか？」", "と言った。"],
        ),
        ("多少钱？三百元！好……真的。", ["多少钱？", "三百元！", "好……真的。"]),
        ("Wait... what? yes! it is.", ["Wait... what? yes! it is."]),
        ("# Head\n\nText.\nLine two", ["# Head\n\n", "Text.\n", "Line two"]),
        ("<h2>Head</h2><p>One. Two.</p><p>Three</p>",
         ["<h2>Head</h2>", "<p>One. ", "Two.</p>", "<p>Three</p>"]),
        ("Title\n=====\nText", ["Title\n=====\n", "Text"]),
        ("", []),
        ("no end", ["no end"]),
    ],
)  # fmt: skip
def test_sentences_end_where_people_end_them(text: str, found: list[str]) -> None:
    pieces = sentences(text)
    assert [piece.text for piece in pieces] == found
    assert all(text[piece.start :].startswith(piece.text) for piece in pieces)


ARTICLE = "\n\n".join(
    f"## Part {part}\n\n" + "\n\n".join(
        " ".join(f"Sentence {n} of paragraph {paragraph} is here." for n in range(4))
        for paragraph in range(3)
    )
    for part in range(5)
)  # fmt: skip


def test_an_article_is_cut_at_its_headings() -> None:
    part = count(ARTICLE) // 5
    pieces = split(ARTICLE, int(part * 1.4))
    assert [piece.text[:9] for piece in pieces] == [f"## Part {n}" for n in range(5)]


def test_paragraphs_come_before_sentences_and_those_before_words() -> None:
    paragraph = count(ARTICLE) // 15
    assert all(p.text.endswith(".\n\n") for p in split(ARTICLE, paragraph * 2)[:-1])
    assert all(p.text.endswith((". ", ".\n\n")) for p in split(ARTICLE, paragraph // 2)[:-1])
    assert all(p.text.endswith((" ", "\n")) for p in split(ARTICLE, LEAST_TOKENS)[:-1])


@pytest.mark.parametrize("most", [LEAST_TOKENS, 30, 50, 90, 200])
def test_headings_stay_with_what_follows(most: int) -> None:
    for piece in split(ARTICLE, most):
        last = piece.text.strip().splitlines()[-1]
        assert not last.startswith("#"), piece


_parts = st.sampled_from(
    [
        "A short one. ", "Quite a bit longer, this one is! ", "これは文です。", "多少钱？", "\n",
        "\n\n", "\r\n\r\n", "# Head\n", "\n## Two\n\n", "<h2>x</h2>", "</p>", "👩‍👩‍👧", "é",
        "e\u0301", "🇧🇷🇯🇵", "\ud83d\ude00", "Donaudampfschifffahrtsgesellschaftskapitänswitwe",
        " ", "각", "...", "z. B. ",
    ]
)  # fmt: skip


@given(st.lists(_parts | st.text(max_size=12), max_size=40), st.integers(LEAST_TOKENS, 60))
@settings(max_examples=400, deadline=None)
def test_pieces_are_the_text_each_small_enough_cut_between_characters(
    parts: list[str], most: int
) -> None:
    text = "".join(parts)
    pieces = split(text, most)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text and count(piece.text) <= most for piece in pieces)
    starts = {found.start(): found.group() for found in regex.finditer(r"\X", text)}
    at = 0
    for piece in pieces:
        assert piece.start == at
        inside = [g for s, g in starts.items() if s < at < s + len(g)]
        assert not inside or count(inside[0]) > most
        assert not ("\ud800" <= text[at - 1 : at] <= "\udbff" and "\udc00" <= text[at] <= "\udfff")
        at += len(piece.text)
    assert "".join(one.text for one in sentences(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "." * 400_000, " " * 400_000, "<h1>" * 100_000, "\n#" * 200_000, "a" * 400_000,
        "x\n--\n" * 80_000,
    ],
    ids=lambda text: repr(text[:4]),
)  # fmt: skip
def test_nonsense_takes_no_time(text: str) -> None:
    began = time.process_time()
    assert "".join(piece.text for piece in split(text, 1000)) == text
    assert time.process_time() - began < 10
