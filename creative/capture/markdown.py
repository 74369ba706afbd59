"""Markdown as a page: CommonMark with tables and strikethrough, in a plain readable dress."""

from __future__ import annotations

import html
import itertools
from typing import Any

from creative.deadline import Deadline
from creative.worker import Progress, Worker

worker = Worker("pages", idle_seconds=120)
"""Does for pages what takes long: Markdown, and the colours of pictures."""

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --line: #d1d9e0;
  --shade: #f6f8fa; --paper: #ffffff; --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --shade: #161b22; --paper: #0d1117; --link: #4493f8; } }
html { background: var(--paper); }
body { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.5rem; color: var(--text);
  font: 17px/1.6 system-ui, "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", sans-serif;
  overflow-wrap: break-word; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.6em 0 .6em; }
h1 { font-size: 2em; margin-top: 0; }
h1, h2 { padding-bottom: .3em; border-bottom: 1px solid var(--line); }
h6 { color: var(--soft); }
p, ul, ol, pre, table, blockquote { margin: 0 0 1em; }
a { color: var(--link); }
img { max-width: 100%; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace;
  font-size: .88em; background: var(--shade); border-radius: 6px; }
code { padding: .15em .35em; }
pre { padding: 1em; overflow: auto; line-height: 1.45; }
pre code { padding: 0; font-size: 1em; background: none; }
blockquote { padding: 0 1em; color: var(--soft); border-left: .25em solid var(--line); }
table { border-collapse: collapse; display: block; max-width: 100%; overflow: auto; }
th, td { padding: .4em .8em; border: 1px solid var(--line); }
tr:nth-child(2n) td { background: var(--shade); }
hr { height: 1px; border: 0; background: var(--line); margin: 2em 0; }
@media print { body { max-width: none; padding: 0; } pre { white-space: pre-wrap; } }
"""


def page(text: str, deadline: Deadline) -> bytes:
    """`text` as an HTML page, in UTF-8. HTML in it is shown, not obeyed.

    Raises:
        DeadlineExceeded: it takes too long.
    """
    return bytes(worker.call("creative.capture.markdown:render", text, deadline))


def render(text: str, progress: Progress) -> bytes:
    """See `page`; in the worker process, since 5 MB take seconds."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = reader.parse(text)
    title = html.escape(_title(tokens))
    body = reader.renderer.render(tokens, reader.options, {})
    return (
        f'<!doctype html><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<body>{body}</body>"
    ).encode(errors="replace")


def _title(tokens: list[Any]) -> str:
    """The text of the first heading."""
    for token, following in itertools.pairwise(tokens):
        if token.type == "heading_open":
            words = (one.content for one in following.children or () if one.content)
            return "".join(words)[:200]
    return ""
