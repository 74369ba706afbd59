"""A clustering as Markdown for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

from creative.keywords.model import Cluster, Clustering

TEXT_BYTES = 100_000
TEXT_KEYWORDS = 60
"""Keywords of one cluster that the text shows at most; nobody reads further."""
TEXT_NOTES = 12

_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")


def markdown(clustering: Clustering, truncated: bool) -> str:
    """The result as a list for people, at most about TEXT_BYTES long.

    Args:
        clustering: the result.
        truncated: whether the variables are shortened.
    """
    parts = [_head(clustering)]
    if truncated:
        parts.append(
            "The list is too long for a workflow variable: `clusters`, `unclustered`, `topics` and "
            "`changes` are shortened, the files clusters.csv and clusters.json have every keyword."
        )
    parts += [_plain(note) for note in clustering.summary.notes[:TEXT_NOTES]]
    if clustering.changes is not None:
        parts.append(_changes(clustering))
    room = TEXT_BYTES
    for number, one in enumerate(clustering.clusters):
        part = f"{_title(one)}\n{_line(one.keywords)}"
        room -= len(part.encode())
        if room < 0:
            rest = len(clustering.clusters) - number
            parts.append(f"… and {_count(rest, 'more cluster')}: see clusters.csv.")
            break
        parts.append(part)
    if clustering.unclustered:
        alone = [one.keyword for one in clustering.unclustered]
        parts.append(f"**Unclustered** ({len(alone)})\n{_line(alone)}")
    return "\n\n".join(parts)


def _head(clustering: Clustering) -> str:
    summary = clustering.summary
    folded = summary.keyword_count - summary.unique_count
    head = (
        f"{_count(summary.cluster_count, 'cluster')} in {_count(summary.topic_count, 'topic')} "
        f"from {_count(summary.unique_count, 'keyword')}"
    )
    if folded > 0:
        head += f" ({_count(folded, 'variant')} folded)"
    if summary.unclustered_count:
        head += f", {summary.unclustered_count} unclustered"
    if summary.volume is not None:
        head += f", {summary.volume:,.0f} searches per month"
    return head + "."


def _changes(clustering: Clustering) -> str:
    changes = clustering.changes
    if changes is None:
        return ""
    added = sum(len(one.keywords) for one in changes.added)
    said = (
        f"Grown: {_count(added, 'new keyword')} in {_count(len(changes.added), 'existing cluster')}"
        f", {_count(len(changes.new_clusters), 'new cluster')}"
    )
    if changes.not_given:
        gone = len(changes.not_given)
        said += f"; {_count(gone, 'keyword')} of the existing clusters not in this list (kept)"
    return said + "."


def _title(one: Cluster) -> str:
    facts = [f"**{one.id}. {_plain(one.name)}** ({one.size})"]
    if one.volume is not None:
        facts.append(f"{one.volume:,.0f} searches")
    facts.append(one.intent)
    title = " · ".join(facts)
    return f"{title}\n_{_plain(one.description)}_" if one.description else title


def _line(keywords: Sequence[str]) -> str:
    shown = ", ".join(_plain(keyword) for keyword in keywords[:TEXT_KEYWORDS])
    rest = len(keywords) - TEXT_KEYWORDS
    return f"{shown} … and {rest} more" if rest > 0 else shown


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _plain(text: str) -> str:
    """The text in Markdown: nothing in it is markup or HTML."""
    return _MARKUP.sub(r"\\\1", text)
