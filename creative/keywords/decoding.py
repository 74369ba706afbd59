"""From the bytes of a file of text to its text."""

from __future__ import annotations

import re

from creative import decoding
from creative.errors import InvalidInput
from creative.keywords.columns import HEADER_WITHIN, read_header

# Not str.splitlines: it also splits at form feeds and the like.
LINE_END = re.compile(r"\r\n|\r|\n")
DELIMITERS = ("\t", ",", ";", "|")
SAVE_AS = "Save the list as 'CSV UTF-8', as .xlsx, or as plain text in UTF-8; upload it again."
_READABLE = "a text, CSV or XLSX file; text in UTF-8, UTF-16 or Windows-1252"
# What Excel and the tools of China, Taiwan and Japan write; told apart by the titles of columns.
_EASTERN = ("gb18030", "cp932", "big5hkscs")


def decode(data: bytes, filename: str, parameter: str) -> str:
    """The text in a file.

    Raises:
        InvalidInput: it is no text, or in an encoding that is not told from others.
    """

    def refuse(what: str) -> InvalidInput:
        allowed = f"{_READABLE}, and {what}" if what else _READABLE
        return InvalidInput(parameter, filename, allowed, SAVE_AS)

    return decoding.decode(data, refuse, _is_binary, _by_titles)


def _is_binary(data: bytes) -> bool:
    return b"\x00" in data or data.startswith((b"PK\x03\x04", b"%PDF"))


def _by_titles(data: bytes) -> str | None:
    """The text of a table whose header, in an East Asian encoding, names a column of keywords.

    Almost any bytes can be read in these encodings; only in the right one do they make a title
    that is known.
    """
    top = b"\n".join(re.split(rb"\r\n|\r|\n", data, maxsplit=HEADER_WITHIN)[:HEADER_WITHIN])
    for encoding in _EASTERN:
        try:
            lines = LINE_END.split(top.decode(encoding))
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        for line in lines:
            for delimiter in DELIMITERS:
                titles = [title.strip().strip('"') for title in line.split(delimiter)]
                header = read_header(0, titles)
                if header is not None and not header.columns["keyword"].title.isascii():
                    return text
    return None
