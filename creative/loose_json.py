"""JSON as language models write it: in fences, in prose, after thinking, with small mistakes.

Repaired is only what cannot change the meaning: trailing commas, curly or single quotes around
strings, line breaks inside strings, and Python's True, False and None. An answer that was cut
off is closed after its last complete object or array, and only where the caller accepts a part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_STARTS = 40
"""Places in a text at which JSON is looked for: prose may hold any number of brackets."""
MAX_WALKED = 600_000
"""Characters that are read for repairs, over and over in nonsense; about 0.2 seconds."""

_THINKING = re.compile(r"<(think|thinking|reasoning|thought)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THINKING_END = re.compile(r"</(think|thinking|reasoning|thought)>", re.IGNORECASE)
_DECODER = json.JSONDecoder(strict=False)
_CLOSERS = {"{": "}", "[": "]"}
_QUOTES = {'"': '"', "“": '”“"', "„": '“”"', "'": "'", "‘": "’"}
_WORDS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}


def without_thinking(text: str) -> str:
    """`text` without the thoughts that some models write before their answer."""
    text = _THINKING.sub("", text)
    # The opening tag is part of some models' prompt, so that only the closing one comes.
    return text[ends[-1].end() :] if (ends := list(_THINKING_END.finditer(text))) else text


def objects(text: str, partial: bool = False) -> list[Any]:
    """The JSON objects and arrays in `text`, the longest first.

    Args:
        text: what a language model wrote.
        partial: whether one that never ends counts as far as it is complete.
    """
    found = [(end - start, value) for start, end, value in _found(without_thinking(text), partial)]
    return [value for _, value in sorted(found, key=lambda one: -one[0])]


def _found(text: str, partial: bool) -> Iterator[tuple[int, int, Any]]:
    at, walked = 0, 0
    for _ in range(MAX_STARTS):
        opening = re.compile(r"[{\[]").search(text, at)
        if opening is None:
            return
        start = opening.start()
        value, end = _decoded(text, start)
        if end is None and walked < MAX_WALKED:
            rewriting = _Rewriting(text, start)
            rewriting.run()
            walked += rewriting.at - start
            value, end = rewriting.value(partial)
        if end is None:
            at = start + 1
        else:
            yield start, end, value
            at = end


def _decoded(text: str, start: int) -> tuple[Any, int | None]:
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, None


class _Rewriting:
    """One walk over a text from an opening bracket to where it closes."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start
        self._out: list[str] = []
        self._open: list[str] = []
        self._complete: tuple[int, str] | None = None
        """How much of `_out` is complete, and what would close it there."""

    def run(self) -> None:
        """Walk until the first bracket closes or the text ends."""
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign in _QUOTES:
                if not self._string(_QUOTES[sign]):
                    return
            elif sign in _CLOSERS:
                self._open.append(sign)
                self._put(sign)
            elif sign in "}]":
                if _CLOSERS[self._open[-1]] != sign:
                    return
                self._close(sign)
                if not self._open:
                    return
            elif word := re.compile(r"[A-Za-z_]+").match(self.text, self.at):
                self._out.append(_WORDS.get(word.group(), word.group()))
                self.at = word.end()
            else:
                self._put(sign)

    def value(self, partial: bool) -> tuple[Any, int | None]:
        """What was read, and where it ends in the text; no end if it is no JSON."""
        fixed = self._whole() or (self._part() if partial else None)
        if fixed is None:
            return None, None
        value, end = _decoded(fixed, 0)
        return value, None if end is None else self.at

    def _whole(self) -> str | None:
        """The rewritten text, if its first bracket closed."""
        return None if self._open else "".join(self._out)

    def _part(self) -> str | None:
        """The rewritten text up to the last object or array that closed, and closed there."""
        if self._complete is None or self.at < len(self.text):
            return None
        length, closing = self._complete
        return "".join(self._out[:length]) + closing

    def _put(self, sign: str) -> None:
        self._out.append(sign)
        self.at += 1

    def _close(self, sign: str) -> None:
        self._open.pop()
        last = next((i for i in range(len(self._out) - 1, -1, -1) if self._out[i].strip()), 0)
        if self._out[last] == ",":
            del self._out[last]
        self._put(sign)
        closing = "".join(_CLOSERS[bracket] for bracket in reversed(self._open))
        self._complete = len(self._out), closing

    def _string(self, closers: str) -> bool:
        """Copy a string as JSON has it; False if it never ends."""
        start, at = self.at + 1, self.at + 1
        while at < len(self.text):
            sign = self.text[at]
            if sign == "\\":
                at += 2
                continue
            if sign in closers:
                self._out.append(_as_json(self.text[start:at]))
                self.at = at + 1
                return True
            at += 1
        self.at = len(self.text)
        return False


def _as_json(inside: str) -> str:
    """What stands between quotes, in double quotes; its escapes stay as they are."""
    bare = re.sub(r'(\\.)|"', lambda m: m.group(1) or '\\"', inside, flags=re.DOTALL)
    return '"' + bare.replace("\\'", "'") + '"'
