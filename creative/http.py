"""HTTP to other servers: one session factory with time-outs, retry rules and a circuit breaker.

- Every request has a connect and a read time-out, both taken from the call's `Deadline`. A
  socket's time-out starts again with every byte, so a timer shuts the connection when the
  deadline passes: a server that drips one byte a second cannot outlive it.
- Only GET and HEAD are ever repeated, and only when the connection failed or the server said
  503. A POST may have queued or billed a job: it is sent once.
- No redirect is followed: it would send a POST twice, and what is in it to somebody else.
- After some connection failures in a row an address rests (`creative.breaker`); meanwhile calls
  fail at once instead of waiting for one more time-out.
- Addresses are redacted before they appear anywhere.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError, LocationValueError, ProtocolError

from creative.breaker import FAILURES_TO_OPEN, Breaker, breaker_of
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, EngineUnavailable, TooLarge
from creative.http_reply import Reply, Stream
from creative.sockets import Sockets

__all__ = ["CONNECT_SECONDS", "MAX_BODY_BYTES", "Client", "Reply", "Stream", "client", "redact",
           "redact_text"]  # fmt: skip

CONNECT_SECONDS = 10.0
MAX_BODY_BYTES = 30 * 1024 * 1024
"""Dify refuses files over 30 MiB, so nothing larger is worth reading."""
RETRY_METHODS = frozenset({"GET", "HEAD"})
RETRIES = 2
RETRY_PAUSE_SECONDS = 0.5

# The scheme is bounded: "a-a-a-…" took time by the square of its length.
_USERINFO_OR_QUERY = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,30}://)[^\s\"'<>]+", re.IGNORECASE)


def redact(address: str) -> str:
    """The address without user, password, query and fragment: what may be shown.

    >>> redact("https://user:pass@example.com:8443/a/b?token=secret#x")
    'https://example.com:8443/a/b?…'
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "(an unreadable address)"
    if not parts.scheme or host is None:
        return address.split("?", maxsplit=1)[0].rpartition("@")[2]
    if ":" in host:
        host = f"[{host}]"
    netloc = host if port is None else f"{host}:{port}"
    hidden = "?…" if parts.query or parts.fragment else ""
    return urlunsplit((parts.scheme, netloc, parts.path, "", "")) + hidden


def redact_text(text: str) -> str:
    """`text` with every address in it redacted."""
    return _USERINFO_OR_QUERY.sub(lambda found: redact(found.group(0)), text)


