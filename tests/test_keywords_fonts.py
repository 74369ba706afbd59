"""Fonts that have the letters, and lines of text."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import features

from creative import fonts
from creative.fonts import Fonts
from creative.keywords.sheet import Sheet

LATIN = "Größe, coração, plněný, żółw"
CHINESE = "关键词聚类 軟體"
JAPANESE = "東京 ホテル 安い"


def font_with(text: str) -> Path:
    """A font file of this machine that has all of `text`."""
    found = Fonts().lettering(text)
    if found is None or found.face is None:
        pytest.skip(f"no font with {text} on this machine")
    return found.face


# Fonts


def test_a_font_without_the_letters_is_not_used() -> None:
    only_pillow = Fonts([])
    assert only_pillow.lettering("plain text 123") is not None
    for text in (LATIN, CHINESE, JAPANESE, "กรุงเทพ"):
        assert only_pillow.lettering(text) is None


@pytest.mark.parametrize("text", [LATIN, CHINESE, JAPANESE])
def test_each_sign_of_a_written_text_has_a_picture_of_its_own(text: str) -> None:
    face = font_with(text)
    found = Fonts([face]).lettering(text)
    assert found is not None
    assert found.text == text
    font = Fonts().sized(face, 30)
    assert font is not None
    drawn = {sign: bytes(font.getmask(sign)) for sign in set(text) - {" "}}
    assert len(set(drawn.values())) == len(drawn), "the same picture for two signs: boxes"


def test_a_symbol_that_no_font_has_is_left_out_and_a_letter_never() -> None:
    found = Fonts([]).lettering("🍰 cake ☕️  shop")
    assert found is not None
    assert found.text == "cake shop"
    assert Fonts([]).lettering("🍰") is None
    assert Fonts([]).lettering("cake 蛋糕") is None


def test_accents_written_apart_are_put_together() -> None:
    face = font_with("é")
    found = Fonts([face]).lettering("cafe\u0301")
    assert found is not None
    assert found.text == "café"


@pytest.mark.parametrize(
    "text", ["👨‍👩‍👧", "🇩🇪", "\u200d\u200d", "\ufeff", "\u00ad", "🏴\U000e0067\U000e007f"]
)
def test_what_leaves_no_ink_is_no_text(text: str) -> None:
    """A family of emoji without a font is nothing, not the joiners that hold it together."""
    assert Fonts([]).lettering(text) is None
    assert Fonts([font_with(CHINESE)]).lettering(text) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("👨‍👩‍👧 cake", "cake"),
        ("top 3\ufe0f\u20e3 cakes", "top 3 cakes"),
        ("👍🏽 cake", "cake"),
        ("🏴\U000e0067\U000e0062\U000e007f cake", "cake"),
        ("A\u20dd cake", "A cake"),
    ],
)
def test_an_emoji_goes_as_a_whole(text: str, written: str) -> None:
    for files in ([], [font_with(CHINESE)]):
        found = Fonts(files).lettering(text)
        assert found is not None
        assert found.text == written


def test_a_mark_that_a_font_lacks_is_missed() -> None:
    """Alone it is drawn on a dotted circle, which hides the box from who looks for one."""
    face = next(
        (one for one in fonts.package_fonts() if one.name.startswith("NotoSansCJKjp")), None
    )
    if face is None:
        pytest.skip("no font that lacks the dot below")
    assert Fonts()._has(face, "a")
    assert not Fonts()._has(face, "\u0323")


def test_only_what_is_left_out_is_told() -> None:
    face = font_with("é©")
    kept = Fonts([face]).lettering("cafe\u0301  ©\ufe0f")
    assert kept is not None
    assert not kept.lost
    other = Fonts([face]).lettering("café 👨‍👩‍👧")
    assert other is not None
    assert other.lost


@pytest.mark.parametrize("text", ["q\u0323\u0307", "x\u030c", "m\u0302"])
def test_a_mark_stands_on_its_letter_or_the_text_is_not_written(text: str) -> None:
    """Fonts of Han have some marks and no place for them: beside the letter, or as a box."""
    written = []
    for face in [*fonts.package_fonts(), *fonts.package_fonts("bold"), *fonts.system_fonts()[:12]]:
        found = Fonts([face]).lettering(text)
        font = Fonts().sized(face, 60)
        if found is None or found.face is None or font is None:
            continue
        assert font.getlength(text) < 1.15 * font.getlength(text[0]), face.name
        assert font.getbbox(text)[2] < font.getbbox(text[0])[2] + 12, face.name
        written.append(face.name)
    able = [one for one in fonts.system_fonts() if one.name == "DejaVuSans.ttf"]
    assert written or not (able and features.check("raqm")), "this font sets marks"


def test_broken_font_files_are_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"\x00\x01\x00\x00 no font at all")
    found = Fonts([broken, tmp_path / "missing.ttf"]).lettering("text")
    assert found is not None
    assert found.face is None


def test_scripts_that_need_shaping_are_not_written_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not features.check("raqm"):
        pytest.skip("this Pillow cannot shape")
    every = Fonts()
    known = [path for path in fonts.system_fonts() if all(every._has(path, s) for s in "שלום")]
    if not known:
        pytest.skip("no Hebrew font on this machine")
    face = known[0]
    assert Fonts([face]).lettering("שלום") is not None
    monkeypatch.setattr(fonts.features, "check", lambda name: name != "raqm")
    assert Fonts([face]).lettering("שלום") is None
    assert Fonts([face]).lettering("plain") is not None


def test_system_fonts_come_in_the_order_of_the_table_then_upright_ones(tmp_path: Path) -> None:
    names = ["Zapf-Bold.ttf", "Zapf-Regular.otf", "deep/DejaVuSans.ttf", "notosans-regular.TTF"]
    for name in [*names, "readme.txt"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = [path.name for path in fonts.system_fonts([tmp_path, tmp_path / "missing"])]
    assert found == ["notosans-regular.TTF", "DejaVuSans.ttf", "Zapf-Regular.otf", "Zapf-Bold.ttf"]


# Lines of text


def lines(text: str, width: float, face: Path | None = None) -> list[str]:
    sheet = Sheet(1600, 1200, Fonts([face] if face else []))
    return [line.text for line in sheet.wrap(text, 20, width)]


def test_lines_break_at_spaces_and_long_ones_are_shortened() -> None:
    assert lines("cold brew", 200) == ["cold brew"]
    assert lines("how to make cold brew", 130) == ["how to make", "cold brew"]
    first, second = lines("how to make cold brew coffee at home without a filter", 130)
    assert first == "how to make"
    assert second.startswith("cold")
    assert second.endswith("...")
    (word,) = lines("x" * 100, 130)
    assert word.endswith("...")


def test_a_long_word_gets_more_room_before_it_is_cut() -> None:
    assert lines("rechtsschutzversicherung", 160) == ["rechtsschutzversicherung"]
    assert lines("rechtsschutzversicherung", 80)[0].endswith("...")


def test_japanese_breaks_at_spaces_or_between_words_of_katakana() -> None:
    face = font_with(JAPANESE)
    assert lines("京都 二泊三日 モデルコース", 160, face) == ["京都 二泊三日", "モデルコース"]
    assert lines("京都 紅葉 見頃情報", 140, face) == ["京都 紅葉", "見頃情報"]
    broken = lines("京都観光モデルコースランキング一覧", 160, face)
    assert len(broken) == 2
    assert not broken[0].endswith(("モデ", "モデル", "ラン"))
