"""What a server answers: a whole reply, or a stream that still comes. Made by `creative.http`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from creative.errors import AnswerInvalid, shorten


@dataclass(frozen=True)
class Reply:
    """A whole answer.

    Attributes:
        status: HTTP status code.
        headers: header names are case-insensitive.
        body: bytes, decompressed.
        address: where it came from, redacted.
        engine: who answered, for error messages.
    """

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: bytes
    address: str
    engine: str

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def text(self) -> str:
        """The body as text: the declared charset, else UTF-8, undecodable bytes replaced."""
        declared = requests.utils.get_encoding_from_headers(self.headers)
        charset = declared if "charset" in self.headers.get("content-type", "") else None
        try:
            return self.body.decode(charset or "utf-8", errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            AnswerInvalid: it is not JSON; the error shows how the body begins.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # the latter: nested thousands deep
            begins = shorten(self.text(), 80) or "(empty)"
            raise AnswerInvalid(
                f"{self.engine} at {self.address}",
                f"status {self.status}, no JSON, the body begins: {begins}",
                "Check that the address is that of the server's API and that no proxy or login "
                "page answers in its place.",
            ) from None


@dataclass(frozen=True)
class Stream:
    """An answer that is still coming.

    Attributes:
        status: HTTP status code.
        headers: header names are case-insensitive.
        raw: urllib3's response; it decompresses.
        address: where it comes from, redacted.
    """

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    raw: Any
    address: str

    def pieces(self) -> Iterator[bytes]:
        """What comes, as soon as it comes."""
        while piece := self.raw.read1(65536, decode_content=True):
            yield piece
