"""Keywords out: text for people, clusters for JSON, a CSV file.

Dify takes at most 204,800 bytes in one variable, so a large result is shortened everywhere
but in the CSV file, and says so (`truncated`): clusters keep their names, sizes and most
typical keywords as long as there is room.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative.keywords.clustering import Cluster, Clustering
from creative.steps import Phase, Steps

CLUSTERS_BYTES = 140_000
UNCLUSTERED_BYTES = 40_000
"""Together with the summary under the 200,000 bytes that one JSON message may have."""
TEXT_BYTES = 100_000
TEXT_KEYWORDS = 60
"""Keywords of one cluster that the text shows at most; nobody reads further."""
COLUMNS = ("cluster_id", "cluster", "head", "keyword", "similarity")

_SHORTER = (1000, 500, 200, 100, 50, 20, 10, 5, 3, 1)
# Excel, LibreOffice and Sheets run a cell that begins so (OWASP, "CSV Injection"); the
# full-width twins count in East Asian editions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")


class Export(BaseModel):
    """A result in the forms in which it leaves."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="Markdown for people")
    clusters: list[dict[str, Any]] = Field(
        description="id, name, head, keywords, size, cohesion; if truncated, fewer keywords"
    )
    unclustered: list[str]
    summary: dict[str, Any] = Field(description="the numbers, and truncated: yes or no")
    csv: bytes = Field(description="all keywords, UTF-8 with byte order mark")

    @property
    def data(self) -> dict[str, Any]:
        """Summary, clusters and unclustered in one object under 200,000 bytes of JSON."""
        return {
            "summary": self.summary,
            "clusters": self.clusters,
            "unclustered": self.unclustered,
        }


def export(clustering: Clustering, steps: Steps) -> Export:
    """The result in the forms in which it leaves."""
    with steps.step(Phase.SAVE, "Writing clusters.csv", 100):
        clusters = _within(clustering.clusters)
        unclustered = _as_many(clustering.unclustered, UNCLUSTERED_BYTES)
        truncated = len(unclustered) < len(clustering.unclustered) or sum(
            len(shown["keywords"]) for shown in clusters
        ) < sum(cluster.size for cluster in clustering.clusters)
        return Export(
            text=markdown(clustering, truncated),
            clusters=clusters,
            unclustered=unclustered,
            summary={**clustering.summary.model_dump(), "truncated": truncated},
            csv=clusters_csv(clustering),
        )


def clusters_csv(clustering: Clustering) -> bytes:
    """All keywords with their clusters; unclustered ones last, with empty cluster columns."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for cluster in clustering.clusters:
        name, head = _cell(cluster.name), _cell(cluster.head)
        for member in cluster.members:
            writer.writerow((cluster.id, name, head, _cell(member.keyword), member.similarity))
    for keyword in clustering.unclustered:
        writer.writerow(("", "", "", _cell(keyword), ""))
    return out.getvalue().encode("utf-8-sig")


def markdown(clustering: Clustering, truncated: bool) -> str:
    """The result as a list for people, at most about TEXT_BYTES long."""
    summary = clustering.summary
    repeated = summary.keyword_count - summary.unique_count
    head = (
        f"{_count(summary.cluster_count, 'cluster')} from {_count(summary.unique_count, 'keyword')}"
    )
    if repeated:
        head += f" ({_count(repeated, 'repeated one')} folded)"
    if summary.unclustered_count:
        head += f", {summary.unclustered_count} unclustered"
    parts = [head + "."]
    if truncated:
        parts.append(
            "The list is too long for a workflow variable: `clusters` and `unclustered` are "
            "shortened, the file clusters.csv has every keyword."
        )
    room = TEXT_BYTES
    for number, cluster in enumerate(clustering.clusters):
        part = f"**{cluster.id}. {_plain(cluster.name)}** ({cluster.size})\n"
        part += _line(cluster.keywords)
        room -= len(part.encode())
        if room < 0:
            rest = len(clustering.clusters) - number
            parts.append(f"… and {_count(rest, 'more cluster')}: see clusters.csv.")
            break
        parts.append(part)
    if clustering.unclustered:
        part = f"**Unclustered** ({len(clustering.unclustered)})\n"
        parts.append(part + _line(clustering.unclustered))
    return "\n\n".join(parts)


def _within(clusters: Sequence[Cluster]) -> list[dict[str, Any]]:
    """The clusters as objects, with as many keywords each as the room allows."""
    largest = max(cluster.size for cluster in clusters)
    for most in (largest, *(number for number in _SHORTER if number < largest)):
        shown = [_object(cluster, most) for cluster in clusters]
        if _bytes(shown) <= CLUSTERS_BYTES:
            return shown
    # Too many clusters even so: the largest ones.
    return _as_many(shown, CLUSTERS_BYTES)


def _object(cluster: Cluster, most: int) -> dict[str, Any]:
    return {
        "id": cluster.id,
        "name": cluster.name,
        "head": cluster.head,
        "keywords": [member.keyword for member in cluster.members[:most]],
        "size": cluster.size,
        "cohesion": cluster.cohesion,
    }


def _as_many[T](items: Sequence[T], room: int) -> list[T]:
    """As many of `items` from the start as have room in JSON."""
    kept: list[T] = []
    for item in items:
        room -= _bytes(item) + 1
        if room < 2:
            break
        kept.append(item)
    return kept


def _bytes(thing: object) -> int:
    return len(json.dumps(thing, ensure_ascii=False, separators=(",", ":")).encode())


def _line(keywords: Sequence[str]) -> str:
    shown = ", ".join(_plain(keyword) for keyword in keywords[:TEXT_KEYWORDS])
    rest = len(keywords) - TEXT_KEYWORDS
    return f"{shown} … and {rest} more" if rest > 0 else shown


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _plain(keyword: str) -> str:
    """The keyword in Markdown: nothing in it is markup or HTML."""
    return _MARKUP.sub(r"\\\1", keyword)


def _cell(keyword: str) -> str:
    """The keyword in a spreadsheet: never a formula."""
    return f"'{keyword}" if keyword.startswith(_FORMULA) else keyword
