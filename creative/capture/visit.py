"""One capture, as the gate knows it: whose requests are its own, what goes with them, what is
kept away from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from creative.capture.guard import Guard
from creative.capture.request import Blocked
from creative.deadline import Deadline
from creative.errors import CreativeError
from creative.http import redact

MAX_LISTED = 20
"""Refused requests that are listed; all are counted."""

Asked = tuple[Guard, str, str, int]
"""Who judges, and what: scheme, host, port."""


class Doors(Protocol):
    """What opens doors for one capture; all of it secret. Neither method may wait."""

    def headers(self, url: str) -> dict[str, str]:
        """Headers that a request to `url` gets besides its own; none for foreign origins."""

    def login(self, url: str, is_proxy: bool, realm: str) -> tuple[str, str] | None:
        """User and password for who asks for them at `url`, or None."""


class Visit:
    """What the gate knows of one capture.

    Args:
        target: id of the page's target, which is its main frame's id too.
        html: what HTML_URL answers, or None.
        deadline: of the call.
        fail: told of the error that must end the capture.

    Attributes:
        frames: ids of the page's frames; whoever hears of one adds it.
        doors: headers and passwords; None: there are none.
        unwanted: from a request's address and kind (Image, Script, …) to whether the page shall
            do without it; must not wait. None: all are wanted.
        guard: judges this page's requests instead of the gate's own, for a proxy of its own.
        hosts: whom it has asked for, as far as that was not known already.
        blocked: the first requests that the guard refused.
        blocked_count: how many it refused.
        unwanted_count: how many `unwanted` kept away; they are not among `blocked`.
    """

    def __init__(
        self,
        target: str,
        html: bytes | None,
        deadline: Deadline,
        fail: Callable[[CreativeError], None],
    ) -> None:
        self.target = target
        self.html = html
        self.deadline = deadline
        self.fail = fail
        self.frames = {target}
        self.doors: Doors | None = None
        self.unwanted: Callable[[str, str], bool] | None = None
        self.guard: Guard | None = None
        self.hosts: set[Asked] = set()
        self.blocked: list[Blocked] = []
        self.blocked_count = 0
        self.unwanted_count = 0
        self._foreign: set[str] = set()
        self._logged_in: set[tuple[str, str]] = set()

    def refused(self, url: str, kind: str, error: CreativeError) -> None:
        """Note a refused request."""
        self.blocked_count += 1
        if len(self.blocked) < MAX_LISTED:
            self.blocked.append(Blocked(url=redact(url), kind=kind, reason=error.message))

    def keeps_out(self, params: dict[str, Any]) -> bool:
        """Whether this request is one that the page shall do without; then it is counted."""
        kind = params.get("resourceType", "")
        if self.unwanted is None or (kind == "Document" and params.get("frameId") == self.target):
            return False
        out = self.unwanted(params["request"]["url"], kind)
        self.unwanted_count += out
        return out

    def headers(self, params: dict[str, Any]) -> list[dict[str, str]] | None:
        """All headers of this request, or None if its own are enough."""
        if self.doors is None:
            return None
        request = params["request"]
        # What another origin redirects here did not begin here: it gets no secrets.
        foreign = params.get("redirectedRequestId") in self._foreign
        extra = {} if foreign else self.doors.headers(request["url"])
        if not extra:
            self._foreign.add(params["requestId"])
            return None
        replaced = {name.lower() for name in extra}
        own = {k: v for k, v in request["headers"].items() if k.lower() not in replaced}
        return [{"name": name, "value": value} for name, value in {**own, **extra}.items()]

    def login(self, params: dict[str, Any]) -> dict[str, str]:
        """The answer to a demand for user and password; each demand gets one answer only."""
        challenge = params["authChallenge"]
        demand = (params["requestId"], challenge["origin"])
        if self.doors is not None and demand not in self._logged_in:
            self._logged_in.add(demand)
            is_proxy = challenge.get("source") == "Proxy"
            url = challenge["origin"] if is_proxy else params["request"]["url"]
            known = self.doors.login(url, is_proxy, challenge.get("realm", ""))
            if known is not None:
                user, password = known
                return {"response": "ProvideCredentials", "username": user, "password": password}
        return {"response": "CancelAuth"}
