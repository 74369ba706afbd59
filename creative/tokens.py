"""How many tokens a text has, about, and long texts in pieces.

Nobody here knows the tokenizer of the model that will be asked, so `count` is an estimate by kind
of character that errs on the high side: it was compared with tokenizers of 32,000 to 151,000
tokens on texts in eight languages (tests/test_tokens.py has the table).
"""

from __future__ import annotations

import math
from typing import NamedTuple

LEAST_TOKENS = 16
"""Smallest piece that can be asked for: any one character must fit."""


class Piece(NamedTuple):
    """A part of a text.

    Attributes:
        text: the part.
        start: where it starts, in characters of the whole.
    """

    text: str
    start: int


def count(text: str) -> int:
    """About how many tokens `text` has: rather too many than too few."""
    return math.ceil(len(text) / 3)


def split(text: str, most_tokens: int) -> list[Piece]:
    """`text` in pieces of at most `most_tokens`, cut at sentence borders.

    Raises:
        ValueError: `most_tokens` is below LEAST_TOKENS.
    """
    raise NotImplementedError
