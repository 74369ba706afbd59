"""The wishes of a request in groups, each the business of one room; data and its limits only."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from creative.errors import InvalidInput, TooLarge

Pairs = tuple[tuple[str, str], ...]

STAGES = ("load", "domcontentloaded", "networkidle")
FORMATS = ("png", "jpeg", "webp", "pdf")
MAX_DELAY_SECONDS = 600.0
MAX_HIDDEN = 200
"""Most selectors of `hide`."""
MAX_BYTES = 16_000
"""Most bytes of all headers, or all cookies: servers refuse more."""
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A name in HTTP: RFC 9110, 5.6.2."""
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header, cookie or login may hold: a line's end would begin another header."""
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
_MILLISECONDS = re.compile(r"(\d{1,7}(?:\.\d+)?)\s*(?:ms)?", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class FrameFields(BaseModel):
    """The part of a request that says what is in the picture."""

    model_config = ConfigDict(frozen=True)

    width: int = Field(1280, description="width of the visible area, CSS pixels")
    height: int = Field(800, description="height of the visible area, CSS pixels")
    full_page: bool = Field(False, description="the whole page instead of its visible area")
    max_height: int | None = Field(
        None, description="a full page is cut here, CSS pixels; None: where its file's format ends"
    )
    selector: str = Field("", description="CSS selector of the elements to photograph")
    every_match: bool = Field(False, description="a picture of each match, not of the first")
    padding: int = Field(0, description="around elements, CSS pixels")
    clip: tuple[float, float, float, float] | None = Field(
        None, description="x, y, width, height on the page, CSS pixels"
    )
    device: str = Field("", description="a preset of devices.yaml; sets size, scale, touch, agent")
    landscape: bool = Field(
        False, description="the device, or the paper of a PDF, lies on its side"
    )
    scale: float | None = Field(
        None, description="device pixels per CSS pixel, 0.1 to 4; None: the device's, or 1"
    )
    mobile: bool | None = Field(None, description="meta viewport counts; None: as the device")
    touch: bool | None = Field(None, description="touch events; None: as the device")


class MomentFields(BaseModel):
    """The part of a request that says when the picture is taken.

    Raises InvalidInput for a delay out of range.
    """

    model_config = ConfigDict(frozen=True)

    wait_for: str = Field(
        "load", description="load, domcontentloaded, networkidle, a CSS selector, or milliseconds"
    )
    delay_seconds: float = Field(0.0, description="waited after that, seconds")
    freeze_animations: bool = Field(False, description="CSS, Web Animations, GIF and video stop")

    @field_validator("delay_seconds")
    @classmethod
    def _in_range(cls, seconds: float) -> float:
        if not 0 <= seconds <= MAX_DELAY_SECONDS:
            raise InvalidInput("delay_seconds", seconds, f"0 to {MAX_DELAY_SECONDS:g} seconds")
        return seconds


def wanted(request: MomentFields) -> str:
    """`wait_for` as one of STAGES, a number of milliseconds as it was written, or a selector."""
    text = request.wait_for.strip()
    return text.lower() if text.lower() in STAGES else text or "load"


def milliseconds(text: str) -> float | None:
    """The number of milliseconds that `text` is, or None.

    >>> milliseconds("1500"), milliseconds("250.5 ms"), milliseconds("#ready")
    (1500.0, 250.5, None)
    """
    found = _MILLISECONDS.fullmatch(text)
    return None if found is None else float(found[1])


def is_early(request: MomentFields) -> bool:
    """Whether the page need not have loaded: its document is enough, or a selector decides."""
    text = wanted(request)
    return text == "domcontentloaded" or (text not in STAGES and milliseconds(text) is None)


class LookFields(BaseModel):
    """The part of a request that changes how the page looks.

    Raises InvalidInput for a language, place or list that cannot be.
    """

    model_config = ConfigDict(frozen=True)

    dark_mode: bool = Field(False, description="prefers-color-scheme: dark")
    reduced_motion: bool = Field(False, description="prefers-reduced-motion: reduce")
    print_media: bool = Field(False, description="as printed")
    language: str = Field("", description="BCP 47, for example pt-BR; header and navigator")
    time_zone: str = Field("", description="IANA, for example Asia/Tokyo")
    geolocation: tuple[float, float] | None = Field(
        None, description="latitude, longitude, degrees"
    )
    hide: tuple[str, ...] = Field((), description="CSS selectors of what is not shown")
    css: str = Field("", description="style rules that are added to the page")
    block_banners: bool = Field(False, description="cookie banners are taken out")
    block_ads: bool = Field(False, description="advertisements and trackers are not loaded")
    transparent: bool = Field(False, description="no white behind a page without background")

    @field_validator("language")
    @classmethod
    def _a_language(cls, text: str) -> str:
        tag = text.strip().replace("_", "-")
        if tag and not _LANGUAGE.fullmatch(tag):
            raise InvalidInput("language", text, "a language such as en, pt-BR or zh-Hans")
        return tag

    @field_validator("geolocation")
    @classmethod
    def _on_earth(cls, place: tuple[float, float] | None) -> tuple[float, float] | None:
        if place is not None and not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
            raise InvalidInput("geolocation", place, "latitude -90 to 90, longitude -180 to 180")
        return place

    @field_validator("hide")
    @classmethod
    def _not_too_many(cls, selectors: tuple[str, ...]) -> tuple[str, ...]:
        if len(selectors) > MAX_HIDDEN:
            raise InvalidInput("hide", f"{len(selectors)} selectors", f"at most {MAX_HIDDEN}")
        return tuple(text for text in selectors if text.strip())

    @field_validator("css")
    @classmethod
    def _no_import(cls, text: str) -> str:
        if re.search(r"@import\b", text, re.IGNORECASE):
            raise InvalidInput("css", "@import", "style rules", "Give the rules themselves.")
        return text


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


class OutputFields(BaseModel):
    """The part of a request that says what file comes out."""

    model_config = ConfigDict(frozen=True)

    format: Literal["png", "jpeg", "webp", "pdf"] = Field("png", description="of the file")
    quality: int | None = Field(None, description="1 to 100, of jpeg and webp; None: 90")
    resize_width: int | None = Field(None, description="of the finished picture, pixels")
    resize_height: int | None = Field(None, description="of the finished picture, pixels")
    paper: str = Field(
        "A4", description="of a PDF: A2 to A6, Letter, Legal, Tabloid, Ledger, or 210x297mm"
    )
    margins: str = Field(
        "", description="of a PDF: one to four lengths as in CSS; empty: 10mm"
    )  # fmt: skip

    @field_validator("format", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        name = value.strip().lower() if isinstance(value, str) else value
        name = "jpeg" if name == "jpg" else name
        if name not in FORMATS:
            raise InvalidInput("format", value, ", ".join(FORMATS))
        return name


def _check_size(name: str, pairs: Pairs) -> None:
    size = sum(len(key) + len(value.encode()) + 4 for key, value in pairs)
    if size > MAX_BYTES:
        raise TooLarge(name, f"{size} bytes", f"{MAX_BYTES} bytes")
