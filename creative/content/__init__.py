"""Articles: what is in them, and what is made of them.

`read_document` reads a text, Markdown or HTML into sections whose offsets are characters of the
original. `extract_prompts` makes prompts for the pictures of an article. `find_ideas` has ideas for
articles from clusters of keywords, `write_article` writes one with a language model.
"""

from __future__ import annotations

from creative.content.article import Article, write_article
from creative.content.article_request import ArticleRequest
from creative.content.document import Block, Document, Kind, Section, read_document
from creative.content.extract import extract_prompts
from creative.content.idea import Group, Idea, Ideas, IdeasRequest
from creative.content.ideas import find_ideas
from creative.content.request import DEFAULT_IMAGES, Extraction, ExtractRequest, ImagePrompt

__all__ = [
    "DEFAULT_IMAGES",
    "Article",
    "ArticleRequest",
    "Block",
    "Document",
    "ExtractRequest",
    "Extraction",
    "Group",
    "Idea",
    "Ideas",
    "IdeasRequest",
    "ImagePrompt",
    "Kind",
    "Section",
    "extract_prompts",
    "find_ideas",
    "read_document",
    "write_article",
]
