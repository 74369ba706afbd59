"""Articles written by a scripted author."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from creative.content import Article, article_request, write_article
from creative.deadline import Deadline
from creative.language import Budget, Message
from creative.settings import Settings
from creative.steps import Steps
from tests.authors import Author, Said, kind

OUTLINE = "Grinders\nWater\nCleaning\nTasting"


def written(
    author: Author,
    steps: Steps | None = None,
    seconds: float = 60,
    budget: Budget | None = None,
    owner: str = "",
    **given: Any,
) -> Article:
    wishes = {"title": "Espresso at home", "outline": OUTLINE, "length": 800, **given}
    request = article_request.request(**wishes)
    return write_article(
        request, Settings(), Deadline(seconds), steps or Steps(), author, budget, owner
    )


def section(number: int, said: Said) -> Author:
    """An author who says `said` for a section (0: the opening), once or each time."""

    def turn(messages: Sequence[Message], _: int) -> Said | None:
        wanted = f"of heading {number} of" if number else "the opening of the article"
        return said if kind(messages) == "section" and wanted in messages[1].text else None

    return Author(turn)


def once(number: int, said: Said) -> Author:
    """The same, but the second answer is a good one."""
    left = [said]

    def turn(messages: Sequence[Message], _: int) -> Said | None:
        mine = f"of heading {number} of" in messages[1].text
        return left.pop() if left and mine and kind(messages) == "section" else None

    return Author(turn)
