"""The parts of an article as one text in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from creative.content.article_request import ArticleRequest
from creative.content.article_text import escaped
from creative.content.article_writer import Draft, Ending


def assembled(request: ArticleRequest, drafts: Sequence[Draft], ending: Ending) -> str:
    """Title, opening, sections, questions; their headings are ours, whatever the model wrote."""
    parts = [f"# {escaped(request.title)}"]
    for draft in drafts:
        if draft.part.heading and draft.part.number == 1:
            parts.append(f"## {escaped(draft.part.heading)}")
        parts.append(draft.text)
    if ending.faq:
        parts.append(f"## {escaped(ending.faq_heading or 'FAQ')}")
    for one in ending.faq:
        parts += [f"### {escaped(one.question)}", escaped(one.answer)]
    return "\n\n".join(parts) + "\n"
