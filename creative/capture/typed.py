"""From what people type to values: lists of addresses, headers, cookies, places, sizes.

Nothing here knows a page or a browser. Values of headers, cookies and logins are secrets: an
error tells which line or name is wrong, never what it says.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from creative.capture.fields import CONTROL, TOKEN, Pairs
from creative.errors import InvalidInput

_BETWEEN_URLS = re.compile(r"(?:\s*[,，、]\s*|\s+)(?=https?://)", re.IGNORECASE)
_SIZE = re.compile(r"(\d+)?\s*[x×*]\s*(\d+)?|(\d+)", re.IGNORECASE)
PROXIES = ("http", "https", "socks5")


class _Told(str):
    """What came, in words of ours: shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def structure(value: Any) -> Any:
    """A list or object, if `value` is one or is the text of one, as JSON or as Python writes it
    (Dify turns a list variable in a text field into that); else None."""
    if isinstance(value, list | tuple | dict):
        return value
    text = str(value).strip()
    if not text.startswith(("[", "{")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        if isinstance(found, list | tuple | dict):
            return found
    return None


def addresses(value: Any) -> tuple[str, ...]:
    """Addresses from a list, a JSON array, lines, or a line such as "https://a, https://b".

    Raises:
        InvalidInput: an array that cannot be read, or one of something else than texts.
    """
    if value is None:
        return ()
    found = structure(value)
    if found is None:
        text = str(value).strip()
        if text.startswith("["):
            raise InvalidInput("url", text, 'an array such as ["https://example.com"]')
        found = [one for line in text.splitlines() for one in _BETWEEN_URLS.split(line)]
    if not isinstance(found, Sequence) or not all(isinstance(one, str) for one in found):
        raise InvalidInput(
            "url", found, 'addresses, one per line, or an array such as ["https://example.com"]'
        )
    return tuple(one.strip() for one in found if one.strip())


def selectors(value: Any) -> tuple[str, ...]:
    """CSS selectors from lines, commas or an array; commas in brackets and quotes stay.

    Raises:
        InvalidInput: an array of something else than texts.
    """
    if value is None:
        return ()
    found = structure(value)
    if isinstance(found, Sequence) and all(isinstance(one, str) for one in found):
        return tuple(one.strip() for one in found if one.strip())
    if found is not None or not isinstance(value, str):
        raise InvalidInput("hide", value, "CSS selectors, one per line, such as .popup")
    parts, depth, quote, start = [], 0, "", 0
    for at, sign in enumerate(value):
        if quote:
            quote = "" if sign == quote and value[at - 1] != "\\" else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif sign == "\n" or (sign == "," and depth <= 0):
            parts.append(value[start:at])
            start, depth = at + 1, 0
    parts.append(value[start:])
    return tuple(part.strip() for part in parts if part.strip())


def headers(value: Any) -> Pairs:
    """Headers from "Name: value" lines or an object.

    Raises:
        InvalidInput: a line or name that is no header. Which may not be set, `access` says.
    """
    allowed = 'lines such as X-Team: web, or an object such as {"X-Team": "web"}'
    pairs = []
    for where, name, text in _named("headers", value, allowed):
        if not TOKEN.fullmatch(name) or CONTROL.search(text):
            raise InvalidInput("headers", _Told(f"{where} that is no header"), allowed)
        pairs.append((name, text))
    return tuple(pairs)


def cookies(value: Any) -> tuple[tuple[str, str, str], ...]:
    """Name, value and domain ("": any page's) of cookies: a Cookie header, "Name: value" lines,
    an object, or the array that browser extensions export.

    Raises:
        InvalidInput: a part that is no cookie.
    """
    allowed = 'a text such as session=abc; theme=dark, or an object such as {"session": "abc"}'
    if value is None:
        return ()
    found = structure(value)
    triples: list[tuple[str, str, str, str]] = []
    if isinstance(found, Mapping):
        named = _named("cookies", found, allowed)
        triples = [(where, name, text, "") for where, name, text in named]
    elif found is not None:
        for number, one in enumerate(found, 1):
            if not isinstance(one, Mapping) or not {"name", "value"} <= one.keys():
                raise InvalidInput(
                    "cookies", _Told(f"entry {number} without name and value"), allowed
                )
            domain = str(one.get("domain") or "").strip().lstrip(".").lower()
            where = f"entry {number}"
            triples.append((where, str(one["name"]), str(one["value"]), domain))
    else:
        triples = [(where, *pair, "") for where, pair in _cookie_texts(str(value))]
    for where, name, text, _ in triples:
        if not TOKEN.fullmatch(name) or CONTROL.search(text) or ";" in text:
            raise InvalidInput("cookies", _Told(f"{where} that is no cookie"), allowed)
    return tuple((name, text, domain) for _, name, text, domain in triples)


def _cookie_texts(value: str) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for number, line in enumerate(value.splitlines(), 1):
        text = re.sub(r"^\s*cookie:", "", line, flags=re.IGNORECASE)
        name, colon, rest = text.partition(":")
        if colon and TOKEN.fullmatch(name.strip()):
            found.append((f"line {number}", (name.strip(), rest.strip())))
            continue
        for part in filter(None, map(str.strip, text.split(";"))):
            name, equals, rest = part.partition("=")
            # Without "=" it has no name: refused where names are checked.
            pair = (name.strip(), rest.strip()) if equals else ("", part)
            found.append((f"line {number}", pair))
    return found


def _named(parameter: str, value: Any, allowed: str) -> list[tuple[str, str, str]]:
    """Where it stands, name and value of each pair."""
    if value is None:
        return []
    found = structure(value)
    if isinstance(found, Mapping):
        if any(isinstance(one, list | dict) for one in found.values()):
            raise InvalidInput(parameter, _Told("an object in an object"), allowed)
        return [
            (f"entry {number}", str(name).strip(), "" if one is None else str(one).strip())
            for number, (name, one) in enumerate(found.items(), 1)
        ]
    lines = found if found is not None else str(value).splitlines()
    pairs = []
    for number, line in enumerate(lines, 1):
        name, colon, text = str(line).partition(":")
        if not str(line).strip():
            continue
        if not colon or not isinstance(line, str):
            raise InvalidInput(parameter, _Told(f"line {number} without a colon"), allowed)
        pairs.append((f"line {number}", name.strip(), text.strip()))
    return pairs


def login(value: str) -> str:
    """`user:password`.

    Raises:
        InvalidInput: there is no colon, or no user.
    """
    if value and (not value.partition(":")[0] or ":" not in value or CONTROL.search(value)):
        raise InvalidInput("basic_auth", _Told("a text of another form"), "user:password")
    return value


def proxy(value: str) -> str:
    """Address of a proxy.

    Raises:
        InvalidInput: it is no http, https or socks5 address.
    """
    try:
        parts = urlsplit(value)
        good = parts.scheme in PROXIES and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if value and (not good or CONTROL.search(value)):
        raise InvalidInput(
            "proxy",
            _Told("a text of another form"),
            "an address such as http://proxy.example:3128 or socks5://proxy.example:1080",
        )
    return value


def numbers(parameter: str, value: Any, names: Sequence[str], example: str) -> tuple[float, ...]:
    """As many numbers as there are `names`, from "1, 2", an array or an object with these names.

    Raises:
        InvalidInput: too few, too many, or something else.
    """
    found = structure(value)
    if isinstance(found, Mapping):
        found = [found.get(name) for name in names]
    parts = found if found is not None else re.split(r"[\s,;，、]+", str(value).strip())
    try:
        read = tuple(float(part) for part in parts if not isinstance(part, bool))
    except (TypeError, ValueError):
        read = ()
    if len(read) != len(names) or not all(map(math.isfinite, read)):
        raise InvalidInput(parameter, value, f"{', '.join(names)}, for example {example}")
    return read


def place(value: Any) -> tuple[float, float] | None:
    """Latitude and longitude, degrees.

    Raises:
        InvalidInput: no two numbers, or none of the earth.
    """
    if value is None:
        return None
    names, example = ("latitude", "longitude"), "52.52, 13.405"
    latitude, longitude = numbers("geolocation", value, names, example)
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise InvalidInput(
            "geolocation", value, f"latitude -90 to 90 and longitude -180 to 180, such as {example}"
        )
    return latitude, longitude


def rectangle(value: Any) -> tuple[float, float, float, float] | None:
    """x, y, width and height, CSS pixels.

    Raises:
        InvalidInput: no four numbers, or none of a part of a page.
    """
    if value is None:
        return None
    x, y, width, height = numbers("clip", value, ("x", "y", "width", "height"), "0, 120, 640, 480")
    if min(x, y) < 0 or min(width, height) <= 0:
        raise InvalidInput(
            "clip", value, "x and y of 0 and up, width and height above 0, such as 0, 120, 640, 480"
        )
    return x, y, width, height


def size(value: Any) -> tuple[int | None, int | None]:
    """Width and height from "800x600", "800x", "x600" or "800", pixels.

    Raises:
        InvalidInput: something else.
    """
    if value is None:
        return None, None
    match = _SIZE.fullmatch(str(value).strip().removesuffix(".0"))
    texts = (match[1] or match[3], match[2]) if match else (None, None)
    if not any(texts) or any(int(text) == 0 or len(text) > 5 for text in texts if text):
        raise InvalidInput("resize", value, "a size in pixels such as 800x600, 800x or x600")
    width, height = (int(text) if text else None for text in texts)
    return width, height
