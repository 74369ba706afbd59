"""From what people type into a node to requests: one for each address."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from creative.capture import access, typed
from creative.capture.many import MAX_MANY
from creative.capture.request import Engine, ScreenshotRequest
from creative.errors import InvalidInput

_APART = ("url", "headers", "cookies", "user_agent")
"""Read by themselves: they differ between pages, or come from each other."""
_FORMATS = ("png", "jpeg", "webp", "pdf")


class Given(BaseModel):
    """The parameters of capture_screenshot; "", None and an absent one mean: not given.

    Names and units are those of `ScreenshotRequest`; what is Any is read by `typed`.
    """

    model_config = ConfigDict(frozen=True)

    url: Any = Field(None, description="one address or several: lines, an array")
    html: str = ""
    markdown: str = ""
    width: int | None = None
    height: int | None = None
    full_page: bool = False
    max_height: int | None = None
    selector: str = ""
    every_match: bool = False
    padding: int | None = None
    clip: Any = None
    device: str = ""
    landscape: bool = False
    scale: float | None = None
    mobile: bool | None = None
    touch: bool | None = None
    wait_for: str = ""
    delay_seconds: float | None = None
    freeze_animations: bool = False
    dark_mode: bool = False
    reduced_motion: bool = False
    print_media: bool = False
    language: str = ""
    time_zone: str = ""
    geolocation: Any = None
    hide: Any = None
    css: str = ""
    block_banners: bool = False
    block_ads: bool = False
    transparent: bool = False
    headers: Any = Field(None, repr=False)
    cookies: Any = Field(None, repr=False)
    basic_auth: str = Field("", repr=False)
    user_agent: str = ""
    proxy: str = Field("", repr=False)
    format: str = ""
    quality: int | None = None
    resize: Any = None
    paper: str = ""
    margins: str = ""
    fail_on_status: int | None = None
    with_facts: bool = True
    engine: str = ""
    cache_seconds: float | None = None

    def read(self) -> list[ScreenshotRequest]:
        """The requests, in the order of the addresses; one for `html` and `markdown`.

        Raises:
            InvalidInput: naming the parameter, what came and what is allowed.
        """
        urls = typed.addresses(self.url)
        if len(urls) > MAX_MANY:
            raise InvalidInput(
                "url",
                f"{len(urls)} addresses",
                f"at most {MAX_MANY} in one call",
                "Give them in several calls, for example with an iteration node.",
            )
        cookies = list(typed.cookies(self.cookies))
        sent = []
        user_agent = self.user_agent.strip()
        for name, value in typed.headers(self.headers):
            # These two have a place of their own: scripts of the page see them as well.
            if name.lower() == "cookie":
                cookies += typed.cookies(value)
            elif name.lower() == "user-agent":
                user_agent = user_agent or value
            else:
                sent.append((name, value))
        fields = {**self._plain(), "headers": tuple(sent), "user_agent": user_agent}
        wanted = [_request({**fields, "url": url}, cookies) for url in urls or ("",)]
        doors = {"headers": sent, "cookies": cookies, "basic_auth": self.basic_auth.strip()}
        for name, there in doors.items():
            if there and not urls:
                raise InvalidInput(name, "a value", "one only with url: it is for the page's site")
        for name, _, domain in cookies:
            if domain and not any(_belongs(domain, url) for url in urls):
                raise InvalidInput(
                    "cookies", f"{name} of {domain}", "cookies of the pages in url, or no domain"
                )
        return wanted

    def notes(self) -> tuple[str, ...]:
        """What was given and changes nothing, because something else is not given."""
        pdf = self.format.strip().lower() == "pdf"
        device, selector = bool(self.device.strip()), bool(self.selector.strip())
        useless = {
            "width": (self.width is not None and device, "the device has a size of its own"),
            "height": (self.height is not None and device, "the device has a size of its own"),
            "max_height": (self.max_height is not None and not self.full_page, "no full_page"),
            "every_match": (self.every_match and not selector, "no selector"),
            "padding": (bool(self.padding) and not selector, "no selector"),
            "landscape": (self.landscape and not (device or pdf), "no device, and no pdf"),
            "quality": (
                self.quality is not None and self.format.strip().lower() in ("", "png", "pdf"),
                "only jpeg and webp have one",
            ),
            "paper": (bool(self.paper.strip()) and not pdf, "the format is not pdf"),
            "margins": (bool(self.margins.strip()) and not pdf, "the format is not pdf"),
        }
        return tuple(
            f"{name}: without effect ({why})" for name, (given, why) in useless.items() if given
        )

    def _plain(self) -> dict[str, Any]:
        """Everything that is the same for every address."""
        width, height = typed.size(self.resize)
        file_format = self.format.strip().lower().replace("jpg", "jpeg")
        engine = self.engine.strip().lower() or "auto"
        fails = self.fail_on_status
        if fails is not None and fails != 0 and not 100 <= fails <= 599:
            raise InvalidInput("fail_on_status", fails, "0 (never), or an HTTP status such as 400")
        read: dict[str, Any] = {
            "clip": typed.rectangle(self.clip),
            "geolocation": typed.place(self.geolocation),
            "hide": typed.selectors(self.hide),
            "basic_auth": typed.login(self.basic_auth.strip()),
            "proxy": typed.proxy(self.proxy.strip()),
            "resize_width": width,
            "resize_height": height,
            "format": _choice("format", file_format, _FORMATS),
            "engine": _choice("engine", engine, ("auto", *get_args(Engine))).replace("auto", ""),
        }
        for name in type(self).model_fields:
            if name in ScreenshotRequest.model_fields and name not in (*read, *_APART):
                value = getattr(self, name)
                source = name in ("html", "markdown", "css")
                read[name] = value if source or not isinstance(value, str) else value.strip()
        # What is not given is left out, so that a device, or the default, decides.
        return {name: value for name, value in read.items() if value not in (None, "", ())}


def secrets(requests: list[ScreenshotRequest]) -> list[str]:
    """Every value of these requests that must not be in errors and logs."""
    return sorted({one for request in requests for one in access.secrets(request)})


def _request(fields: dict[str, Any], cookies: list[tuple[str, str, str]]) -> ScreenshotRequest:
    fitting = tuple(
        (name, value) for name, value, domain in cookies if _belongs(domain, fields["url"])
    )
    try:
        return ScreenshotRequest(**fields, cookies=fitting)
    except InvalidInput as error:
        # The node has one parameter for both.
        error.message = error.message.replace("resize_width", "resize")
        error.message = error.message.replace("resize_height", "resize")
        error.hint = error.hint.replace("resize_width", "resize").replace("resize_height", "resize")
        raise error.without(()) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "url"
        told = Given.model_fields[name].repr if name in Given.model_fields else False
        raise InvalidInput(name, first["input"] if told else "a value", first["msg"]) from None


def _belongs(domain: str, url: str) -> bool:
    """Whether a cookie of `domain` ("": of any page that is named) goes to `url`."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return bool(host) and (not domain or host == domain or str(host).endswith(f".{domain}"))


def _choice(parameter: str, word: str, allowed: tuple[str, ...]) -> str:
    if word and word not in allowed:
        raise InvalidInput(parameter, word, ", ".join(allowed))
    return word
