"""Articles: what is in them, and what is made of them.

`read_document` reads a text, Markdown or HTML into sections whose offsets are characters of the
original. `extract_prompts` makes prompts for the pictures of an article.
"""

from __future__ import annotations

from creative.content.document import Block, Document, Kind, Section, read_document

__all__ = ["Block", "Document", "Kind", "Section", "read_document"]
