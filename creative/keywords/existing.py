"""An earlier result back in, so that a list can grow: our own clusters.json or clusters.csv."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from creative.deadline import Deadline
from creative.errors import InvalidInput, shorten
from creative.keywords.cells import ESCAPED, Damage, addresses, cell_of, each_row
from creative.keywords.columns import Header, Line, find_header
from creative.keywords.decoding import decode
from creative.keywords.numbers import number
from creative.keywords.process import WORKER
from creative.keywords.results import MAX_SERP
from creative.keywords.row import Row, clean
from creative.keywords.spelling import fold
from creative.keywords.table import AT_ONCE_BYTES, MAX_FILE_BYTES, grid_of_text
from creative.steps import Phase, Steps
from creative.worker import Progress

_OURS = "clusters.json or clusters.csv of an earlier run, or an array of clusters"
_EDIT = "Edit the earlier result so that each keyword is in one cluster, and try again."


class ExistingCluster(NamedTuple):
    """A cluster of an earlier result.

    Attributes:
        id: from 1; unlike those of the others.
        name: unlike those of the others.
        rows: its keywords, all spellings; at least one.
        intent: what it was then.
        description: what it was then.
    """

    id: int
    name: str
    rows: tuple[Row, ...]
    intent: str = ""
    description: str = ""


class Existing(NamedTuple):
    """An earlier result.

    Attributes:
        clusters: in the order of the result.
        unclustered: keywords that fitted nowhere then.
        notes: what could not be read, one sentence each.
    """

    clusters: tuple[ExistingCluster, ...]
    unclustered: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()


def read_existing(text: str, parameter: str = "existing_clusters") -> Existing:
    """The clusters of an earlier result.

    Args:
        text: clusters.json, clusters.csv (also as Excel saves it), or an array of clusters, each
            an object with `name`, `keywords` and, for ids to stay, `id`.
        parameter: where it came from, for errors.

    Raises:
        InvalidInput: it is none of these, or it contradicts itself: a keyword in two clusters,
            two clusters with the same id or name, a cluster without keywords, or a result that
            was shortened for a workflow variable.
    """
    stripped = text.strip().removeprefix("\ufeff")
    existing = (
        _from_json(stripped, parameter)
        if stripped[:1] in {"{", "["}
        else _from_table(text, parameter)
    )
    _check(existing, parameter)
    return existing


def load_existing(source: str | tuple[bytes, str], parameter: str, deadline: Deadline) -> Existing:
    """`read_existing` of a text or a file's (data, filename), without holding up others.

    Raises:
        CreativeError: as `read_existing` and `creative.worker`.
    """
    if len(source if isinstance(source, str) else source[0]) <= AT_ONCE_BYTES:
        return load_existing_job((source, parameter), lambda _fraction, _label: None)
    job = "creative.keywords.existing:load_existing_job"
    existing: Existing = WORKER.call(job, (source, parameter), deadline)
    return existing


def load_existing_job(payload: tuple[str | tuple[bytes, str], str], progress: Progress) -> Existing:
    """`read_existing` as a job of the worker."""
    source, parameter = payload
    text = source if isinstance(source, str) else decode(*source, parameter)
    return read_existing(text, parameter)


def fetch_existing(
    url: str,
    filename: str,
    deadline: Deadline,
    steps: Steps,
    allowed: Iterable[str] = (),
    parameter: str = "existing_clusters_file",
) -> Existing:
    """The clusters in a file that Dify hands over by its address; see `read_existing`.

    Raises:
        CreativeError: as `creative.files.fetch` and `read_existing`.
    """
    from creative.files import fetch

    with steps.step(Phase.INIT, "Fetching the earlier result", 4):
        file = fetch(url, filename, parameter, deadline, MAX_FILE_BYTES, allowed)
        return load_existing((file.data, file.name), parameter, deadline)


def _from_json(text: str, parameter: str) -> Existing:
    import ast

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        # A variable that Dify put into a text field is written as Python writes it.
        try:
            data = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise InvalidInput(
                parameter,
                text,
                f"{_OURS}, and this is broken JSON ({error})",
                "Give the file as it came, or its whole content.",
            ) from None
    whole = data if isinstance(data, dict) else {"clusters": data}
    listed = whole.get("clusters")
    if not isinstance(listed, list) or not listed:
        shown = ", ".join(f"'{key}'" for key in list(whole)[:20])
        raise InvalidInput(parameter, data, f"{_OURS}; what came has {shown}")
    clusters = []
    for place, entry in enumerate(listed, 1):
        if not isinstance(entry, dict):
            raise InvalidInput(
                parameter, entry, f"clusters as objects, and cluster {place} is none"
            )
        name = clean(str(entry.get("name") or ""))
        if not name:
            raise InvalidInput(parameter, entry, f"clusters with a name; cluster {place} has none")
        keywords = entry.get("keywords")
        if not isinstance(keywords, list):
            raise InvalidInput(parameter, entry, f"clusters with keywords; '{name}' has none")
        if isinstance(entry.get("size"), int) and entry["size"] > len(keywords):
            raise InvalidInput(
                parameter,
                f"{len(keywords)} keywords of {entry['size']} in '{name}'",
                "whole clusters; this result was shortened to fit a workflow variable",
                "Give the file clusters.json or clusters.csv of that run.",
            )
        clusters.append(
            ExistingCluster(
                id=_id(entry.get("id"), place, parameter),
                name=name,
                rows=tuple(row for k in keywords for row in _rows(k, parameter, f"'{name}'")),
                intent=str(entry.get("intent") or ""),
                description=str(entry.get("description") or ""),
            )
        )
    alone = whole.get("unclustered") or []
    return Existing(
        clusters=tuple(clusters),
        unclustered=tuple(row for k in alone for row in _rows(k, parameter, "unclustered")),
    )


def _id(given: object, place: int, parameter: str) -> int:
    if given is None or given == "":
        return place
    try:
        value = float(str(given))
        if value >= 1 and value.is_integer():
            return int(value)
    except ValueError:
        pass
    raise InvalidInput(parameter, given, f"ids that are whole numbers from 1; see cluster {place}")


def _rows(entry: object, parameter: str, where: str) -> list[Row]:
    """The spellings of one keyword; its figures are with the first one."""
    data: dict[str, Any] = entry if isinstance(entry, dict) else {"keyword": entry}
    keyword = clean(str(data.get("keyword") or ""))
    if not keyword or isinstance(data.get("keyword"), dict | list | bool):
        raise InvalidInput(parameter, entry, f"keywords as texts or objects in {where}")
    spellings = data.get("spellings") or [{"keyword": keyword, "volume": data.get("volume")}]
    rows = []
    for place, spelling in enumerate(spellings):
        one = spelling if isinstance(spelling, dict) else {"keyword": spelling}
        figures: dict[str, Any] = {}
        if place == 0:
            figures = {
                "difficulty": _amount(data.get("difficulty"), parameter, keyword),
                "cpc": _amount(data.get("cpc"), parameter, keyword),
                "intent": str(data.get("intent") or ""),
                "url": str(data.get("url") or ""),
                "serp": tuple(addresses(data.get("serp")))[:MAX_SERP],
            }
        rows.append(
            Row(
                keyword=clean(str(one.get("keyword") or keyword)),
                volume=_amount(one.get("volume"), parameter, keyword),
                **figures,
            )
        )
    return rows


def _amount(value: object, parameter: str, keyword: str) -> float | None:
    try:
        return number(value, thousands=True)
    except ValueError as error:
        raise InvalidInput(parameter, value, f"a number beside '{shorten(keyword)}'") from error


def _from_table(text: str, parameter: str) -> Existing:
    grid, header = grid_of_text(text, parameter)
    if header is None or "cluster" not in header.columns:
        raise _no_column(header, grid, text, parameter)
    damage = Damage()
    names: dict[int, str] = {}
    ids: dict[str, int] = {}
    rows: dict[int, list[Row]] = {}
    alone: list[Row] = []
    for place, cells, row in each_row(grid, header, parameter, damage):
        name = ESCAPED.sub("", clean(str(cell_of(cells, header.columns["cluster"]) or "")))
        given = clean(str(cell_of(cells, header.columns.get("cluster_id")) or ""))
        if not name and not given:
            alone.append(row)
            continue
        if not name:
            raise InvalidInput(
                parameter, given, f"a cluster name beside each id; line {place} has none"
            )
        fresh = max(names, default=0) + 1
        number_of = _id(given, place, parameter) if given else ids.get(name, fresh)
        if names.setdefault(number_of, name) != name:
            raise InvalidInput(
                parameter,
                f"id {number_of}",
                f"one name per id, and it is '{names[number_of]}' and '{name}' (line {place})",
                _EDIT,
            )
        ids.setdefault(name, number_of)
        rows.setdefault(number_of, []).append(row)
    clusters = tuple(
        ExistingCluster(id=number_of, name=name, rows=tuple(rows[number_of]))
        for number_of, name in names.items()
    )
    if not clusters:
        raise InvalidInput(parameter, None, f"at least one cluster: {_OURS}")
    return Existing(clusters=clusters, unclustered=tuple(alone), notes=tuple(damage.notes()))


def _no_column(
    header: Header | None, grid: Sequence[Line], text: str, parameter: str
) -> InvalidInput:
    if header is not None:
        titles = ", ".join(f"'{title}'" for title in header.titles if title)
        missing = "a column 'cluster'"
    else:
        first = next((line for line in text.splitlines() if line.strip()), "")
        titles = f"'{shorten(first)}'"
        missing = "columns 'cluster' and 'keyword'"
    return InvalidInput(
        parameter,
        "a table" if grid and find_header(grid) else text,
        f"{_OURS}; a table needs {missing}, and this one has {titles or 'none'}",
    )


def _check(existing: Existing, parameter: str) -> None:
    """Raise InvalidInput where the clusters contradict each other."""
    ids: dict[int, str] = {}
    names: dict[str, int] = {}
    where: dict[str, ExistingCluster] = {}
    for cluster in existing.clusters:
        if cluster.id in ids:
            raise InvalidInput(
                parameter,
                f"id {cluster.id}",
                f"one cluster per id, and '{ids[cluster.id]}' and '{cluster.name}' share it",
                _EDIT,
            )
        folded = fold(cluster.name)
        if folded in names:
            raise InvalidInput(
                parameter,
                cluster.name,
                f"one cluster per name, and {names[folded]} and {cluster.id} share it",
                "Rename one of them, or give both the same id.",
            )
        ids[cluster.id], names[folded] = cluster.name, cluster.id
        if not cluster.rows:
            raise InvalidInput(parameter, cluster.name, "clusters with at least one keyword", _EDIT)
        for row in cluster.rows:
            other = where.setdefault(fold(row.keyword), cluster)
            if other is not cluster:
                raise InvalidInput(
                    parameter,
                    row.keyword,
                    f"each keyword in one cluster, and it is in '{other.name}' ({other.id}) and "
                    f"'{cluster.name}' ({cluster.id})",
                    _EDIT,
                )
    for row in existing.unclustered:
        found = where.get(fold(row.keyword))
        if found is not None:
            raise InvalidInput(
                parameter,
                row.keyword,
                f"each keyword once, and it is in '{found.name}' ({found.id}) and in none",
                _EDIT,
            )
