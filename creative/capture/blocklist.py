"""Lists in Adblock Plus syntax: which requests they keep out, and what they hide.

Understood are blocking rules and exceptions with the options third-party, domain and kinds of
requests, lines of hosts files, and cosmetic rules that are plain CSS. The others are counted.

Rules are found by the request's host or by a word that must be in its address, so that most of
100,000 rules are never looked at.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

_HOST = re.compile(r"\|\|([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)(?=[\^/:?|]|$)")
_HOSTS_FILE = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1)\s+([a-z0-9_.-]+\.[a-z0-9-]+)\s*(?:#.*)?")
_OPTIONS = re.compile(r"[~a-z0-9_-]+(?:=[^,]*)?(?:,[~a-z0-9_-]+(?:=[^,]*)?)*", re.IGNORECASE)
_COSMETIC = re.compile(r"^([^#\s]*)(#@?#)(.+)$")
_UNCOSMETIC = re.compile(r"#@?[?$%]@?\$?#")
_PROCEDURAL = re.compile(r"[{}@]|/\*|\+js|:-abp-|:has-text|:xpath|:upward|:remove|:matches-|:style|"
                         r":min-text|:watch-|:others|^\^")  # fmt: skip
_WORD = re.compile(r"[a-z0-9%]{3,}")
_COMMON = frozenset(
    {"http", "https", "www", "com", "net", "org", "html", "php", "images", "static"}
)
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gob", "gov", "go", "gr", "ne", "net", "or",
                           "org"})  # fmt: skip

_KINDS = {
    "script": "script", "image": "image", "stylesheet": "stylesheet", "css": "stylesheet",
    "font": "font", "media": "media", "xmlhttprequest": "xmlhttprequest", "xhr": "xmlhttprequest",
    "subdocument": "subdocument", "frame": "subdocument", "ping": "ping", "beacon": "ping",
    "other": "other", "object": "object", "websocket": "websocket",
}  # fmt: skip
_DEVTOOLS = {
    "Document": "subdocument", "Stylesheet": "stylesheet", "Image": "image", "Media": "media",
    "TextTrack": "media", "Font": "font", "Script": "script", "XHR": "xmlhttprequest",
    "Fetch": "xmlhttprequest", "EventSource": "xmlhttprequest", "Ping": "ping",
    "WebSocket": "websocket",
}  # fmt: skip
"""Kinds of requests as DevTools and as lists name them."""


class _Rule(NamedTuple):
    pattern: str
    """With * ^ |, in small letters; "" where the host says all."""
    kinds: frozenset[str] | None
    third: bool | None
    only: tuple[str, ...]
    never: tuple[str, ...]

    def fits(self, url: str, kind: str, third: bool, page_host: str) -> bool:
        if self.kinds is not None and kind not in self.kinds:
            return False
        if self.third is not None and self.third is not third:
            return False
        if self.never and _under(page_host, self.never):
            return False
        if self.only and not _under(page_host, self.only):
            return False
        return not self.pattern or _compiled(self.pattern).search(url) is not None


_ALWAYS = _Rule("", None, None, (), ())
_THIRD = _Rule("", None, True, (), ())


class _Index:
    """Rules by host or word."""

    def __init__(self) -> None:
        self._by_host: dict[str, list[_Rule]] = {}
        self._by_word: dict[str, list[_Rule]] = {}
        self._rest: list[_Rule] = []

    def add(self, host: str, rule: _Rule) -> None:
        if host:
            self._by_host.setdefault(host, []).append(rule)
            return
        word = _word_of(rule.pattern)
        (self._by_word.setdefault(word, []) if word else self._rest).append(rule)

    def fits(self, url: str, host: str, kind: str, page_host: str) -> bool:
        third = site(host) != site(page_host)
        for name in _with_parents(host):
            for rule in self._by_host.get(name, ()):
                if rule.fits(url, kind, third, page_host):
                    return True
        for word in set(_WORD.findall(url)):
            for rule in self._by_word.get(word, ()):
                if rule.fits(url, kind, third, page_host):
                    return True
        return any(rule.fits(url, kind, third, page_host) for rule in self._rest)


class Rules:
    """Rules of one list, or of our table.

    Attributes:
        understood, skipped: how many rules of the list were taken in, and were not.
    """

    def __init__(self, lines: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self.understood = 0
        self.skipped = 0
        self._block, self._let = _Index(), _Index()
        self._hide: dict[str, list[str]] = {}
        self._show: dict[str, set[str]] = {}
        for host in hosts:
            self._block.add(host, _THIRD)
        for number, line in enumerate(lines):
            if number % 2000 == 1999:
                time.sleep(0)  # the plugin's other calls go on meanwhile
            text = line.strip()
            if text and not text.startswith(("!", "[", "# ")):
                taken = self._cosmetic(text) if "#" in text else None
                if taken is None:
                    taken = self._network(text)
                self.understood += taken
                self.skipped += not taken

    def unwanted(self, url: str, kind: str, page_host: str) -> bool:
        """Whether the page shall do without a request.

        Args:
            url: of the request.
            kind: as DevTools names it: Script, Image, … (Document: a frame).
            page_host: of the page that asks.
        """
        try:
            host = (urlsplit(url).hostname or "").rstrip(".")
        except ValueError:
            return False
        if not host:
            return False
        small, named = url.lower(), _DEVTOOLS.get(kind, "other")
        return self._block.fits(small, host, named, page_host) and not self._let.fits(
            small, host, named, page_host
        )

    def cosmetic(self, page_host: str) -> list[str]:
        """Selectors of what is hidden on pages of this host."""
        shown: set[str] = set()
        found: dict[str, None] = {}
        for name in ("", *_with_parents(page_host)):
            shown |= self._show.get(name, set())
            found.update(dict.fromkeys(self._hide.get(name, ())))
        for name in _with_parents(page_host):
            shown |= self._show.get("~" + name, set())
        return [selector for selector in found if selector not in shown]

    def _cosmetic(self, text: str) -> bool | None:
        """Take in a rule that hides; None: it is none."""
        found = _COSMETIC.match(text)
        if found is None:
            return False if _UNCOSMETIC.search(text) else None
        names, mark, selector = found.groups()
        if _PROCEDURAL.search(selector) or "/" in names or "*" in names:
            return False
        hosts = [name.strip().lower() for name in names.split(",") if name.strip()]
        if mark == "#@#":
            for host in hosts or [""]:
                self._show.setdefault(host, set()).add(selector)
            return True
        plain = [host for host in hosts if not host.startswith("~")]
        for host in plain or [""]:
            self._hide.setdefault(host, []).append(selector)
        for host in hosts:
            if host.startswith("~"):
                self._show.setdefault(host, set()).add(selector)
        return True

    def _network(self, text: str) -> bool:
        """Take in a rule that blocks, or lets through."""
        found = _HOSTS_FILE.fullmatch(text.lower())
        if found:
            self._block.add(found[1], _ALWAYS)
            return True
        index = self._block
        if text.startswith("@@"):
            index, text = self._let, text[2:]
        pattern, dollar, written = text.rpartition("$")
        if not dollar or not _OPTIONS.fullmatch(written):
            pattern, written = text, ""
        options = _options(written)
        if options is None or (pattern.startswith("/") and pattern.endswith("/") and pattern[1:]):
            return False
        pattern = pattern.lower().strip("*")
        if not pattern and not options[2]:
            return False
        host = _HOST.match(pattern)
        if host is None:
            index.add("", _Rule(pattern, *options))
            return True
        rest = pattern[host.end() :]
        if rest in ("^", "") and options == (None, None, (), ()):
            index.add(host[1], _ALWAYS)
        elif rest in ("^", ""):
            index.add(host[1], _Rule("", *options))
        else:
            index.add(host[1], _Rule(pattern, *options))
        return True


def site(host: str) -> str:
    """The part of a name that one owner has, nearly: without the public suffix list, two labels,
    three under co.uk and its like.

    >>> site("ads.shop.example.co.uk")
    'example.co.uk'
    """
    labels = host.split(".")
    if labels[-1].isdigit() or ":" in host:
        return host
    second = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if second else -2 :])


_Options = tuple[frozenset[str] | None, bool | None, tuple[str, ...], tuple[str, ...]]


def _options(written: str) -> _Options | None:
    """What stands after `$`; None if a part of it is not understood."""
    kinds: set[str] = set()
    without: set[str] = set()
    third: bool | None = None
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    for option in filter(None, written.lower().split(",")):
        name, _, value = option.partition("=")
        bare = name.removeprefix("~")
        if bare in ("third-party", "3p", "first-party", "1p"):
            third = (bare in ("third-party", "3p")) is not name.startswith("~")
        elif name in ("domain", "from") and value:
            hosts = value.split("|")
            if any("*" in host or "/" in host for host in hosts):
                return None
            only = tuple(host for host in hosts if not host.startswith("~"))
            never = tuple(host[1:] for host in hosts if host.startswith("~"))
        elif bare in _KINDS:
            (without if name.startswith("~") else kinds).add(_KINDS[bare])
        elif name not in ("match-case", "important", "all"):
            return None
    if kinds or without:
        return frozenset((kinds or set(_KINDS.values())) - without), third, only, never
    return None, third, only, never


def _word_of(pattern: str) -> str:
    """The longest word that is whole in every address that the pattern fits, or ""."""
    best = ""
    for found in _WORD.finditer(pattern):
        before = pattern[found.start() - 1] if found.start() else "*"
        after = pattern[found.end()] if found.end() < len(pattern) else "*"
        if "*" not in (before, after) and found[0] not in _COMMON and len(found[0]) > len(best):
            best = found[0]
    return best


@functools.lru_cache(maxsize=20_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    """`*`: anything; `^`: a separator or the end; `|`: the beginning or the end; `||`: a host."""
    front, text, back = "", pattern, ""
    if text.startswith("||"):
        front, text = r"^[a-z-]+://(?:[^/?#]*\.)?", text[2:]
    elif text.startswith("|"):
        front, text = "^", text[1:]
    if text.endswith("|"):
        text, back = text[:-1], "$"
    middle = "".join(
        {"*": ".*", "^": r"(?:[^a-z0-9_.%-]|$)"}.get(sign) or re.escape(sign) for sign in text
    )
    return re.compile(front + middle + back)


def _with_parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def _under(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith("." + name) for name in names)
