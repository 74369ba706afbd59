"""A clustering in the forms in which it leaves: text, variables, clusters.csv, clusters.json.

Dify takes at most 204,800 bytes in one variable, so a large result is shortened everywhere but
in the files, and says so (`truncated`): clusters keep their names, sizes and most typical
keywords as long as there is room.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative.csv_cells import cell
from creative.keywords.model import Cluster, Clustering, Member, Topic, Unclustered
from creative.keywords.row import SERP_DEPTH
from creative.keywords.text import markdown
from creative.steps import Phase, Steps

CLUSTERS_BYTES = 110_000
UNCLUSTERED_BYTES = 30_000
TOPICS_BYTES = 20_000
CHANGES_BYTES = 20_000
"""Together with the summary under the 200,000 bytes that one JSON message may have."""
COLUMNS = (
    "cluster_id", "cluster", "topic", "head", "keyword", "variant_of", "volume", "difficulty",
    "cpc", "intent", "similarity", "url", "nearest_cluster", "serp_urls",
)  # fmt: skip
SERP_BYTES = 8 * 1024 * 1024
"""Search results in one file; ten for each of 50,000 keywords would be 40 MB, and Dify takes 30."""
FORMAT = "creative-studio clusters 1"
"""What clusters.json says it is."""

_LONGER = (3, 5, 10, 20, 50, 100, 200, 500, 1000)
_SLICE = 2000
"""Keywords between two breaths in which the plugin serves its other callers."""


class Export(BaseModel):
    """A result in the forms in which it leaves."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="Markdown for people")
    clusters: list[dict[str, Any]] = Field(description="if truncated, with fewer keywords")
    unclustered: list[dict[str, Any]]
    topics: list[dict[str, Any]]
    summary: dict[str, Any] = Field(description="the numbers, and truncated: yes or no")
    quality: dict[str, Any]
    changes: dict[str, Any] = Field(description="without existing clusters: empty lists")
    csv: bytes = Field(description="clusters.csv: all spellings, UTF-8 with byte order mark")
    json_file: bytes = Field(description="clusters.json: everything; goes back in to grow")

    @property
    def data(self) -> dict[str, Any]:
        """All variables in one object under 200,000 bytes of JSON."""
        return {
            "summary": self.summary,
            "clusters": self.clusters,
            "unclustered": self.unclustered,
            "topics": self.topics,
            "quality": self.quality,
            "changes": self.changes,
        }


def export(clustering: Clustering, steps: Steps) -> Export:
    """The result in the forms in which it leaves."""
    with steps.step(Phase.SAVE, "Writing the files"):
        topics = {topic.id: topic.name for topic in clustering.topics}
        clusters = _within(clustering.clusters, topics)
        unclustered = _as_many([_stray(one) for one in clustering.unclustered], UNCLUSTERED_BYTES)
        shown_topics = _as_many([_topic(one) for one in clustering.topics], TOPICS_BYTES)
        changes, whole = _changes(clustering)
        depth, notes = _depth(clustering)
        truncated = not whole or len(unclustered) < len(clustering.unclustered)
        truncated = truncated or len(shown_topics) < len(clustering.topics)
        truncated = truncated or sum(len(one["keywords"]) for one in clusters) < sum(
            one.size for one in clustering.clusters
        )
        return Export(
            text=markdown(clustering, truncated),
            clusters=clusters,
            unclustered=unclustered,
            topics=shown_topics,
            summary={
                **clustering.summary.model_dump(mode="json"),
                "notes": [*clustering.summary.notes, *notes],
                "truncated": truncated,
            },
            quality=clustering.quality.model_dump(),
            changes=changes,
            csv=clusters_csv(clustering, depth),
            json_file=clusters_json(clustering, depth),
        )


