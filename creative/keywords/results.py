"""Tables with a row for each page of a keyword: its search results, or the pages of a site."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from creative.keywords.row import Row

MAX_SERP = 20
"""Addresses of results kept per keyword: two pages of results."""

# DataForSEO "organic", Ahrefs "Organic", "Organic with sitelinks".
_ORGANIC = re.compile(r"organic|自然|オーガニック|orgânic|orgánic", re.IGNORECASE)
_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?(?:www\.|m\.)?([^/?#:]+)", re.IGNORECASE)


class Ranked(NamedTuple):
    """A row of such a table.

    Attributes:
        row: its keyword and figures, the page in `url`.
        position: of the page among the results, from 1; None if the table does not say.
        kind: what kind of result it is, in the table's words; may be empty.
    """

    row: Row
    position: float | None = None
    kind: str = ""


def collect(ranked: Sequence[Ranked], per_page: bool) -> tuple[list[Row], frozenset[str]]:
    """One row for each keyword whose pages stand in several.

    Where most keywords with several pages have them on several sites, the pages are search
    results (exports of Ahrefs with SERPs, DataForSEO, SerpApi, rank trackers): they become
    `serp`, best first, organic ones only if the table says which are. Otherwise they are pages of
    the user's own site (Organic Research of Semrush, Site Explorer of Ahrefs): the one that ranks
    best stays in `url`. In both cases the searches are the keyword's, written beside each page,
    and count once. Impressions of Search Console are the page's and are left to be summed.

    Args:
        ranked: the rows, in the order of the table.
        per_page: whether volumes belong to the pages.

    Returns:
        The rows, each where its keyword came first, and which of the fields "position" and
        "result_type" were used.
    """
    groups: dict[str, list[Ranked]] = {}
    for one in ranked:
        groups.setdefault(one.row.keyword, []).append(one)
    several = [group for group in groups.values() if len(_pages(group)) > 1]
    if per_page or not several:
        return [one.row for one in ranked], frozenset()
    many_sites = sum(len({_host(page) for page in _pages(group)}) > 1 for group in several)
    results = 2 * many_sites > len(several)
    organic = results and any(_ORGANIC.search(one.kind) for one in ranked)
    rows: list[Row] = []
    for group in groups.values():
        if results:
            rows.append(_with_results(group, organic))
        elif len(_pages(group)) > 1:
            rows.append(_joined(group))
        else:
            # The same line twice, or a keyword of two markets: folded with all others later.
            rows += [one.row for one in group]
    used = {"position"} if any(one.position is not None for one in ranked) else set()
    return rows, frozenset(used | ({"result_type"} if organic else set()))


def _pages(group: Sequence[Ranked]) -> set[str]:
    return {one.row.url for one in group if one.row.url}


def _host(page: str) -> str:
    found = _HOST.match(page)
    return found[1].lower() if found else page


def _with_results(group: Sequence[Ranked], organic: bool) -> Row:
    listed = [one for one in group if not organic or _ORGANIC.search(one.kind)]
    pages = [one.row.url for one in _best_first(listed) if one.row.url]
    given = [page for one in group for page in one.row.serp]
    serp = tuple(dict.fromkeys([*given, *pages]))[:MAX_SERP]
    return _joined(group)._replace(url="", serp=serp)


def _joined(group: Sequence[Ranked]) -> Row:
    """The keyword with all that its rows know; its page is the one that ranks best."""
    best = [one.row for one in _best_first(group)]
    volumes = [row.volume for row in best if row.volume is not None]
    return best[0]._replace(
        volume=max(volumes, default=None),
        difficulty=next((row.difficulty for row in best if row.difficulty is not None), None),
        cpc=next((row.cpc for row in best if row.cpc is not None), None),
        intent=next((row.intent for row in best if row.intent), ""),
        url=next((row.url for row in best if row.url), ""),
        serp=tuple(dict.fromkeys(page for row in best for page in row.serp))[:MAX_SERP],
    )


def _best_first(group: Sequence[Ranked]) -> list[Ranked]:
    """By position; rows without one last, in the order of the table."""
    return sorted(group, key=lambda one: math.inf if one.position is None else one.position)
