"""A user's file, fetched from where Dify says it is.

Dify hands a plugin an address, never bytes. Mostly that is a link of its own file store, signed
and often on a private address, since the store stands beside the plugin. But a file variable
can also hold a link that a user typed ("remote URL"): that one is a user's address like any
other and passes the address guard, and so does every redirect on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

from creative.deadline import Deadline
from creative.errors import EngineRejected, EngineUnavailable, InvalidInput

if TYPE_CHECKING:
    from creative.capture.guard import Guard

MOST_REDIRECTS = 5
STORE = "Dify's file store"

# Dify signs its own links (its api/core/tools/signature.py and core/app/file_access):
# /files/<id>/file-preview, /files/tools/<id>.<ext>, each with these three.
_STORE_PATH = re.compile(r"/files/[\w\-./%]+$")
# "/files/../admin" is no file: whoever fetches it asks for "/admin".
_UPWARDS = re.compile(r"(^|/|%2f)(\.|%2e){1,2}(/|%2f|$)", re.IGNORECASE)
_STORE_QUERY = ("timestamp", "nonce", "sign")


@dataclass(frozen=True)
class Fetched:
    """A file with its bytes."""

    name: str
    data: bytes


def fetch(
    url: str,
    filename: str,
    parameter: str,
    deadline: Deadline,
    max_bytes: int,
    allowed: Iterable[str] = (),
    from_dify: bool = True,
) -> Fetched:
    """The file that Dify hands over by its address.

    Args:
        url: where it is.
        filename: its name; empty: the last part of the address.
        parameter: which parameter it came in, for errors.
        deadline: the call's clock.
        max_bytes: the largest file that is read.
        allowed: the setting `allowed_private_hosts`.
        from_dify: whether Dify gave the address; that of a stranger's page is judged always,
            even if it looks like a signed link.

    Raises:
        InvalidInput: its address is none.
        EngineUnavailable: its server does not answer.
        EngineRejected: its server has no such file for us.
        BlockedAddress: a user's link that leads to where this plugin must not reach.
        TooLarge: over `max_bytes`.
        DeadlineExceeded: out of time.
    """
    # Here, since the worker process imports this package and never talks HTTP.
    from creative.capture.guard import Guard
    from creative.http import client, redact

    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidInput(
            parameter, redact(url), "a file, or a link such as https://example.com/photo.png"
        ) from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise EngineUnavailable(
            STORE,
            f"it gave the file in '{parameter}' an address without a server",
            "Set FILES_URL (and INTERNAL_FILES_URL) in Dify's .env to an address that plugins "
            "can reach.",
        )
    name = filename or PurePosixPath(unquote(parts.path)).name or "file"
    guard = Guard(allowed)
    own = from_dify and _is_store(url) and not guard.asks_the_machine(url, deadline)
    engine = STORE if own else f"The server of the file in '{parameter}'"
    for _ in range(MOST_REDIRECTS + 1):
        # A client for each hop: a connection that was good for one is not for the next.
        with client(engine, deadline) as http:
            if not own:
                url = guard.check(url, deadline, parameter).url
                http.judged_by(partial(_connected, guard, url, deadline))
            reply = http.get(url, max_bytes=max_bytes, allow_redirects=False)
        target = reply.headers.get("location", "")
        if not (300 <= reply.status < 400 and target):
            break
        url = urljoin(url, target)
        own = False  # a redirect is nobody's signed link
    else:
        raise EngineRejected(
            engine,
            f"{reply.address} redirects more than {MOST_REDIRECTS} times",
            reply.status,
            "Give the address at the end of the redirects.",
        )
    if not reply.ok:
        raise EngineRejected(
            engine,
            f"no file at {reply.address}",
            reply.status,
            "The link of a file expires (FILES_ACCESS_TIMEOUT): run the workflow again."
            if own
            else "Check the link in a browser.",
        )
    return Fetched(name, reply.body)


def _is_store(url: str) -> bool:
    """Whether this is one of Dify's signed links."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return (
        bool(_STORE_PATH.search(parts.path))
        and not _UPWARDS.search(parts.path)
        and all(query.get(name) for name in _STORE_QUERY)
    )


def _connected(guard: Guard, url: str, deadline: Deadline, address: str) -> None:
    guard.check_connected(url, address, deadline)
