"""What opens the page's doors. Every value here is a secret: none is shown or logged."""

from __future__ import annotations

import http
from typing import Any
from urllib.parse import unquote, urlsplit

from creative.capture import frame, look
from creative.capture.address import DEFAULT_PORTS, read
from creative.capture.request import ScreenshotRequest
from creative.errors import BlockedAddress, InvalidInput

MIN_SECRET = 8
"""Shortest value of a header or cookie that is blotted out of texts: "en" is in every other."""
MIN_PASSWORD = 4
"""Of a password, which is nothing else."""


class Doors:
    """Headers and passwords for the requests of one page (see `visit.Doors`)."""

    def __init__(self, request: ScreenshotRequest) -> None:
        self._own = _origin(request.url) if request.url.strip() else None
        self._headers = dict(request.headers)
        self._basic = _pair(request.basic_auth) if request.basic_auth else None
        self._proxy = _login_of(request.proxy)

    @property
    def any(self) -> bool:
        """Whether there is anything to open a door with."""
        return bool(self._headers or self._basic or self._proxy)

    def headers(self, url: str) -> dict[str, str]:
        """Headers for a request to `url`: none for another origin than the page's."""
        return self._headers if self._headers and self._is_own(url) else {}

    def login(self, url: str, is_proxy: bool, realm: str) -> tuple[str, str] | None:
        """User and password for who asks at `url`, or None."""
        if is_proxy:
            return self._proxy
        return self._basic if self._basic and self._is_own(url) else None

    def _is_own(self, url: str) -> bool:
        return self._own is not None and _origin(url) == self._own


def secrets(request: ScreenshotRequest) -> list[str]:
    """Every value of a request that must not be in errors and logs."""
    found: list[str] = []
    for name, value in (*request.headers, *request.cookies):
        # Only the end of "Bearer …" is the secret, and a server may repeat it alone.
        ends = (value, value.partition(" ")[2]) if name.lower() == "authorization" else (value,)
        found += [end for end in ends if len(end) >= MIN_SECRET]
    passwords = [request.basic_auth, request.basic_auth.partition(":")[2]]
    for address in (request.proxy, request.url):
        try:
            password = urlsplit(address).password or ""
        except ValueError:
            continue
        passwords += [password, unquote(password)]
    return found + [password for password in passwords if len(password) >= MIN_PASSWORD]


def logs_in(request: ScreenshotRequest) -> bool:
    """Whether a page's or proxy's demand for a login has to be answered: with user and password,
    or with "no" where the page that follows is wanted (else a browser shows none)."""
    wanted = not 0 < request.fail_on_status <= http.HTTPStatus.UNAUTHORIZED
    return wanted or bool(request.basic_auth) or _login_of(request.proxy) is not None


def identity(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """Who the browser says it is, and which languages it asks for; for frames, too."""
    override = dict(frame.viewport(request).agent)
    if request.user_agent:
        override["userAgent"] = request.user_agent
    if request.language:
        override["acceptLanguage"] = look.languages(request)
    return [("Emulation.setUserAgentOverride", {"userAgent": "", **override})] if override else []


def commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What must be set before anything is loaded."""
    return [*identity(request), *_cookies(request)]


def _cookies(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    if not request.cookies or not request.url.strip():
        return []
    url = read(request.url).url
    cookies = [
        {
            "name": name,
            "value": value,
            "url": url,
            "path": "/",
            # What was typed for a page under https is never sent in the clear.
            "secure": url.startswith("https:"),
        }
        for name, value in request.cookies
    ]
    return [("Network.setCookies", {"cookies": cookies})]


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        scheme, host, port, _ = read(url)
    except (InvalidInput, BlockedAddress):
        return None
    return (scheme, host.name, port) if scheme in DEFAULT_PORTS else None


def _pair(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    return user, password


def _login_of(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")
