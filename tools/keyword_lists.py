"""What the keyword node reads: lists and earlier results, as text or as files.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here.
"""

from __future__ import annotations

from creative import keywords
from creative.errors import InvalidInput
from creative.keywords.quota import QUOTA
from tools.adapter import Call, Parameters


def check(parameters: Parameters) -> None:
    """Raise InvalidInput unless there is one list, and at most one earlier result."""
    if parameters.raw("keywords") is None and parameters.raw("keywords_file") is None:
        raise InvalidInput("keywords", None, "a list of keywords, here or in keywords_file")
    _one(parameters, "keywords", "keywords_file")
    _one(parameters, "existing_clusters", "existing_clusters_file")


def request(parameters: Parameters, call: Call, user: str) -> keywords.ClusterRequest:
    """What to cluster, its list and its earlier result read.

    Args:
        parameters: those of the call, already checked.
        call: the call, for its clock, steps and settings.
        user: who asks, for the limit per day.

    Raises:
        CreativeError: the list or the earlier result cannot be read, or is over a limit.
    """
    settings = call.settings
    table = _table(parameters, call)
    QUOTA.spend(user, len(table.rows), settings.max_keywords_per_day)
    max_size, max_clusters = parameters.integer("max_size"), parameters.integer("max_clusters")
    min_size, serp_weight = parameters.integer("min_size"), parameters.number("serp_weight")
    return keywords.ClusterRequest(
        rows=table.rows,
        notes=tuple(table.notes),
        granularity=parameters.number("granularity"),
        min_size=2 if min_size is None else min_size,
        max_size=max_size,
        max_clusters=max_clusters,
        serp_weight=0.5 if serp_weight is None else serp_weight,
        existing=_existing(parameters, call),
        max_keywords=settings.max_keywords,
    )


def _one(parameters: Parameters, text: str, file: str) -> None:
    if parameters.raw(text) is not None and parameters.raw(file) is not None:
        raise InvalidInput(file, "a file", f"nothing while {text} is given")


def _table(parameters: Parameters, call: Call) -> keywords.Table:
    file = parameters.file("keywords_file")
    most = call.settings.max_keywords
    if file is None:
        return keywords.load(parameters.text("keywords"), "keywords", call.deadline, most)
    return keywords.fetch_table(
        file.url,
        file.filename or "",
        call.deadline,
        call.steps,
        call.settings.allowed_private_hosts,
        most=most,
    )


def _existing(parameters: Parameters, call: Call) -> keywords.Existing | None:
    file = parameters.file("existing_clusters_file")
    if file is not None:
        allowed = call.settings.allowed_private_hosts
        return keywords.fetch_existing(
            file.url, file.filename or "", call.deadline, call.steps, allowed
        )
    text = parameters.text("existing_clusters")
    if not text:
        return None
    return keywords.load_existing(text, "existing_clusters", call.deadline)
