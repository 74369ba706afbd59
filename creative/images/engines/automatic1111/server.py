"""One Stable Diffusion server within one call: its address, its login, GET and POST."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from creative import http
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, InvalidInput
from creative.http import Reply
from creative.images.engines import replies

ENGINE = "Stable Diffusion"
MAX_ANSWER_BYTES = 512 * 1024 * 1024
"""8 pictures of 2048 x 2048 are about 130 MB as base64; a batch of 16 of noise is twice that."""
LOOK_SECONDS = 5.0
"""Longest silence on a question about progress: the picture itself matters more."""


class Server:
    """Use it as a context; it closes its connections.

    Args:
        address: as configured; user and password in it count more than `login`.
        login: "user:password" or "".
        deadline: the clock of everything that is asked through it.

    Raises:
        InvalidInput: `login` has no colon, or `address` is none.
    """

    def __init__(self, address: str, login: str, deadline: Deadline) -> None:
        self._address, self._login = address, login
        self.base, self._auth = _split(address.strip(), login)
        self.shown = http.redact(self.base)
        self.who = f"{ENGINE} at {self.shown}"
        self.deadline = deadline
        self._client = http.client(ENGINE, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def within(self, deadline: Deadline) -> Server:
        """The same server on another clock and its own connections."""
        return Server(self._address, self._login, deadline)

    def hang_up(self) -> None:
        """Shut the connections; whoever waits for an answer in another thread gets an error."""
        self._client.abort()

    def get(self, path: str, **options: Any) -> Reply:
        """GET a path below the address; redirects come back as they are."""
        return self._client.get(self.base + path, **self._options(options))

    def post(self, path: str, data: Any, **options: Any) -> Reply:
        """POST JSON, once."""
        return self._client.post(self.base + path, json=data, **self._options(options))

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "auth": self._auth,
            "allow_redirects": False,
            "max_bytes": MAX_ANSWER_BYTES,
            **options,
        }

    def read(self, path: str, **options: Any) -> Any:
        """The JSON of a GET.

        Raises:
            EngineRejected, EngineUnavailable, AnswerInvalid: see `replies.read`.
        """
        return self.json(self.get(path, **options))

    def rows(self, path: str) -> list[dict[str, Any]]:
        """The list of objects that a GET gives.

        Raises:
            AnswerInvalid: it is something else.
        """
        rows = self.read(path)
        if not isinstance(rows, list):
            raise AnswerInvalid(self.who, f"GET {path} gave no list")
        return [row for row in rows if isinstance(row, dict)]

    def json(self, reply: Reply) -> Any:
        """The JSON of a success, else the error that explains it."""
        return replies.read(reply, "sd_auth", "sd_base_url")

    def check(self, reply: Reply) -> None:
        """Raise unless the status is 2xx."""
        replies.check(reply, "sd_auth", "sd_base_url")


def _split(address: str, login: str) -> tuple[str, tuple[bytes, bytes] | None]:
    """The address without user and password, and these."""
    try:
        parts = urlsplit(address)
        user, password = parts.username, parts.password
    except ValueError:
        raise InvalidInput(
            "sd_base_url", http.redact(address), "an address such as http://localhost:7860"
        ) from None
    base = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if user is not None:
        # requests would send text as Latin-1; servers compare UTF-8 (RFC 7617, charset).
        return base.rstrip("/"), (unquote(user).encode(), unquote(password or "").encode())
    if not login:
        return base.rstrip("/"), None
    name, colon, secret = login.partition(":")
    if not colon:
        raise InvalidInput("sd_auth", "a text without a colon", "user:password")
    return base.rstrip("/"), (name.encode(), secret.encode())


class Sending:
    """A POST that waits for its answer in a thread of its own, while the caller looks on."""

    def __init__(self, server: Server, path: str, data: Any) -> None:
        self._server = server.within(server.deadline)
        self._path, self._data = path, data
        self._reply: Reply | None = None
        self._error: Exception | None = None
        self._done = threading.Event()
        # A greenlet in the plugin (gevent has patched threading), a thread elsewhere.
        self._thread = threading.Thread(target=self._work, name="sd-post", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._reply = self._server.post(self._path, self._data)
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
        finally:
            self._data = None
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether the answer, or the error, is there within `seconds`."""
        return self._done.wait(seconds)

    def take(self) -> Reply:
        """The answer, which is then forgotten here; raises what the POST raised."""
        if self._error is not None:
            raise self._error
        reply, self._reply = self._reply, None
        if reply is None:
            raise AssertionError("taken before it was there, or twice")
        return reply

    def stop(self) -> None:
        """Hang up, and wait until the thread has ended."""
        while not self._done.is_set():
            self._server.hang_up()
            self._done.wait(0.05)
        self._thread.join()
        self._server.__exit__(None, None, None)


@contextlib.contextmanager
def sending(server: Server, path: str, data: Any) -> Iterator[Sending]:
    """A POST under way; at the end of the context nothing of it is left here."""
    under_way = Sending(server, path, data)
    try:
        yield under_way
    finally:
        under_way.stop()
