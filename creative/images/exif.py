"""The little of EXIF that pictures of image servers need: a comment and an orientation.

Sources: CIPA DC-008 (EXIF 2.32), TIFF 6.0. The comment is written as piexif does for
AUTOMATIC1111: big-endian, `UNICODE` and UTF-16 in that order.
"""

from __future__ import annotations

import struct
from typing import Literal

CUT_MARK = " [… cut off]"
"""Stands where a text was shortened to fit."""

_ORIENTATION, _EXIF_IFD, _USER_COMMENT = 0x0112, 0x8769, 0x9286
_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7
_MOST_ENTRIES = 1000

_Order = Literal["little", "big"]


def build(comment: str = "", orientation: int = 1, limit: int | None = None) -> bytes:
    """EXIF from its byte-order mark on; b"" if there is nothing to say.

    Args:
        comment: the UserComment. Where it is too long its middle is left out and marked:
            its last line, which holds the fields of an infotext, stays if it can.
        orientation: 1 to 8; 1 (upright) is not written.
        limit: most bytes of the whole.
    """
    if not comment and orientation == 1:
        return b""
    entries: list[bytes] = []
    if orientation != 1:
        entries.append(struct.pack(">HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0))
    if not comment:
        return _directory(8, entries, b"MM\0*\0\0\0\x08")
    nested = 8 + 2 + 12 * (len(entries) + 1) + 4
    entries.append(struct.pack(">HHII", _EXIF_IFD, _LONG, 1, nested))
    head = _directory(8, entries, b"MM\0*\0\0\0\x08")
    at = nested + 2 + 12 + 4
    room = None if limit is None else limit - at - 8
    content = b"UNICODE\0" + _shortened(comment, room)
    entry = struct.pack(">HHII", _USER_COMMENT, _UNDEFINED, len(content), at)
    return _directory(nested, [entry], head) + content


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8; 1 where there is none or it cannot be read."""
    order, root = _root(exif)
    found = _entries(exif, order, root).get(_ORIENTATION)
    if found is None:
        return 1
    value = int.from_bytes(found[2][:2], order)
    return value if 1 <= value <= 8 else 1


def comment(exif: bytes) -> str:
    """The UserComment; "" where there is none or it cannot be read."""
    order, entries = _all_entries(exif)
    if _USER_COMMENT not in entries:
        return ""
    content = _content(exif, order, entries[_USER_COMMENT])
    code, text = content[:8], content[8:]
    if code == b"UNICODE\0":
        found = _utf16(text)
    elif code == b"JIS\0\0\0\0\0":  # JIS X 0208, as ISO 2022 carries it
        found = text.decode("iso2022_jp", errors="replace")
    else:
        coded = code in (b"ASCII\0\0\0", b"\0" * 8)
        found = (text if coded else content).decode(errors="replace")
    found = found.strip("\0")
    return found if found.strip() else ""  # cameras fill the space with blanks


def texts(exif: bytes, most_bytes: int, most_in_all: int) -> dict[int, str]:
    """The entries of type ASCII, by tag, in their order.

    Args:
        exif: from its byte-order mark on.
        most_bytes: longer ones are left out.
        most_in_all: bytes of all together; all entries may point at the same place.
    """
    order, entries = _all_entries(exif)
    found = {}
    for tag, entry in entries.items():
        most = min(most_bytes, most_in_all)
        if entry[0] == _ASCII and entry[1] <= most:
            most_in_all -= entry[1]
            text = _content(exif, order, entry).decode(errors="replace").strip("\0")
            if text.strip():
                found[tag] = text
    return found


def _all_entries(exif: bytes) -> tuple[_Order, dict[int, tuple[int, int, bytes]]]:
    """The entries of the root and of the EXIF directory; each is read once, so no loop is one."""
    order, root = _root(exif)
    entries = _entries(exif, order, root)
    if _EXIF_IFD in entries:
        nested = int.from_bytes(entries[_EXIF_IFD][2], order)
        entries = {**entries, **_entries(exif, order, nested)}
    return order, entries


def _content(exif: bytes, order: _Order, entry: tuple[int, int, bytes]) -> bytes:
    """The bytes of an entry whose type takes one byte each."""
    _kind, count, value = entry
    at = int.from_bytes(value, order)
    return value[:count] if count <= 4 else exif[at : at + count]


def _directory(start: int, entries: list[bytes], before: bytes) -> bytes:
    if len(before) != start:
        raise AssertionError("a directory stands where its pointer says")
    return before + struct.pack(">H", len(entries)) + b"".join(entries) + b"\0\0\0\0"


def _shortened(text: str, room: int | None) -> bytes:
    """`text` in UTF-16BE, at most `room` bytes."""
    content = text.encode("utf-16-be")
    if room is None or len(content) <= room:
        return content
    last = ("\n" + text.rpartition("\n")[2]).encode("utf-16-be")
    mark = CUT_MARK.encode("utf-16-be")
    tail = mark + (last if len(last) <= room // 2 else b"")
    whole = content[: (room - len(tail)) // 2 * 2]
    # Half a surrogate pair at the cut is dropped.
    return whole.decode("utf-16-be", errors="ignore").encode("utf-16-be") + tail


def _utf16(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    # The standard leaves the byte order open. An infotext has signs whose swapped twins
    # nobody writes; where there are none, it is as piexif has it.
    big = content.decode("utf-16-be", errors="replace")
    little = content.decode("utf-16-le", errors="replace")
    return little if _telling(little) > _telling(big) else big


def _telling(text: str) -> int:
    return sum(text.count(sign) for sign in " ,:")


def _root(exif: bytes) -> tuple[_Order, int]:
    order: _Order = "little" if exif[:2] == b"II" else "big"
    return order, int.from_bytes(exif[4:8], order)


def _entries(exif: bytes, order: _Order, start: int) -> dict[int, tuple[int, int, bytes]]:
    """Tag to (type, count, the four bytes of its value or of its place)."""
    count = int.from_bytes(exif[start : start + 2], order) if start else 0
    entries: dict[int, tuple[int, int, bytes]] = {}
    for at in range(start + 2, start + 2 + 12 * min(count, _MOST_ENTRIES), 12):
        raw = exif[at : at + 12]
        if len(raw) < 12:
            break
        tag, kind, number = (int.from_bytes(raw[a:b], order) for a, b in ((0, 2), (2, 4), (4, 8)))
        entries.setdefault(tag, (kind, number, raw[8:]))
    return entries
