"""What opens the page's doors. Every value here is a secret: none is shown or logged."""

from __future__ import annotations

import http
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from creative.capture.address import DEFAULT_PORTS, read
from creative.errors import BlockedAddress, InvalidInput, TooLarge

if TYPE_CHECKING:
    from creative.capture.request import ScreenshotRequest

Pairs = tuple[tuple[str, str], ...]

MAX_BYTES = 16_000
"""Most bytes of all headers, or all cookies: servers refuse more."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A name in HTTP: RFC 9110, 5.6.2."""
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header, cookie or login may hold: a line's end would begin another header."""
MIN_SECRET = 8
"""Shortest value of a header or cookie that is blotted out of texts: "en" is in every other."""
MIN_PASSWORD = 4
"""Of a password, which is nothing else."""
_OURS = frozenset(
    {
        "accept-charset", "accept-encoding", "access-control-request-headers",
        "access-control-request-method", "connection", "content-length", "cookie", "cookie2",
        "date", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
        "user-agent", "via",
    }
)  # fmt: skip
"""Headers that the browser writes itself. With Host, one server can be taken for another."""
_HIDDEN = "a value that is not shown here"


class AccessFields(BaseModel):
    """The part of a request that the page's server asks for.

    Raises InvalidInput, which never repeats a value, for what cannot be sent.
    """

    model_config = ConfigDict(frozen=True)

    headers: Pairs = Field(
        (), description="name and value; sent to the page's own origin only", repr=False
    )
    cookies: Pairs = Field((), description="name and value, for the page's own host", repr=False)
    basic_auth: str = Field("", description="user:password, for the page's own origin", repr=False)
    user_agent: str = Field("", description="instead of the browser's or the device's")
    proxy: str = Field("", description="http, https or socks5 address", repr=False)

    @field_validator("headers")
    @classmethod
    def _sendable_headers(cls, pairs: Pairs) -> Pairs:
        for name, value in pairs:
            lowered = name.lower()
            if lowered in _OURS or lowered.startswith(("proxy-", "sec-")):
                raise InvalidInput(
                    "headers",
                    name,
                    "a header that is not the browser's own",
                    "Cookies go into cookies, a user agent into user_agent.",
                )
            latin = value.encode("latin-1", "ignore").decode("latin-1")
            if not TOKEN.fullmatch(name) or CONTROL.search(value) or latin != value:
                raise InvalidInput(
                    "headers", _HIDDEN, "a name of HTTP and a value in one line of Latin letters"
                )
        _check_size("headers", pairs)
        return pairs

    @field_validator("cookies")
    @classmethod
    def _sendable_cookies(cls, pairs: Pairs) -> Pairs:
        for name, value in pairs:
            if not TOKEN.fullmatch(name) or CONTROL.search(value) or ";" in value:
                raise InvalidInput("cookies", _HIDDEN, "a name of HTTP and a value without ;")
        _check_size("cookies", pairs)
        return pairs

    @field_validator("basic_auth")
    @classmethod
    def _user_and_password(cls, pair: str) -> str:
        if pair and (not pair.partition(":")[0] or ":" not in pair or CONTROL.search(pair)):
            raise InvalidInput("basic_auth", _HIDDEN, "user:password")
        return pair

    @field_validator("user_agent")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if CONTROL.search(text) or not text.isascii() or len(text) > 1000:
            raise InvalidInput("user_agent", text, "a line of at most 1000 ASCII characters")
        return text

    @field_validator("proxy")
    @classmethod
    def _proxy_that_logs_in(cls, proxy: str) -> str:
        if proxy.lower().startswith("socks") and "@" in proxy:
            raise InvalidInput(
                "proxy",
                _HIDDEN,
                "a SOCKS proxy without user and password, or an HTTP proxy",
                "Browsers cannot log in to SOCKS proxies.",
            )
        return proxy


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
    from creative.capture import frame, look

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


def _check_size(name: str, pairs: Pairs) -> None:
    size = sum(len(key) + len(value.encode()) + 4 for key, value in pairs)
    if size > MAX_BYTES:
        raise TooLarge(name, f"{size} bytes", f"{MAX_BYTES} bytes")


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
