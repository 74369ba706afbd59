"""What a browser says when a page does not come, in plain words."""

from __future__ import annotations

import http
from contextlib import suppress

from creative.errors import BlockedAddress, CreativeError, EngineRejected, EngineUnavailable
from creative.http import redact

_ERRORS = {
    "NAME_NOT_RESOLVED": "its name cannot be resolved",
    "CONNECTION_REFUSED": "the connection was refused",
    "CONNECTION_RESET": "the connection was reset",
    "CONNECTION_CLOSED": "the connection was closed without an answer",
    "CONNECTION_TIMED_OUT": "no connection was made in time",
    "TIMED_OUT": "it did not answer in time",
    "EMPTY_RESPONSE": "it closed the connection without an answer",
    "ADDRESS_UNREACHABLE": "there is no route to it",
    "INTERNET_DISCONNECTED": "the browser's machine has no network",
    "PROXY_CONNECTION_FAILED": "the proxy on the way does not answer",
    "TUNNEL_CONNECTION_FAILED": "the proxy on the way refused",
    "TOO_MANY_REDIRECTS": "it redirects in a circle",
    "UNSAFE_PORT": "browsers refuse this port",
    "SSL_PROTOCOL_ERROR": "it does not speak TLS as expected (http instead of https?)",
    "INVALID_RESPONSE": "its answer is no HTTP",
}
_PROXY = frozenset({"PROXY_CONNECTION_FAILED", "TUNNEL_CONNECTION_FAILED"})


def unreachable(url: str, error: str, download: bool) -> CreativeError:
    """A navigation failed with `error` (net::ERR_…), or turned out to be a download."""
    shown = f"The page {redact(url)}"
    if download or error == "net::ERR_ABORTED":
        return EngineRejected(
            shown,
            "it is a download or has no content, so there is nothing to photograph.",
            hint="Give the address of a page.",
        )
    code = error.removeprefix("net::ERR_")
    reason = _ERRORS.get(code, "its TLS certificate is not trusted" if "CERT_" in code else "")
    reached = "the proxy (proxy, or HTTP_PROXY where the browser runs)" if code in _PROXY else ""
    return EngineUnavailable(
        shown,
        f"{reason} ({error})" if reason else f"the browser could not open it ({error})",
        f"Check {reached or 'the address'}, and that the browser's machine can reach it.",
    )


_LOGIN = "Give user:password in basic_auth, or a session of yours in cookies or headers."
_ANSWERED = {
    401: f"The page asks for a login. {_LOGIN}",
    403: f"The site refuses this reader. {_LOGIN}",
    407: "Write the proxy's user and password into its address.",
    429: "The site has had too many requests: try again later, with a smaller at_once.",
    503: "The site is overloaded or being repaired: try again later.",
}
"""What to do about a status."""


def rejected(url: str, answered: tuple[int, str]) -> EngineRejected:
    """The page answered with a status of 400 and up, and its text."""
    status, text = answered
    if not text:
        with suppress(ValueError):
            text = http.HTTPStatus(status).phrase
    return EngineRejected(
        f"The page {redact(url)}",
        text or "an error",
        status,
        _ANSWERED.get(status, "Check the address.")
        + " To take the error page itself, set fail_on_status to 0.",
    )


class TabCrashed(EngineUnavailable):
    """The page's process ended while the page was shown."""

    def __init__(self) -> None:
        super().__init__(
            "The page's tab",
            "it crashed while the page was shown",
            "The page may need more memory than there is; try a smaller width, height or "
            "full_page false.",
        )


def crashed() -> TabCrashed:
    """The tab crashed."""
    return TabCrashed()


def unheld() -> BlockedAddress:
    """A sandboxed `srcdoc` frame in a process of its own: what it asked for first was not held."""
    return BlockedAddress(
        "(in a sandboxed frame of the page)",
        "this browser lets such frames ask for addresses before they can be judged",
        "Start the browser at 'browser_url' with --disable-features=IsolateSandboxedIframes, or "
        "take the picture with a local Chromium.",
    )