class Client:
    """HTTP to one engine, within one call's deadline. Use `client()` to make one."""

    def __init__(self, engine: str, deadline: Deadline, session: requests.Session) -> None:
        self.engine = engine
        self.deadline = deadline
        self._session = session
        self._sockets = Sockets()
        for scheme in ("http://", "https://"):
            session.mount(scheme, self._sockets.adapter())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def judged_by(self, judge: Callable[[str], None]) -> None:
        """Hand the IP address of each new connection to `judge` before a request goes over it.

        What it raises (an error of the tree) ends the request.
        """
        self._sockets.judge = judge

    def abort(self) -> None:
        """Shut its connections: a request under way in another thread fails at once."""
        self._sockets.shut()

    def get(self, address: str, **options: Any) -> Reply:
        """GET; see `request`."""
        return self.request("GET", address, **options)

    def post(self, address: str, **options: Any) -> Reply:
        """POST, sent once; see `request`."""
        return self.request("POST", address, **options)

    def request(
        self,
        method: str,
        address: str,
        *,
        max_bytes: int = MAX_BODY_BYTES,
        read_seconds: float | None = None,
        **options: Any,
    ) -> Reply:
        """One request, its whole answer.

        Args:
            method: HTTP method.
            address: absolute URL.
            max_bytes: longest body that is read.
            read_seconds: longest silence of the server; default: the deadline alone.
            options: passed to `requests` (params, headers, json, data, files, auth).

        Raises:
            EngineUnavailable: no connection, a broken one, or an address that rests.
            DeadlineExceeded: the call's time is up.
            TooLarge: the body is over `max_bytes`.
            AnswerInvalid: it redirects to an address that is none.
        """
        shown, breaker = self._awake(address)
        tries = 1 + (RETRIES if method.upper() in RETRY_METHODS else 0)
        for attempt in range(1, tries + 1):
            last = attempt == tries
            try:
                reply = self._once(method, address, shown, max_bytes, read_seconds, options)
            except (requests.RequestException, HTTPError, OSError) as error:
                self._failed(error, breaker, address, shown, last)
            else:
                breaker.answered()
                if reply.status != 503 or last:
                    return reply
            self.deadline.sleep(RETRY_PAUSE_SECONDS * attempt, f"waiting for {self.engine}")
        raise AssertionError("unreachable: the last try returns or raises")

    @contextlib.contextmanager
    def opened(self, method: str, address: str, **options: Any) -> Iterator[Stream]:
        """One request whose answer is read as it comes; sent once, whatever happens.

        Args:
            method: HTTP method.
            address: absolute URL.
            options: passed to `requests`, as for `request`.

        Raises:
            EngineUnavailable: no connection, one that broke, or an address that rests; also
                while the answer is read.
            DeadlineExceeded: the call's time is up; also while the answer is read.
            AnswerInvalid: it redirects to an address that is none.
        """
        shown, breaker = self._awake(address)
        doing = f"waiting for {self.engine} at {shown}"
        connect = self.deadline.timeout(doing, CONNECT_SECONDS)
        timer = threading.Timer(self.deadline.timeout(doing), self._sockets.shut)
        timer.daemon = True
        timer.start()
        try:
            answer = self._sent(
                method, address, shown, (connect, self.deadline.timeout(doing)), options
            )
            with answer:
                breaker.answered()
                yield Stream(answer.status_code, answer.headers, answer.raw, shown)
        except (requests.RequestException, HTTPError, OSError) as error:
            self._failed(error, breaker, address, shown, last=True)
        finally:
            timer.cancel()

    def _awake(self, address: str) -> tuple[str, Breaker]:
        """The address as it may be shown, and its breaker: it does not rest."""
        shown = redact(address)
        try:
            breaker = breaker_of(address)
        except ValueError as error:
            raise self._no_address(shown) from error
        rest = breaker.resting()
        if rest:
            raise EngineUnavailable(
                f"{self.engine} at {shown}",
                f"it failed {FAILURES_TO_OPEN} times in a row and rests for {rest:.0f} s more",
                "Check that the server is running, then try again.",
            )
        return shown, breaker

    def _failed(
        self, error: Exception, breaker: Breaker, address: str, shown: str, last: bool
    ) -> None:
        """Raise unless another try may help; a request counts once, however often it is tried."""
        if isinstance(
            error,
            requests.exceptions.InvalidURL
            | requests.exceptions.MissingSchema
            | requests.exceptions.InvalidSchema
            | LocationValueError,
        ):
            raise self._no_address(shown) from error
        if self.deadline.expired:
            breaker.failed()
            raise self.deadline.error(f"waiting for {self.engine} at {shown}") from error
        temporary = isinstance(error, requests.ConnectionError) and not isinstance(
            error, requests.exceptions.SSLError
        )
        if last or not temporary or breaker.resting():
            breaker.failed()
            raise EngineUnavailable(
                f"{self.engine} at {shown}",
                _reason(error),
                "Check the address and that the server is running and reachable from here.",
            ) from error

    def _no_address(self, shown: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"{self.engine} at {shown}",
            "this is not an http or https address",
            "Give the address with its scheme, for example http://localhost:7860.",
        )

    def _once(
        self,
        method: str,
        address: str,
        shown: str,
        max_bytes: int,
        read_seconds: float | None,
        options: dict[str, Any],
    ) -> Reply:
        doing = f"waiting for {self.engine} at {shown}"
        connect = self.deadline.timeout(doing, CONNECT_SECONDS)
        read = self.deadline.timeout(doing, read_seconds)
        timer = threading.Timer(self.deadline.timeout(doing), self._sockets.shut)
        timer.daemon = True
        timer.start()
        try:
            answer = self._sent(method, address, shown, (connect, read), options)
            return self._whole(method, answer, shown, max_bytes)
        finally:
            timer.cancel()

    def _sent(
        self,
        method: str,
        address: str,
        shown: str,
        patience: tuple[float, float],
        options: dict[str, Any],
    ) -> requests.Response:
        options = {"allow_redirects": False, **options}
        try:
            return self._session.request(method, address, timeout=patience, stream=True, **options)
        except (requests.RequestException, HTTPError):
            raise  # some of them are ValueErrors, too
        except ValueError:
            # requests reads the target of a redirect even where it does not follow it.
            raise AnswerInvalid(
                f"{self.engine} at {shown}", "it redirects to an address that is none"
            ) from None

    def _whole(self, method: str, answer: requests.Response, shown: str, max_bytes: int) -> Reply:
        doing = f"waiting for {self.engine} at {shown}"
        with answer:
            body = bytearray()
            while chunk := answer.raw.read(65536, decode_content=True):
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(
                        f"The answer of {self.engine} at {shown}",
                        f"over {max_bytes // 1024} KB",
                        f"{max_bytes // 1024} KB",
                    )
            self.deadline.check(doing)  # the body may be short because the timer cut it
            expected = answer.headers.get("content-length")
            if (
                expected is not None
                and method.upper() != "HEAD"
                and "content-encoding" not in answer.headers
                and expected.isdigit()
                and len(body) < int(expected)
            ):
                raise ProtocolError(f"the body stopped after {len(body)} of {expected} bytes")
            return Reply(answer.status_code, answer.headers, bytes(body), shown, self.engine)


def client(engine: str, deadline: Deadline) -> Client:
    """A client for one engine within one call.

    Proxies come from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) as everywhere.

    Args:
        engine: who is talked to, for error messages ("the browser", "Stable Diffusion").
        deadline: the call's clock.
    """
    session = requests.Session()
    session.headers["User-Agent"] = "creative-studio/0.1"
    # requests would take passwords from ~/.netrc for any host: not ours to send.
    session.auth = _no_auth
    return Client(engine, deadline, session)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(error: Exception) -> str:
    """What went wrong with a connection, in few words and without secrets."""
    text = str(error)
    for pattern, words in (
        ("Name or service not known|nodename nor servname|getaddrinfo|NameResolution|"
         "name resolution", "its name cannot be resolved"),
        ("Connection refused", "the connection was refused"),
        ("CERTIFICATE|certificate", "its TLS certificate is not trusted"),
        ("WRONG_VERSION_NUMBER|SSL", "it does not speak TLS as expected (http instead of https?)"),
        ("ProxyError|proxy", "the proxy on the way refused or did not answer"),
        ("connect timeout|ConnectTimeout", "no connection within the time-out"),
        ("Read timed out|ReadTimeout", "it accepted the connection and did not answer in time"),
        ("the body stopped|IncompleteRead", "it stopped in the middle of its answer"),
        ("Connection aborted|RemoteDisconnected|reset by peer",
         "it closed the connection without an answer"),
        ("No route to host|Network is unreachable", "there is no route to it"),
    ):  # fmt: skip
        if re.search(pattern, text):
            return words
    return type(error).__name__
