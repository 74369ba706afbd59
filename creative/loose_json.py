"""JSON as language models write it: in fences, in prose, after thinking, with mistakes.

What is JSON is read as it is. What is not is repaired by the package json-repair, which knows
most mistakes that models make: commas, quotes, brackets, comments, Python's words. Here is what
it does not do: find the objects in a text, tell which one is complete, and stop in time. An
answer that was cut off is closed after its last complete object or array, and only where the
caller accepts a part: json-repair would sell half a sentence as a whole one.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from creative.deadline import Deadline
from creative.worker import Overtime, Worker

if TYPE_CHECKING:
    from creative.worker import Progress

MAX_STARTS = 200
"""Places in a text at which JSON is looked for: prose may hold any number of brackets."""
MAX_WALKED = 800_000
"""Characters that are walked to find out where something broken ends."""
MAX_HERE = 10_000
"""Characters of a text with broken JSON that are searched in the plugin's own process: 400,000
characters of brackets take seconds."""
MAX_REPAIRS = 4
MAX_THOUGHTS = 10
"""Thoughts after which an answer is looked for that is JSON as it is."""
MAX_DEPTH = 100
REPAIR_SECONDS = 5.0
"""Of all repairs of an answer, and of the search in a long one: the time grows with the square of
some kinds of nonsense. Only work counts, neither the start of the process nor another call's turn:
a slow machine would make of each repair a second question, which costs money."""

_repairs = Worker("answers of language models", idle_seconds=60.0)

_THOUGHTS = re.compile(r"<(/?)(?:think|thinking|reasoning|thought)>", re.IGNORECASE)
# A number that JSON does not have says nothing.
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
_OPENING = re.compile(r"[{\[]")
_CLOSERS = {"{": "}", "[": "]"}
_QUOTES = {'"': '"', "“": '”“"', "„": '“”"', "'": "'", "‘": "’", "`": "`"}
_BEGINS = re.compile(
    r"""\{\s*(?:["'“”„‘’`{}/#]|[A-Za-z_]\w*["']?\s*[:：=])|\[\s*["'“”„‘’`{\[\]/#\d-]""", re.VERBOSE
)
"""How an object or an array begins; other brackets belong to prose."""
_SIGN = re.compile(r"""[{}\[\]"“„`]|(?<![\w"'“”„‘’`])['‘]|//[^\n]*|/\*[^*]{0,500}\*/|#[^\n]*""")
_AFTER_STRING = re.compile(r"\s*(?:[,;:=+}\]，：；＝]|//|/\*|\#|\Z)")
"""What follows the quote that ends a string; any other quote was meant to be in it."""
_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
# What json-repair reads wrongly or not at all (seen with 0.64).
_MENDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r'(?<![\\"])"""(?!")'), '"'),
    (re.compile(r'(?<=[:\[,])(\s*)`([^`"\\]*)`(?=\s*[,}\]])'), r'\1"\2"'),
    (re.compile(r'(?<!\\)"\s*\+\s*"'), ""),
    (re.compile(r"(?<=[:,\[])\s*undefined(?=\s*[,}\]])"), " null"),
    (re.compile(r"(?<=[\"”'’])\s*(?:[：＝]|=>?)\s*(?=[\"“'‘\[{\d])"), ": "),
    (re.compile(r"(?<=[\"”'’\]}\d])\s*[，；]\s*(?=[\"“'‘\[{\d])"), ", "),
)


def without_thinking(text: str) -> str:
    """`text` without the thoughts that some models write before their answer."""
    kept, start, opened = "", 0, -1
    for tag in _THOUGHTS.finditer(text):
        if not tag.group(1):
            opened = tag.start() if opened < 0 else opened
            continue
        # The opening tag is part of some models' prompt, so that only the closing one comes.
        kept = kept + text[start:opened] if opened >= 0 else ""
        start, opened = tag.end(), -1
    return kept + text[start:]


def objects(
    text: str, deadline: Deadline, partial: bool = False, cut: bool = False
) -> Iterator[Any]:
    """The JSON objects and arrays in `text`, the longest first, repaired if they have to be.

    Args:
        text: what a language model wrote.
        deadline: the call's clock.
        partial: whether one that never ends counts as far as it is complete.
        cut: whether the model was stopped: brackets at the end were then not just forgotten.

    Raises:
        EngineUnavailable: the process that repairs cannot be started.
    """
    plain = _unquoted(_answer(text))
    first = _most_of(plain)
    if first is not None:
        yield first.value
    found, spent = _all(plain, partial, cut, deadline)
    repairs, seconds = 0, REPAIR_SECONDS - spent
    for one in sorted(found, key=_length):
        if first is not None and one.start == first.start:
            continue
        if not one.broken:
            yield one.value
        elif repairs < MAX_REPAIRS and seconds > 0:
            value, spent = _called("repair", one.broken, deadline, seconds)
            repairs += 1
            seconds -= spent
            if value is not None:
                yield value


def _answer(text: str) -> str:
    """`text` without thoughts; an answer that is JSON may speak of their tags in its strings."""
    ends = (tag.end() for tag in _THOUGHTS.finditer(text) if tag.group(1))
    for at in (0, *islice(ends, MAX_THOUGHTS)):
        rest = text[at:]
        whole = _most_of(rest)
        if whole is not None and not _THOUGHTS.search(rest[: whole.start] + rest[whole.end :]):
            return rest
    return without_thinking(text)


def find(payload: tuple[str, bool, bool], progress: Progress) -> tuple[list[_Found], float]:
    """The job: every object and array in a text, and the seconds that took."""
    began = time.monotonic()
    return list(_found(*payload)), time.monotonic() - began


