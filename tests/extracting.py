"""Prompts of the test articles, and what holds for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from creative.content import Extraction, ExtractRequest, extract_prompts, read_document
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps

ARTICLES = Path(__file__).parent / "articles"
FILES = sorted(path for path in ARTICLES.iterdir() if path.name != "README.md")
LISBON = (ARTICLES / "en_lisbon_trams.html").read_text(encoding="utf-8")


def extract(content: str | bytes, model: Any = None, **wishes: Any) -> Extraction:
    request = ExtractRequest(content=content, **wishes)
    return extract_prompts(request, Settings(), Deadline(120), Steps(), model)


def everything(made: Extraction) -> list[str]:
    pictures = [made.featured, *made.in_article_prompts]
    return [text for one in pictures for text in (one.prompt, one.alt_text, one.caption)]


def check_places(made: Extraction, content: str) -> None:
    """Every picture stands in its section, where nothing is torn apart."""
    document = read_document(content)
    at = [one.offset for one in made.in_article_prompts]
    assert at == sorted(at)
    assert len(set(at)) == len(at)
    for one in made.in_article_prompts:
        [section] = [s for s in document.sections if s.body < one.offset <= s.end]
        assert section.heading == one.heading
        assert one.offset in {block.end for block in section.blocks}
    assert 0 <= made.featured.offset <= len(content)
    assert len({one.prompt for one in [made.featured, *made.in_article_prompts]}) == len(at) + 1
