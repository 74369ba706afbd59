"""Addresses as browsers read them (WHATWG URL standard, for http and https).

`http:\\\\2130706433`, `http://0x7f.1`, `http://①②⑦.⓪.⓪.①` and `http://public@127.1` are all
127.0.0.1; Python's own urlsplit sees other hosts in them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit

import idna

from creative.errors import BlockedAddress, InvalidInput, shorten
from creative.http import redact

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


@dataclass(frozen=True)
class Host:
    """A name in ASCII, or an IP address (IPv6 without brackets)."""

    name: str
    address: Address | None

    @property
    def written(self) -> str:
        """As it stands in an address."""
        return f"[{self.name}]" if self.address and self.address.version == 6 else self.name


class Read(NamedTuple):
    """An address taken apart."""

    scheme: str
    host: Host
    port: int
    url: str


def read(url: str, parameter: str = "url") -> Read:
    """Read an address as a browser does: scheme, host, port, and the address rewritten.

    Raises:
        InvalidInput: no scheme, or no readable host.
        BlockedAddress: another scheme than http and https.
    """
    # Browsers drop these characters before they look: "java\\nscript:" is one word.
    text = re.sub(r"[\t\r\n]", "", url.strip("".join(map(chr, range(0x21)))))
    shown = redact(text)
    scheme_found = _SCHEME.match(text)
    if scheme_found is None or re.match(r"[^/?#]*:\d+(?:[/?#]|$)", text):
        raise InvalidInput(
            parameter, shown, "an http or https address", "Write it in full, with https://."
        )
    scheme = scheme_found.group(1).lower()
    if scheme not in DEFAULT_PORTS:
        raise BlockedAddress(
            shorten(shown, 80),
            f"it begins with {scheme}:, and only http and https are opened",
            "Give the address of a page on the web.",
        )
    rest = text[scheme_found.end() :].lstrip("/\\")
    end = re.search(r"[/\\?#]", rest)
    authority, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    user, at, place = authority.rpartition("@")
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", place)
    if found is None or not found.group(1):
        raise _unreadable(parameter, shown, "its host cannot be read")
    host = _host(found.group(1), parameter, shown)
    digits = (found.group(2) or "").lstrip("0")
    if len(digits) > 5 or int(digits or 0) > 65535:
        raise _unreadable(parameter, shown, f"there is no port {shorten(digits, 20)}")
    port = int(digits or 0) if found.group(2) else DEFAULT_PORTS[scheme]
    path, mark, query = re.match(r"([^?#]*)([?#]?)(.*)", tail, re.DOTALL).groups()  # type: ignore[union-attr]
    written = f":{port}" if port != DEFAULT_PORTS[scheme] else ""
    return Read(
        scheme,
        host,
        port,
        f"{scheme}://{user}{at}{host.written}{written}"
        f"{path.replace(chr(92), '/') or '/'}{mark}{query}",
    )


def _host(text: str, parameter: str, shown: str) -> Host:
    if text.startswith("["):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            raise _unreadable(parameter, shown, f"{text} is no IPv6 address") from None
        if address.scope_id is not None:
            raise _unreadable(parameter, shown, "an address cannot name a network interface")
        return Host(ipv6_text(address), address)
    try:
        name = unquote_to_bytes(text).decode()
        if not name.isascii():
            mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
            name = ".".join(
                part if part.isascii() else "xn--" + part.encode("punycode").decode()
                for part in mapped.split(".")
            )
    except (UnicodeError, idna.IDNAError):
        raise _unreadable(parameter, shown, "its host has characters no name can have") from None
    name = name.lower().removesuffix(".")
    if not name or _FORBIDDEN.search(name) or ".." in name or len(name) > 253:
        raise _unreadable(parameter, shown, "its host cannot be read")
    last = name.rpartition(".")[2]
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        number = _ipv4(name)
        if number is None:
            raise _unreadable(parameter, shown, f"{name} is no IPv4 address")
        return Host(str(number), number)
    return Host(name, None)


def ipv6_text(address: ipaddress.IPv6Address) -> str:
    """As browsers write it; Python 3.13 would write `::ffff:8.8.8.8` for `::ffff:808:808`."""
    inside = address.ipv4_mapped
    if inside is None:
        return str(address)
    return f"::ffff:{int(inside) >> 16:x}:{int(inside) & 0xFFFF:x}"


def _ipv4(name: str) -> ipaddress.IPv4Address | None:
    """The WHATWG IPv4 parser: one to four numbers, each decimal, octal or hexadecimal."""
    parts = name.split(".")
    if len(parts) > 4:
        return None
    numbers = []
    for part in parts:
        if _NUMBER.fullmatch(part) is None:
            return None
        if part[:2] in ("0x", "0X"):
            numbers.append(int(part[2:] or "0", 16))
        elif len(part) > 1 and part[0] == "0":
            if not set(part) <= set("01234567"):
                return None
            numbers.append(int(part, 8))
        else:
            numbers.append(int(part))
    *front, last = numbers
    if any(number > 255 for number in front) or last >= 256 ** (5 - len(numbers)):
        return None
    value = last
    for place, number in enumerate(front):
        value += number * 256 ** (3 - place)
    return ipaddress.IPv4Address(value)


def _unreadable(parameter: str, shown: str, why: str) -> InvalidInput:
    return InvalidInput(parameter, shown, "an http or https address", f"Correct it: {why}.")


def without_user(url: str) -> str:
    """`url` without user and password.

    >>> without_user("https://me:secret@example.com/a?b")
    'https://example.com/a?b'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
