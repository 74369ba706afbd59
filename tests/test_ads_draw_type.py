"""Line breaks per script, colours that are legible, crops that keep what is to be seen."""

from __future__ import annotations

import numpy
import pytest
from PIL import Image, ImageDraw, features

from creative import fonts
from creative.ads.draw import colour
from creative.ads.draw.breaks import Setter, pieces, shorter
from creative.ads.draw.colour import contrast, scheme, shade
from creative.ads.draw.crop import cover, focus
from creative.ads.draw.layouts import Box, layout_for, layouts
from creative.ads.draw.measure import Ink, against, behind, clutter, luminances
from creative.ads.draw.measure import contrast as measured
from creative.ads.draw.save import save
from creative.ads.draw.typography import Text, han_language
from creative.errors import InvalidInput


def lines(text: str, language: str, room: float, *names: str) -> list[str]:
    """`text` in lines of `room` ems: Han and kana are one wide, the rest half."""

    def wide(part: str) -> float:
        return sum(1.0 if sign > "\u2e80" else 0.5 for sign in part)

    return [line.text for line in Setter(text, language, wide, names).lines(room)]


# Lines


def test_latin_breaks_at_spaces_into_even_lines() -> None:
    assert lines("Fresh coffee at your door tomorrow", "en", 8) == [
        "Fresh coffee",
        "at your door",
        "tomorrow",
    ]
    # As full as it can be, the first line would leave a single word for the last.
    assert lines("one two three four five six", "en", 12) == ["one two three", "four five six"]


def test_a_number_stays_with_its_unit() -> None:
    for text, whole in (
        ("nur heute für 12 € im Monat", "12\u00a0€"),
        ("já por R$ 99 na loja", "R$\u00a099"),
        ("desde 1 200 km até 40 % menos", "40\u00a0%"),
        ("pronto em 10 min ou menos", "10\u00a0min"),
        ("只需 10 分钟完成分析", "10\u00a0分"),
    ):
        assert any(whole in piece.text for piece in pieces(text, "pt")), text


def test_a_german_compound_breaks_where_a_part_ends_and_only_if_it_must() -> None:
    word = "Haftpflichtversicherungsvergleich"
    assert lines(word, "de", 20) == [word]
    assert lines(word, "de", 13) == ["Haftpflicht-", "versicherungsvergleich"]
    assert lines(word, "de", 9) == ["Haftpflicht-", "versicherungs-", "vergleich"]
    assert lines(word, "en", 13) == [], "other languages have no such rule"
    assert lines("Donau\u00addampfer", "de", 4.5) == ["Donau-", "dampfer"]
    assert lines("Donau\u00addampfer", "de", 10) == ["Donaudampfer"]


def test_hyphenated_words_break_behind_the_hyphen_without_another() -> None:
    assert lines("All-inclusive-Urlaub", "de", 7.5) == ["All-inclusive-", "Urlaub"]


def test_no_line_begins_or_ends_with_what_must_not() -> None:
    text = "「東京」のホテル、すぐ予約！そして（割引）あり。今日だけ、ちょっとだけ。"
    for room in range(5, 20):
        for line in lines(text, "ja", room):
            assert line[0] not in "、。！）」っょ", line
            assert line[-1] not in "「（", line
    for room in range(4, 20):
        for line in lines("省时间，更省钱！“现在”就试用（免费）。", "zh-Hans", room):
            assert line[0] not in "，！”）。", line
            assert line[-1] not in "“（", line


def test_japanese_keeps_words_of_katakana_and_ends_lines_behind_phrases() -> None:
    text = "東京のホテルを最安値で予約するならトラベルコンシェルジュ"
    for room in range(11, 30):
        for line in lines(text, "ja", room):
            assert "トラベルコンシェルジュ" in line or "ト" not in line
            assert not line.startswith(("テル", "の", "を", "す", "る"))
            assert not line.endswith(("ホ", "予", "最安"))


def test_a_chinese_line_ends_with_punctuation_where_it_can() -> None:
    assert lines("十分钟完成分析，让效果翻倍", "zh-Hans", 9) == ["十分钟完成分析，", "让效果翻倍"]


