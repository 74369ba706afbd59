"""A browser elsewhere: the DevTools endpoint that `browser_url` names.

`browser_url` is http(s)://… (the browser is then asked for its WebSocket under
/json/version) or ws(s)://… itself. It is set by the administrator, so the guard does not
apply to it; its query may hold a token, so it is shown redacted only.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from creative.capture.address import without_user
from creative.capture.cdp import Connection
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
)
from creative.http import Reply, client, redact, redact_text

ENGINE = "The browser"
CONNECT_SECONDS = 10.0
MAX_VERSION_BYTES = 100_000
_GATEWAY = frozenset({502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class WebSocketTransport:
    """Messages over a WebSocket.

    Args:
        address: ws or wss, with token and user.
        deadline: connecting ends with it.
        host: the Host header to send instead of the address's own, or "".

    Raises:
        EngineUnavailable: no connection.
        EngineRejected: another status than 101 came.
    """

    def __init__(self, address: str, deadline: Deadline, host: str = "") -> None:
        import websocket

        parts = urlsplit(address)
        options: dict[str, Any] = {"suppress_origin": True}  # Chromium refuses origins it knows not
        if host:
            options["host"] = host
        if parts.username is not None:
            options["header"] = [f"Authorization: {_basic(address)}"]
        if _is_loopback(address):
            options["http_no_proxy"] = [parts.hostname]
        try:
            self._socket = websocket.create_connection(
                without_user(address),
                timeout=deadline.timeout("connecting to the browser", CONNECT_SECONDS),
                **options,
            )
        except websocket.WebSocketBadStatusException as error:
            raise _refused(f"{ENGINE} at {redact(address)}", error.status_code) from error
        except (websocket.WebSocketException, OSError, ValueError) as error:
            if deadline.expired:
                raise deadline.error("connecting to the browser") from None
            raise EngineUnavailable(
                f"{ENGINE} at {redact(address)}",
                f"no WebSocket connection ({redact_text(str(error)) or type(error).__name__})",
                "Check 'browser_url' and its token, and that the browser accepts connections "
                "from here.",
            ) from error
        self._socket.settimeout(None)
        self._error = websocket.WebSocketException

    def send(self, message: bytes) -> None:
        """Send one message."""
        try:
            self._socket.send(message.decode())
        except self._error as error:
            raise OSError(str(error)) from error

    def receive(self) -> list[bytes]:
        """Wait for a message."""
        try:
            data = self._socket.recv()
        except self._error as error:
            raise EOFError from error
        if not data:
            raise EOFError
        return [data.encode() if isinstance(data, str) else data]

    def close(self) -> None:
        """Close without waiting for the other side."""
        self._socket.shutdown()


def check_browser(browser_url: str, deadline: Deadline) -> str:
    """Ask the browser at `browser_url` for its version.

    Returns:
        Product and version, for example "Chrome/140.0.7339.80".

    Raises:
        InvalidInput: `browser_url` is no http, https, ws or wss address.
        EngineUnavailable: nothing answers there, or a proxy on the way gave up.
        EngineRejected: it refuses; the status is in the error.
        AnswerInvalid: what answers is no browser.
        DeadlineExceeded: no answer in time.
    """
    scheme = _scheme(browser_url)
    if scheme in ("http", "https"):
        return str(_version(browser_url, deadline)[0]["Browser"])
    connection = connect(browser_url, deadline)
    try:
        answer = connection.call("Browser.getVersion", deadline=deadline)
    finally:
        connection.close()
    return str(answer.get("product", ""))


def connect(browser_url: str, deadline: Deadline) -> Connection:
    """Connect to the browser at `browser_url`.

    Raises:
        see `check_browser`.
    """
    host = ""
    address = browser_url
    if _scheme(browser_url) in ("http", "https"):
        answer, host = _version(browser_url, deadline)
        address = socket_address(browser_url, str(answer["webSocketDebuggerUrl"]))
    shown = f"{ENGINE} at {redact(browser_url)}"
    return Connection(WebSocketTransport(address, deadline, host), shown)


def socket_address(browser_url: str, reported: str) -> str:
    """The WebSocket's address as seen from here.

    A browser reports the address it knows itself by ("ws://127.0.0.1:9222/…" inside its
    container), so only the path is taken from it; scheme, host, port, a path that a proxy
    needs in front, and the token are the user's.

    >>> socket_address("https://grid.example/chrome?token=t", "ws://0.0.0.0:3000/devtools/b/1")
    'wss://grid.example/chrome/devtools/b/1?token=t'
    """
    ours, theirs = urlsplit(browser_url), urlsplit(reported)
    front = ours.path.rstrip("/")
    path = theirs.path
    if front and not (path == front or path.startswith(front + "/")):
        path = front + path
    query = "&".join(part for part in (ours.query, theirs.query) if part)
    if ours.query and ours.query in theirs.query:
        query = theirs.query
    scheme = "wss" if ours.scheme.lower() == "https" else "ws"
    return urlunsplit((scheme, ours.netloc, path or "/", query, ""))


def _version(browser_url: str, deadline: Deadline) -> tuple[dict[str, Any], str]:
    """The answer of /json/version, and the Host header that had to be sent for it."""
    parts = urlsplit(browser_url)
    path = parts.path.rstrip("/") + "/json/version"
    address = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    options: dict[str, Any] = {"allow_redirects": False, "max_bytes": MAX_VERSION_BYTES}
    if parts.username is not None:
        options["auth"] = (unquote(parts.username), unquote(parts.password or ""))
    if _is_loopback(browser_url):
        options["proxies"] = {"no_proxy": parts.hostname}
    host = ""
    with client(ENGINE, deadline) as http:
        reply = http.get(without_user(address), **options)
        if reply.status == 500 and b"Host header" in reply.body:
            # Chrome answers to no other names than localhost and numbers (against DNS
            # rebinding), while in a network of containers it has a name.
            host = "localhost" if parts.port is None else f"localhost:{parts.port}"
            reply = http.get(without_user(address), headers={"Host": host}, **options)
    return _read_version(reply), host


def _read_version(reply: Reply) -> dict[str, Any]:
    where = f"{ENGINE} at {reply.address}"
    if not reply.ok:
        raise _refused(where, reply.status)
    answer = reply.json()
    if not isinstance(answer, dict) or not all(
        isinstance(answer.get(name), str) for name in ("Browser", "webSocketDebuggerUrl")
    ):
        raise AnswerInvalid(
            where,
            "it names neither a browser nor its WebSocket",
            "Check that 'browser_url' is a browser's DevTools address; a page of Chrome's "
            "/json/version shows 'Browser' and 'webSocketDebuggerUrl'.",
        )
    return answer


def _refused(where: str, status: int) -> CreativeError:
    """What an HTTP status from there means."""
    if status in (401, 403):
        said = "the token or password in 'browser_url' is missing or wrong"
        return EngineRejected(where, said, status, "Correct it in 'browser_url'.")
    if status == 404:
        said = "no browser is at this path"
        return EngineRejected(
            where,
            said,
            status,
            "Check the host, port and path in 'browser_url': /json/version under it has to answer.",
        )
    if status == 429:
        said = "all its places are taken"
        return EngineRejected(where, said, status, "Try again when others have finished.")
    if status in _GATEWAY:
        return EngineUnavailable(
            where,
            f"it answered {status}, so it is starting or overloaded, or a proxy before it "
            "does not reach it",
            "Try again in a minute; its log says more.",
        )
    return EngineRejected(
        where,
        "it does not say which browser it is",
        status,
        "Its log says why; check also that 'browser_url' is a browser's DevTools address.",
    )


def _scheme(browser_url: str) -> str:
    try:
        parts = urlsplit(browser_url)
        scheme, host, _ = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if scheme not in ("http", "https", "ws", "wss") or not host:
        raise InvalidInput(
            "browser_url",
            redact(browser_url),
            "a DevTools address: http, https, ws or wss",
            "For example http://chrome:9222 or wss://host/?token=….",
        )
    return scheme


def _is_loopback(address: str) -> bool:
    return urlsplit(address).hostname in _LOOPBACK


def _basic(address: str) -> str:
    parts = urlsplit(address)
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
