"""Pictures out of a service's answer: base64, a data URI, or an address to fetch from."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from creative import http
from creative.deadline import Deadline
from creative.errors import AnswerInvalid
from creative.http import Client, Reply
from creative.images.engines.replies import check
from creative.images.picture import NotAPicture, inspect

if TYPE_CHECKING:
    from creative.capture.guard import Guard

MAX_REDIRECTS = 3
MAX_DOWNLOAD_BYTES = 30 * 1024 * 1024
"""Dify takes no larger file."""
MAX_ENCODED_BYTES = 44 * 1024 * 1024
"""Such a file as base64, and the JSON around it."""


@dataclass(frozen=True)
class Origin:
    """Where an answer came from.

    Attributes:
        base: the API's address.
        headers: what it wants with every request; sent to no other server.
        allowed: the setting `allowed_private_hosts`.
        deadline: the call's clock.
        secret: name of the credential, for errors.
        setting: name of the setting with the address, for errors.
    """

    base: str
    headers: dict[str, str]
    allowed: tuple[str, ...]
    deadline: Deadline
    secret: str
    setting: str


def decoded(text: str, engine: str) -> bytes:
    """The whole picture in base64, with or without "data:image/png;base64," before it.

    Raises:
        AnswerInvalid: it is no base64, or no whole picture.
    """
    _, mark, tail = text.partition(";base64,")
    try:
        data = base64.b64decode(tail if mark else text)
    except binascii.Error:
        raise AnswerInvalid(engine, "the base64 of a picture is damaged") from None
    return _whole(data, engine)


def fetched(address: str, client: Client, origin: Origin) -> bytes:
    """The whole picture at an address that a server gave.

    The server's own addresses are trusted as its own; any other passes the address guard, and
    so does every redirect.

    Raises:
        AnswerInvalid: there is no whole picture.
        BlockedAddress: it must not be reached from here.
        EngineUnavailable, EngineRejected, TooLarge, DeadlineExceeded: it could not be fetched.
    """
    if address.startswith("data:"):
        return decoded(address, client.engine)
    from creative.capture.guard import Guard

    guard = Guard(origin.allowed)
    try:
        url = urljoin(f"{origin.base}/", address)
    except ValueError:
        raise AnswerInvalid(
            client.engine, "the address that it gives for a picture is none"
        ) from None
    for _ in range(MAX_REDIRECTS + 1):
        if _place(url) == _place(origin.base):
            reply = _got(client, url, origin.headers)
        else:
            url = guard.check(url, origin.deadline, "the picture's address").url
            # A client of its own: the name may mean another address when it is connected to.
            with http.client(client.engine, origin.deadline) as foreign:
                foreign.judged_by(partial(_connected, guard, url, origin.deadline))
                reply = _got(foreign, url, {})
        target = reply.headers.get("location", "")
        if not (300 <= reply.status < 400 and target):
            break
        url = urljoin(url, target)
    check(reply, origin.secret, origin.setting)
    return _whole(reply.body, client.engine)


def _connected(guard: Guard, url: str, deadline: Deadline, address: str) -> None:
    guard.check_connected(url, address, deadline)


def _got(client: Client, url: str, headers: dict[str, str]) -> Reply:
    return client.get(url, headers=headers, allow_redirects=False, max_bytes=MAX_DOWNLOAD_BYTES)


def _whole(data: bytes, engine: str) -> bytes:
    try:
        inspect(data, "a picture")
    except NotAPicture as error:
        raise AnswerInvalid(
            engine, str(error), "Try again; if it happens again, look at the server's own log."
        ) from None
    return data


def _place(url: str) -> tuple[str, str, int]:
    from creative.capture.address import read

    # Read as the guard does: `http://evil\\@own/` is nobody's own.
    scheme, host, port, _ = read(url, "the picture's address")
    return scheme, host.name, port