def repair(broken: str, progress: Progress) -> tuple[Any, float]:
    """The job: what text that is meant to be an object or an array says, and the seconds it took.

    None instead of a value if it is neither.
    """
    began = time.monotonic()
    return _repaired(broken), time.monotonic() - began


def _repaired(broken: str) -> Any:
    import json_repair

    text = _SURROGATES.sub(_joined, broken)
    for pattern, replacement in _MENDS:
        text = pattern.sub(replacement, text)
    try:
        value = json_repair.loads(text)
    except (ValueError, RecursionError):
        return None  # nested too deeply
    return value if isinstance(value, dict | list) and value else None


class _Found(NamedTuple):
    start: int
    end: int
    value: Any = None
    broken: str = ""


def _length(one: _Found) -> int:
    return one.start - one.end


def _most_of(text: str) -> _Found | None:
    """The object or array that is most of `text`, if it is no worse than that: the usual case."""
    opening = _OPENING.search(text)
    start = opening.start() if opening else 0
    value, end = _decoded(text, start) if opening else (None, None)
    fine = end is not None and end - start > len(text) / 2
    return _Found(start, end, value) if fine and end is not None else None


def _all(text: str, partial: bool, cut: bool, deadline: Deadline) -> tuple[list[_Found], float]:
    if len(text) <= MAX_HERE:
        return list(_found(text, partial, cut)), 0.0
    found, spent = _called("find", (text, partial, cut), deadline, REPAIR_SECONDS)
    return found or [], spent


def _unquoted(text: str) -> str:
    """An object inside a JSON string."""
    bare = text.strip()
    if bare[:2] in ('"{', '"['):
        inside, end = _decoded(bare, 0)
        if isinstance(inside, str) and end == len(bare):
            return inside
    return text


def _found(text: str, partial: bool, cut: bool) -> Iterator[_Found]:
    at, walked = 0, 0
    for _ in range(MAX_STARTS):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        start = opening.start()
        value, end = _decoded(text, start)
        at = start + 1
        if end is not None:
            yield _Found(start, end, value)
            at = end
        elif walked < MAX_WALKED and _BEGINS.match(text, start):
            walk = _Walk(text, start)
            walked += walk.end - start
            broken = walk.whole(cut) or (walk.part() if partial else "")
            if broken:
                yield _Found(start, walk.end, broken=broken)


def _decoded(text: str, start: int) -> tuple[Any, int | None]:
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, None


def _called(job: str, payload: object, deadline: Deadline, seconds: float) -> tuple[Any, float]:
    """What a job of this module answers and how long it worked; None if longer than `seconds`.

    Raises:
        DeadlineExceeded: the call's own clock ended it.
        EngineUnavailable: the process cannot be started.
    """
    try:
        value, spent = _repairs.call(
            f"creative.loose_json:{job}", payload, deadline, seconds=seconds
        )
    except Overtime:
        return None, seconds
    return value, spent


def _joined(match: re.Match[str]) -> str:
    """Two halves of a character that is written as escapes."""
    halves = [int(half, 16).to_bytes(2) for half in match.groups()]
    return b"".join(halves).decode("utf-16-be")


class _Walk:
    """One walk from an opening bracket to where it closes, or to the end of the text.

    Attributes:
        end: where the walk ended.
    """

    def __init__(self, text: str, start: int) -> None:
        self._text, self._start = text, start
        self.end = start
        self._open: list[str] = []
        self._lost = False
        self._complete: tuple[int, int] | None = None
        """Where the last inner object or array closed, and how many were open there."""
        self._run()

    def whole(self, cut: bool) -> str:
        """The text from bracket to bracket; empty if it does not close."""
        found = self._text[self._start : self.end].rstrip()
        if not self._open:
            return found
        # Models forget the last brackets. Text that ends otherwise was cut off.
        if cut or self._lost or not found.endswith(("}", "]")):
            return ""
        return found + self._missing()

    def part(self) -> str:
        """The text up to the last object or array that closed, and closed there."""
        if self._complete is None or self.end < len(self._text):
            return ""
        at, depth = self._complete
        # Since then brackets were opened only: those that were open still are.
        return self._text[self._start : at] + self._missing(depth)

    def _run(self) -> None:
        while sign := _SIGN.search(self._text, self.end):
            self.end = sign.end()
            found = sign.group()
            if found in _QUOTES:
                self._string(_QUOTES[found])
            elif found in _CLOSERS:
                self._open.append(found)
                self._lost = len(self._open) > MAX_DEPTH
            elif found in "}]" and self._closes(found):
                return
            if self._lost:
                return
        self.end = len(self._text)

    def _closes(self, sign: str) -> bool:
        """Close what `sign` closes, and whatever was left open in it; whether that was all."""
        for depth in range(len(self._open) - 1, -1, -1):
            if _CLOSERS[self._open[depth]] == sign:
                break
        else:
            return False
        del self._open[depth:]
        self._complete = self.end, depth
        return not self._open

    def _missing(self, depth: int | None = None) -> str:
        """What closes the brackets that are open, or the first `depth` of them."""
        return "".join(_CLOSERS[bracket] for bracket in reversed(self._open[:depth]))

    def _string(self, closers: str) -> None:
        pattern = re.compile(rf"\\.|[{closers}]", re.DOTALL)
        for found in pattern.finditer(self._text, self.end):
            if found.group() in closers and _AFTER_STRING.match(self._text, found.end()):
                self.end = found.end()
                return
        self.end, self._lost = len(self._text), True
