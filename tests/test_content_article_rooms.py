"""Words, meta texts, addresses and links of articles."""

from __future__ import annotations

import pytest

from creative.content import links, meta, words
from creative.content.markdown_html import html
from creative.deadline import Deadline


@pytest.mark.parametrize(
    ("text", "count"),
    [("One two three.", 3), ("well-known facts, 3.5 of 1,000", 5), ("a — b–c", 3), ("", 0),
     ("## Heading\n\n- one\n- two\n\n---\n", 3), ("**bold** and [a link](https://x.example/a)", 4),
     ("| a | b |\n|---|---|\n| c | d |", 4), ("日本語の文章。", 6), ("用 Python 写，2 天！", 5),
     ("ภาษาไทย", 2), ("हिन्दी में लेख", 3), ("Größe café naïve", 3), ("한국어 단어 세기", 3),
     ("`code` and ~~gone~~", 3), ("[[link: water hardness]]", 2)],
)  # fmt: skip
def test_words_are_counted_as_each_language_does(text: str, count: int) -> None:
    assert words.count(text) == count


@pytest.mark.parametrize(
    ("keyword", "text", "times"),
    [("espresso machine", "Espresso machines: an Espresso-Machine.", 2), ("tea", "steam teapot", 0),
     ("咖啡机", "好的咖啡机，咖啡 机", 2), ("ＣＲＭ", "crm software", 1), ("", "text", 0),
     ("c++", "c++ c", 1)],
)  # fmt: skip
def test_a_keyword_is_found_as_a_whole_phrase(keyword: str, text: str, times: int) -> None:
    assert words.uses(keyword, text) == times


def test_density_and_stuffing_are_told() -> None:
    text = "Buy tea here. " * 10 + "word " * 70
    [tea, cup] = words.keyword_use(["tea", "cup"], text)
    assert (tea.count, tea.density, tea.warning) == (10, 10.0, "stuffed")
    assert (cup.count, cup.density, cup.warning) == (0, 0.0, "not used")
    [few] = words.keyword_use(["tea"], "tea tea tea and " + "word " * 30)
    assert few.warning == ""


def test_lengths_in_chinese_and_japanese_are_longer() -> None:
    assert [words.scaled(100, tag) for tag in ("en", "zh", "zh-Hant", "ja")] == [100, 170, 170, 220]
    assert (words.unit("ja"), words.unit("ko")) == ("characters", "words")


def test_a_meta_title_ends_between_words_within_60_columns() -> None:
    long = "How to choose a really good espresso machine for a small kitchen at home"
    cut = meta.title(long)
    assert long.startswith(cut)
    assert meta.columns(cut) <= 60
    assert cut.split() == long.split()[: len(cut.split())]
    assert meta.title("  short\n title ") == "short title"
    wide = "家庭で使うエスプレッソマシンの選び方と手入れの方法をくわしく解説します"
    assert len(meta.title(wide)) == 30
    assert meta.columns(meta.title("x" * 100)) == 60


def test_a_meta_description_is_whole_sentences_if_it_can_be() -> None:
    one, two = "This sentence has quite a few words so that it fills half of it all.", "y " * 80
    assert meta.description(f"{one} And more. {two}") == f"{one} And more."
    cut = meta.description("word " * 60)
    assert cut.endswith("word…")
    assert meta.columns(cut) <= 155
    assert meta.columns(meta.description("長い文" * 60)) <= 155


@pytest.mark.parametrize(
    ("title", "language", "suggested", "slug"),
    [("How to Brew: a Guide!", "en", "", "how-to-brew-a-guide"),
     ("Größe & Übung", "de", "", "groesse-uebung"), ("Größe Übung", "sv", "", "grosse-ubung"),
     ("Máquina de café", "pt", "", "maquina-de-cafe"), ("It’s fine", "en", "", "its-fine"),
     ("咖啡机怎么选", "zh", "How to choose/../", "how-to-choose"),
     ("咖啡机怎么选", "zh", "", "咖啡机怎么选"), ("Кофе", "ru", "<script>", "script"),
     ("!!!", "en", "", "article"), ("word " * 40, "en", "", "word-" * 14 + "word")],
)  # fmt: skip
def test_a_slug_is_plain(title: str, language: str, suggested: str, slug: str) -> None:
    assert meta.slug(title, language, suggested) == slug
    assert len(slug) <= meta.SLUG_CHARACTERS


GIVEN = ("https://a.example/x",)


@pytest.mark.parametrize(
    ("text", "clean"),
    [("See [one](https://a.example/x).", "See [one](https://a.example/x)."),
     ("See [one](HTTPS://A.example/x/ \"t\").", "See [one](https://a.example/x)."),
     ("See [one](https://evil.example).", "See one."),
     ("See https://evil.example/a, then.", "See, then."),
     ("At https://a.example/x.", "At <https://a.example/x>."),
     ("<https://a.example/x>", "<https://a.example/x>"), ("www.evil.example now", " now"),
     ("[x](javascript:alert(1))", "x"), ("![p](https://a.example/x)", ""),
     ("mail mailto:a@b.example", "mail "), ("<b>bold</b> 2 < 3", "bold 2 < 3"),
     ("Ref [a][1]\n\n[1]: https://evil.example\n", "Ref a\n\n"),
     ("[[link: tea]] and [[cups]]", "tea and cups"), ("(https://evil.example)", ""),
     ("[a](//evil.example/x)", "a"), ("\x000\x00", "0")],
)  # fmt: skip
def test_only_given_addresses_stay(text: str, clean: str) -> None:
    assert links.clean(text, GIVEN, internal=False).text == clean


def test_placeholders_stay_on_request_unless_they_hide_an_address() -> None:
    done = links.clean("[[link: tea cups]] [[link: https://evil.example]]", GIVEN, internal=True)
    assert done.text.strip() == "[[link: tea cups]]"
    assert done.placeholders == ("tea cups",)
    assert done.removed == ("https://evil.example",)


def test_html_is_shown_and_scripts_are_no_links() -> None:
    text = "<script>x</script> [a](javascript:x) [b](data:text/html,x) [c](https://a.example)"
    made = html(text, Deadline(30))
    assert "<script" not in made
    assert made.count("href=") == 1
