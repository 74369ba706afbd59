"""From the bytes of a file to its text: what holds for any text.

What is told apart by the words in it (East Asian encodings, mostly) is the business of whoever
knows what kind of text it is: `creative.keywords.decoding` for lists, `creative.content.encodings`
for prose.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from creative.errors import InvalidInput

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Marks at the beginning, the longer ones first, and the encodings that they tell."""


def decode(
    data: bytes,
    refuse: Callable[[str], InvalidInput],
    is_binary: Callable[[bytes], bool],
    guess: Callable[[bytes], str | None],
) -> str:
    """The text in a file: by its mark, else UTF-8, else as guessed, else Windows-1252.

    Args:
        data: the file.
        refuse: makes the error (not raised) of what the file is instead, "" if unknown.
        is_binary: whether a file without a mark is no text.
        guess: its text in another encoding, or None if it is surely in none of those.

    Raises:
        InvalidInput: it is no text, or in an encoding that is not told from others.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise refuse("") from error
    if is_binary(data):
        raise refuse("this is a binary file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        guessed = guess(data)
    if guessed is not None:
        return guessed
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise refuse("") from error
    # In Western text a non-ASCII byte stands among ASCII letters. In GBK, Big5 or Shift-JIS
    # they come in pairs, and reading those as Windows-1252 would give silent nonsense.
    special = len(re.findall(rb"[\x80-\xff]", data))
    paired = sum(len(run) for run in re.findall(rb"[\x80-\xff]{2,}", data))
    if paired * 3 > special:
        raise refuse("this is in another encoding")
    return text