def test_no_line_ends_with_a_word_that_asks_for_the_next_one() -> None:
    assert lines("Fresh coffee, roasted today, at your door tomorrow", "en", 12) == [
        "Fresh coffee,",
        "roasted today,",
        "at your door tomorrow",
    ]
    assert not any(part.endswith((" at…", " your…")) for part in shorter("milk at your door", "en"))


def test_a_chinese_line_ends_between_words_where_that_shows() -> None:
    assert lines("让每一分广告预算都花在刀刃上", "zh", 9) == ["让每一分广告预算", "都花在刀刃上"]
    assert lines("直接在工作流里生成广告素材", "zh", 8) == ["直接在工作流里", "生成广告素材"]
    for line in lines("现在下单即可获得免费的试用", "zh", 6):
        assert not line.endswith(("现", "获")), line


def test_a_known_word_and_a_name_stay_whole() -> None:
    assert lines("让每一分广告预算都花在刀刃上", "zh", 5)[:2] == ["让每一分", "广告预算都"]
    asked = "听说过山野茶舍吗？"
    assert lines(asked, "zh", 6, "山野茶舍") == ["听说过", "山野茶舍吗？"]
    asked = "Have you met Spoke & Chain?"
    assert lines(asked, "en", 8, "spoke &  chain") == ["Have you met", "Spoke & Chain?"]
    # Where there is no room for it a name has borders, too.
    assert lines("Spoke & Chain", "en", 4, "Spoke & Chain") == ["Spoke", "& Chain"]


def test_a_polite_prefix_stays_with_its_word() -> None:
    for room in range(7, 16):
        for line in lines("露天風呂つき旅館をお探しですか？月あかりをご存じですか？", "ja", room):
            assert not line.endswith(("お", "ご")), room
    assert "お届け。" in lines("おいしいコーヒーをお届け。ご注文はお早めに", "ja", 8)


def test_few_lines_end_where_sentences_do() -> None:
    told = "もう迷わない。東京のホテルを最安値で"
    assert lines(told, "ja", 11) == ["もう迷わない。", "東京のホテルを最安値で"]
    assert lines("No more doubts. Hotels in Tokyo", "en", 9) == [
        "No more doubts.",
        "Hotels in Tokyo",
    ]


def test_a_single_word_is_not_left_for_the_last_line() -> None:
    setter = Setter("aa bb cc dd eeeeeeeee", "en", lambda part: 0.5 * len(part))
    assert [line.text for line in setter.lines(5.5)] == ["aa bb cc dd", "eeeeeeeee"]
    assert [line.text for line in setter.lines(6)] == ["aa bb cc", "dd eeeeeeeee"]
    assert setter.roughness(5.5) > setter.roughness(6)


def test_a_text_is_shortened_at_its_borders_the_longest_first() -> None:
    found = shorter("Mehr sehen: jetzt Probe fahren", "de")
    assert found[0] == "Mehr sehen: jetzt Probe…"
    assert "Mehr sehen" in found
    assert list(found) == sorted(found, key=len, reverse=True)
    assert "10\u00a0" not in "".join(shorter("nur 10 € heute", "de")[1:])


# Type


def test_han_characters_have_the_forms_of_their_language() -> None:
    if not features.check("raqm"):
        pytest.skip("this Pillow cannot choose forms by language")
    drawn = {}
    for language in ("ja", "zh-Hans", "zh-TW"):
        text = Text("直骨", "headline", language)
        if not text.written:
            pytest.skip("no font with Han characters on this machine")
        mask, _ = text.mask(text.block(40, 1000), "left")
        drawn[language] = bytes(mask.tobytes())
    assert len(set(drawn.values())) > 1
    assert han_language("zh_TW") == han_language("zh-HK") == "zh-Hant"
    assert han_language("zh") == han_language("zh-CN") == "zh-Hans"


def test_a_bold_face_is_taken_if_it_has_the_letters_and_a_regular_one_if_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = fonts.system_fonts(weight="bold")
    if not known:
        pytest.skip("no bold font on this machine")
    monkeypatch.setattr(fonts, "package_fonts", lambda weight="regular": [])
    found = fonts.Fonts(weight="bold").lettering("plain text")
    assert found is not None
    assert found.bold
    assert found.face == known[0]
    monkeypatch.setattr(fonts, "system_fonts", lambda folders=None, weight="regular": [])
    other = fonts.Fonts(weight="bold").lettering("plain text")
    assert other is not None
    assert not other.bold


