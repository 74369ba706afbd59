"""Markdown as HTML for a page: CommonMark with tables; HTML in it is shown, never obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative.deadline import Deadline

if TYPE_CHECKING:
    from creative.worker import Progress


def html(markdown: str, deadline: Deadline) -> str:
    """The body of a page.

    In a worker process: 8,000 words take a fifth of a second, brackets without end seconds.
    Addresses of scripts (`javascript:`, `data:`) stay plain text.

    Raises:
        DeadlineExceeded: it takes too long.
    """
    from creative.capture.markdown import worker

    return str(worker.call("creative.content.markdown_html:job", markdown, deadline))


def job(markdown: str, progress: Progress) -> str:
    """See `html`."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return str(reader.render(markdown))
