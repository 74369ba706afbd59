"""Pictures of ads to draw: texts in four languages, every size, grounds."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy
import pytest

from creative.ads.draw import given
from creative.ads.draw.canvas import Canvas
from creative.ads.draw.compose import Task
from creative.ads.platforms import PictureRule, ids, platform
from tests.pictures import photo, saved

TEXTS = {
    "de": (
        "Haftpflichtversicherung vergleichen und bis zu 480 € im Jahr sparen",
        "In zwei Minuten zum passenden Tarif, unverbindlich und kostenlos.",
        "Jetzt vergleichen",
        "Allerhafen",
    ),
    "zh-Hans": (
        "10 分钟完成关键词分析，让每一分广告预算都花在刀刃上",
        "无需编程，直接在工作流里生成可上传的广告素材。",
        "免费试用",
        "创意工坊",
    ),
    "ja": (
        "もう迷わない。東京のホテルを最安値で予約するならここ",
        "会員登録なしで、今すぐ空室を確認できます。",
        "空室を見る",
        "旅の窓",
    ),
    "pt": (
        "Economize até 40 % na sua próxima viagem de férias em família",
        "Parcele em 10x sem juros e cancele grátis até 48 h antes.",
        "Reservar agora",
        "Viaja Já",
    ),
}
COLOURS = {"de": ("#0b3d91",), "zh-Hans": ("#e4572e",), "ja": ("#0f766e", "#fde68a"), "pt": ()}


@cache
def rules() -> tuple[PictureRule, ...]:
    """Every picture that a platform takes; of those that are the same but for their name, one."""
    found = {}
    for name in ids():
        for rule in platform(name).pictures:
            found[rule.width, rule.height, rule.max_kb, rule.safe_area] = rule
    return tuple(found.values())


def task(language: str, rule: PictureRule, variant: int = 1, **changes: Any) -> Task:
    """A picture to draw with the texts of a language."""
    headline, text, cta, brand = TEXTS[language]
    changed: dict[str, Any] = {
        "copy_id": f"meta_feed-{variant}",
        "platform": "meta_feed",
        "variant": variant,
        "brand": brand,
        "headline": headline,
        "text": text,
        "cta": cta,
        "language": language,
        "colours": COLOURS[language],
        "seed": 0,
    } | changes
    sizes = ("width", "height", "max_kb", "formats", "safe_area")
    return Task(**changed, **{name: getattr(rule, name) for name in sizes})


@cache
def ground(kind: str) -> given.Given:
    """A photograph as ground, or none."""
    data = saved(photo(1400, 1000), "JPEG") if kind == "photo" else b""
    return given.read(data, "source" if data else "layout", b"", (1080, 1920))


def rule_of(width: int, height: int, **changes: Any) -> PictureRule:
    """The rule of a size, or one that is made up."""
    return rules()[0].model_copy(
        update={
            "width": width,
            "height": height,
            "max_kb": 500,
            "safe_area": (0, 0, 0, 0),
            **changes,
        }
    )


def drawn_on(monkeypatch: pytest.MonkeyPatch) -> list[Canvas]:
    """Every canvas that is drawn on from now on, the last one at the end."""
    seen: list[Canvas] = []
    begin = Canvas.__init__

    def noted(self: Canvas, *given: Any) -> None:
        begin(self, *given)
        seen.append(self)

    monkeypatch.setattr(Canvas, "__init__", noted)
    return seen


def wcag(pixels: Any) -> Any:
    """Relative luminance, written down here once more from WCAG 2.2."""
    part = numpy.asarray(pixels, float) / 255
    linear = numpy.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ numpy.array([0.2126, 0.7152, 0.0722])