@pytest.mark.parametrize("size", [11, 17, 40, 93])
def test_a_block_is_as_large_as_it_says(size: int) -> None:
    text = Text("Größe Ürün Çağ gypsum jq", "headline", "de")
    for room in (size * 6, size * 30):
        count = text.lines_needed(size, room)
        block = text.block(size, room)
        assert len(block.lines) == count
        assert block.height == text.height(size, count)
        assert block.width <= room + 1
        mask, pad = text.mask(block, "left")
        box = mask.getbbox()
        assert box
        assert box[0] >= pad - 1
        assert box[1] >= pad
        assert box[2] <= pad + block.width + 1
        assert box[3] <= pad + block.height


# Colours


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    # The example that everybody knows: #767676 is the lightest grey on white that passes.
    assert contrast(colour.parse("#767676"), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)
    assert contrast(colour.parse("#777"), (255, 255, 255)) < 4.5


@pytest.mark.parametrize("text", ["", "red", "#12", "#12345g", "rgb(0,0,0)"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="colours"):
        colour.parse(text)


def test_every_scheme_of_every_brand_can_be_read() -> None:
    chance = numpy.random.default_rng(5)
    brands: list[tuple[str, ...]]
    brands = [(f"#{int(value):06x}",) for value in chance.integers(0, 2**24, 60)]
    brands += [("#ffffff",), ("#000000",), ("#808080",), ("#ffff00", "#ffffff"), ()]
    for brand in brands:
        for variant in range(1, 5):
            made = scheme(brand, variant, 0)
            best = max(
                min(contrast(ink, made.ground), contrast(ink, made.second)) for ink in made.inks
            )
            assert best >= 4.5, (brand, variant)


def test_variants_of_a_brand_have_different_grounds() -> None:
    for brand in (("#0b3d91",), ("#3b2a20", "#d97706"), ("#e4572e",)):
        grounds = [scheme(brand, variant, 0).ground for variant in range(1, 5)]
        assert min(contrast(a, b) for i, a in enumerate(grounds) for b in grounds[:i]) > 1.15, brand


def test_no_colour_is_made_up_for_a_brand_that_has_two() -> None:
    """Cream and brown: a contrasting turquoise would be somebody else's."""
    for variant in range(1, 5):
        made = scheme(("#f5f0e6", "#3b2a20"), variant, 0)
        for one in (made.ground, made.second, made.accent, *made.buttons):
            assert one[0] >= one[2], (variant, one)


def test_a_bright_yellow_is_a_brands_colour_and_white_is_none() -> None:
    grounds = [scheme(("#ffff00",), variant, 0).ground for variant in range(1, 5)]
    assert (255, 255, 0) in grounds
    assert all(one[2] <= one[0] for one in grounds)
    assert scheme(("#ffffff", "#aa0000"), 1, 0).ground == (170, 0, 0)
    assert scheme(("#ffff00",), 1, 0).second[2] < 60, "its second tone is yellow, too"


def test_shades_keep_the_hue() -> None:
    red, green, blue = shade((11, 61, 145), 0.8)
    assert blue > green > red
    assert contrast(shade((11, 61, 145), 0.2), (255, 255, 255)) > 12


# Measures


def letters_on(ground: Image.Image, ink: tuple[int, int, int]) -> tuple[Image.Image, list[Ink]]:
    mask = Image.new("L", (200, 60))
    pen = ImageDraw.Draw(mask)
    for x in range(10, 190, 20):
        pen.rectangle((x, 10, x + 8, 50), fill=255)
    picture = ground.copy()
    picture.paste(ink, (20, 20), mask)
    return picture, [Ink(mask, (20, 20))]


def test_measured_contrast_is_that_of_the_worst_part_of_the_ground() -> None:
    plain = Image.new("RGB", (240, 100), (255, 255, 255))
    assert measured(*letters_on(plain, (118, 118, 118))) == pytest.approx(4.54, abs=0.01)
    # A fifth of the ground is as dark as the letters: the mean is fine, the text is not.
    plain.paste((118, 118, 118), (180, 0, 240, 100))
    assert measured(*letters_on(plain, (118, 118, 118))) < 1.1
    assert against(luminances(plain), (0, 0, 0)) < 5


def checks(size: int, square: int) -> Image.Image:
    """Black and white squares."""
    light = numpy.add.outer(numpy.arange(size) // square, numpy.arange(size) // square) % 2
    return Image.fromarray((light * 255).astype(numpy.uint8)).convert("RGB")


def test_clutter_is_how_much_of_a_picture_is_edges() -> None:
    box = [(Box(40, 40, 360, 200), 24)]
    plain = Image.new("RGB", (400, 400), (90, 90, 90))
    slope = Image.linear_gradient("L").resize((400, 400)).convert("RGB")
    chance = numpy.random.default_rng(1).integers(0, 2, (200, 200, 1), numpy.uint8) * 255
    noise = Image.fromarray(numpy.repeat(chance, 3, axis=2)).resize((400, 400), 0)
    assert clutter(plain, box, 1.0) == clutter(slope, box, 1.0) == 0
    assert clutter(noise, box, 2.0) > 0.7
    below = plain.copy()
    below.paste(noise.crop((0, 240, 400, 400)), (0, 240))
    assert behind(below, box) == 0
    assert 0.25 < clutter(below, box, 2.0) < 0.4, "a busy part counts where no text stands, too"


def test_what_is_as_fine_as_strokes_disturbs_and_what_is_finer_does_not() -> None:
    """The same pattern: a texture to large letters, a mess to small ones."""
    box = Box(50, 50, 550, 550)
    fine = checks(600, 3)
    assert behind(fine, [(box, 144)]) == 0
    assert behind(fine, [(box, 24)]) > 0.5


def test_clutter_is_the_same_in_all_sizes_of_a_picture() -> None:
    small, large = checks(300, 10), checks(900, 30)
    one = clutter(small, [(Box(30, 30, 270, 270), 24)], 1.0)
    other = clutter(large, [(Box(90, 90, 810, 810), 72)], 3.0)
    assert one == pytest.approx(other, abs=0.03)
    assert one > 0.1


# Crops


@pytest.mark.parametrize(("x", "y"), [(80, 300), (520, 300), (300, 80), (300, 520)])
def test_a_crop_keeps_the_subject(x: int, y: int) -> None:
    scene = Image.new("RGB", (600, 600), (200, 210, 220))
    pen = ImageDraw.Draw(scene)
    pen.ellipse((x - 60, y - 60, x + 60, y + 60), fill=(200, 30, 30))
    pen.rectangle((x - 20, y - 20, x + 20, y + 20), fill=(250, 240, 90))
    across = x != 300
    made = cover(scene, focus(scene), (200, 600) if across else (600, 200))
    pixels = numpy.asarray(made, int)
    yellow = (pixels[:, :, 0] > 220) & (pixels[:, :, 2] < 150)
    assert yellow.sum() > 1500, "its middle is cut off"


def test_of_two_subjects_a_crop_keeps_the_upper_one() -> None:
    """The head, and not the badge on the chest."""
    person = Image.new("RGB", (600, 600), (200, 205, 215))
    badge = checks(120, 20)
    for y, mark in ((60, (90, 90, 90)), (400, (91, 91, 91))):
        person.paste(badge, (240, y))
        person.paste(mark, (280, y + 40, 320, y + 80))
    made = numpy.asarray(cover(person, focus(person), (600, 300)), int)
    assert (made == 90).all(2).sum() > 1500
    assert (made == 91).all(2).sum() == 0


# Layouts and files


def test_every_size_has_a_layout_and_small_ones_show_less() -> None:
    assert layout_for(320, 50).name == "strip"
    assert layout_for(320, 50).shows == ("headline", "cta")
    assert layout_for(160, 600).name == "skyscraper"
    for width in (16, 120, 300, 728, 1080, 4096):
        for height in (16, 50, 90, 250, 600, 1920, 4096):
            layout_for(width, height)
    for layout in layouts():
        assert min(layout.headline.least, layout.text.least, layout.cta.least) >= 11


def test_flat_pictures_are_png_and_photographs_jpeg_where_both_are_taken() -> None:
    image = Image.new("RGB", (300, 250), (20, 60, 140))
    for formats, flat, mime in (
        (("jpeg", "png"), True, "image/png"),
        (("jpeg", "png"), False, "image/jpeg"),
        (("png",), False, "image/png"),
        (("jpg",), True, "image/jpeg"),
    ):
        made = save(image, formats, 150, flat)
        assert made is not None
        assert made.mime_type == mime