def _depth(clustering: Clustering) -> tuple[int, list[str]]:
    """How many search results of each keyword the files have room for, and what to say of it."""
    every = [member for one in clustering.clusters for member in one.members]
    every += [one.member for one in clustering.unclustered]
    sizes = [0] * SERP_DEPTH
    for done, member in enumerate(every, 1):
        for rank, address in enumerate(member.serp[:SERP_DEPTH]):
            sizes[rank] += len(address) + 3
        _breathe(done)
    fitting = sum(total <= SERP_BYTES for total in itertools.accumulate(sizes))
    if fitting == SERP_DEPTH:
        return SERP_DEPTH, []
    return fitting, [
        f"clusters.csv and clusters.json keep the first {fitting} search results of each keyword; "
        f"all {SERP_DEPTH} would make them too large."
    ]


def clusters_csv(clustering: Clustering, serp_depth: int = SERP_DEPTH) -> bytes:
    """A line for each spelling with its own searches; unclustered ones last.

    The lines of a variant say which keyword it belongs to; the searches of a column add up to
    those of all keywords.

    Args:
        clustering: the result.
        serp_depth: how many search results of a keyword are written.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    topics = {topic.id: topic.name for topic in clustering.topics}
    done = 0
    for one in clustering.clusters:
        group = (one.id, cell(one.name), cell(topics.get(one.topic_id, "")), cell(one.head))
        for member in one.members:
            _write(writer, group, member, "", serp_depth)
            done += 1
            _breathe(done)
    for alone in clustering.unclustered:
        _write(writer, ("", "", "", ""), alone.member, alone.nearest_name, serp_depth)
        done += 1
        _breathe(done)
    return out.getvalue().encode("utf-8-sig")


def _write(
    writer: Any, group: Sequence[object], member: Member, nearest: str, serp_depth: int
) -> None:
    spellings = member.spellings or (member.keyword,)
    volumes = member.volumes or (member.volume,)
    for spelling, volume in zip(spellings, volumes, strict=True):
        first = spelling == member.keyword
        writer.writerow(
            (
                *group,
                cell(spelling),
                "" if first else cell(member.keyword),
                _figure(volume),
                _figure(member.difficulty) if first else "",
                _figure(member.cpc) if first else "",
                member.intent,
                member.similarity,
                cell(member.url) if first else "",
                cell(nearest),
                # Separated as they are read: by spaces, and by bars in other people's tables.
                cell(" ".join(url.replace("|", "%7C") for url in member.serp[:serp_depth]))
                if first
                else "",
            )
        )


def clusters_json(clustering: Clustering, serp_depth: int = SERP_DEPTH) -> bytes:
    """Everything; `existing.read_existing` reads it back.

    Args:
        clustering: the result.
        serp_depth: how many search results of a keyword are written.
    """
    topics = {topic.id: topic.name for topic in clustering.topics}
    done = 0
    parts: list[str] = []
    for one in clustering.clusters:
        parts.append(_dumped(_object(one, topics, [_whole(m, serp_depth) for m in one.members])))
        before, done = done, done + one.size
        if before // _SLICE != done // _SLICE:
            time.sleep(0)
    rest: dict[str, Any] = {
        "unclustered": [
            {**_stray(one), **_whole(one.member, serp_depth)} for one in clustering.unclustered
        ],
        "topics": [_topic(one) for one in clustering.topics],
        "summary": clustering.summary.model_dump(mode="json"),
        "quality": clustering.quality.model_dump(),
    }
    if clustering.changes is not None:
        rest["changes"] = clustering.changes.model_dump(mode="json")
    body = ",\n".join(parts)
    tail = ",\n".join(f'"{name}": {_dumped(value)}' for name, value in rest.items())
    return f'{{"format": "{FORMAT}",\n"clusters": [\n{body}\n],\n{tail}}}\n'.encode()


def _object(one: Cluster, topics: dict[int, str], keywords: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "head": one.head,
        "keywords": keywords,
        "size": one.size,
        "volume": one.volume,
        "difficulty": one.difficulty,
        "cpc": one.cpc,
        "intent": one.intent,
        "description": one.description,
        "parent": topics.get(one.topic_id, ""),
        "parent_id": one.topic_id,
        "cohesion": one.cohesion,
        "is_new": one.is_new,
    }


def _short(member: Member) -> dict[str, Any]:
    """A keyword in a variable."""
    made = {
        "keyword": member.keyword,
        "volume": member.volume,
        "similarity": member.similarity,
    }
    return made if len(member.spellings) < 2 else {**made, "spellings": list(member.spellings)}


def _whole(member: Member, serp_depth: int) -> dict[str, Any]:
    """A keyword in clusters.json."""
    made = _short(member)
    for name in ("difficulty", "cpc", "intent", "url"):
        value = getattr(member, name)
        if value not in (None, ""):
            made[name] = value
    if member.serp and serp_depth:
        made["serp"] = list(member.serp[:serp_depth])
    if "spellings" in made:
        pairs = zip(member.spellings, member.volumes, strict=True)
        made["spellings"] = [{"keyword": text, "volume": volume} for text, volume in pairs]
    return made


def _stray(one: Unclustered) -> dict[str, Any]:
    return {**_short(one.member), "nearest": one.nearest_name, "nearest_id": one.nearest_id}


def _topic(topic: Topic) -> dict[str, Any]:
    return topic.model_dump(mode="json")


def _within(clusters: Sequence[Cluster], topics: dict[int, str]) -> list[dict[str, Any]]:
    """The clusters as objects, with as many keywords each as the room allows."""
    bare = [_object(one, topics, []) for one in clusters]
    room = CLUSTERS_BYTES - sum(_bytes(one) + 1 for one in bare)
    largest = max(one.size for one in clusters)
    keywords: list[list[dict[str, Any]]] = [[_short(one.members[0])] for one in clusters]
    room -= sum(_bytes(shown) for shown in keywords)
    for most in (*(number for number in _LONGER if number < largest), largest):
        added: list[list[dict[str, Any]]] = []
        # Measured until there is no room, so not all of fifty thousand keywords.
        for one, shown in zip(clusters, keywords, strict=True):
            added.append([_short(member) for member in one.members[len(shown) : most]])
            room -= sum(_bytes(entry) + 1 for entry in added[-1])
            if room < 0:
                break
        if room < 0:
            break
        for shown, more in zip(keywords, added, strict=True):
            shown.extend(more)
    whole = [{**one, "keywords": shown} for one, shown in zip(bare, keywords, strict=True)]
    # Too many clusters even so: the first ones, which are the existing and the largest.
    return _as_many(whole, CLUSTERS_BYTES)


def _changes(clustering: Clustering) -> tuple[dict[str, Any], bool]:
    """What changed, and whether it is all there."""
    if clustering.changes is None:
        return {"added": [], "new_clusters": [], "not_given": []}, True
    whole = clustering.changes.model_dump(mode="json")
    room = CHANGES_BYTES // 3
    shown = {name: _as_many(entries, room) for name, entries in whole.items()}
    return shown, shown == whole


def _as_many[T](items: Sequence[T], room: int) -> list[T]:
    """As many of `items` from the start as have room in JSON."""
    kept: list[T] = []
    for item in items:
        room -= _bytes(item) + 1
        if room < 2:
            break
        kept.append(item)
    return kept


_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode


def _dumped(thing: object) -> str:
    return _encode(thing)


def _bytes(thing: object) -> int:
    return len(_encode(thing).encode())


def _breathe(done: int) -> None:
    """Let other calls of the plugin go on in between (gevent)."""
    if done % _SLICE == 0:
        time.sleep(0)


def _figure(value: float | None) -> object:
    """A number without a needless ".0"; an empty cell where none is known."""
    if value is None:
        return ""
    return int(value) if value.is_integer() else round(value, 2)
