"""Titles and headings of built-in ideas, as an editor reads them."""

from __future__ import annotations

import pytest

from creative.content import Group, IdeasRequest, find_ideas, topics
from creative.content.idea import Idea
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps


def first(language: str, intent: str, *keywords: str, **given: object) -> Idea:
    """The first idea for a cluster."""
    group = Group(name=keywords[0], keywords=keywords, intent=intent)
    request = IdeasRequest.model_validate({"groups": (group,), "language": language, **given})
    return find_ideas(request, Settings(), Deadline(60), Steps()).ideas[0]


@pytest.mark.parametrize(
    ("language", "intent", "keyword", "title"),
    [
        ("de", "commercial", "gesetzliche krankenversicherung",
         "Gesetzliche Krankenversicherung: worauf es bei der Auswahl ankommt"),
        ("zh", "commercial", "网盘哪个好", "网盘怎么选：选购指南"),
        ("zh", "commercial", "erp软件", "ERP软件怎么选：选购指南"),
        ("zh", "transactional", "浏览器下载", "浏览器下载入门：一文讲清楚"),
        ("zh", "informational", "erp是什么意思", "ERP是什么意思"),
        ("ja", "commercial", "東京 ホテル", "東京のホテルの選び方"),
        ("ja", "commercial", "テント おすすめ", "テントの選び方"),
        ("ja", "informational", "京都 観光", "京都の観光ガイド：基本からわかりやすく解説"),
        ("en", "informational", "how to descale a kettle", "How to descale a kettle"),
        ("en", "transactional", "free pdf editor", "Free pdf editor: a plain guide"),
        ("en", "transactional", "pdf editor price", "Pdf editor price: what it costs, and why"),
    ],
)  # fmt: skip
def test_titles(language: str, intent: str, keyword: str, title: str) -> None:
    assert first(language, intent, keyword).title == title


def test_a_topic_in_the_middle_of_a_german_title_has_a_capital() -> None:
    idea = first("de", "commercial", "kaffeemühle", content_types=("comparison",))
    assert idea.title == "Im Vergleich: Kaffeemühle"


def test_headings_ask_about_the_topic_only() -> None:
    asked = ("how to install a cat flap", "how to train a dog")
    outline = first("en", "informational", "cat flap", *asked).outline
    assert "How to install a cat flap" in outline
    assert "How to train a dog" not in outline


@pytest.mark.parametrize(
    ("question", "topic", "whether"),
    [
        ("how to clean dog boots", "dog gate", True),
        ("como cozinhar feijão", "feijoada", False),
        ("como cozinhar feijão", "feijão tropeiro", True),
        ("東京 観光 穴場", "浅草 観光", False),
        ("浅草 食べ歩き", "浅草 観光", True),
        ("流程审批系统", "oa系统", False),
        ("浏览器打不开网页怎么办", "浏览器", True),
        ("was zahlt die haftpflicht", "haftpflichtversicherung", True),
    ],
)
def test_what_is_about_a_topic(question: str, topic: str, whether: bool) -> None:
    assert topics.related(question, topic) is whether
