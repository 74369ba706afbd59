"""From the bytes of an article's file to its text.

Unlike lists of keywords (`creative.keywords.decoding`), articles are prose, and prose has signs
that stand in every sentence: kana in Japanese, 的 and 了 in Chinese, syllables in Korean. An
encoding is the right one if these make up a fair part of the text that it gives.
"""

from __future__ import annotations

import re

from creative import decoding
from creative.errors import InvalidInput

_READABLE = (
    "a text file: plain text, Markdown or HTML, in UTF-8, UTF-16, Windows-1252, Shift-JIS, EUC-JP, "
    "GBK, Big5 or EUC-KR"
)
_SAVE_AS = (
    "Save it as text in UTF-8; of PDF and Word files, take the text with Dify's Doc Extractor."
)
# Control characters that no text has.
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_\-]{2,40})", re.I)
_FILES = (
    b"PK\x03\x04",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"\xd0\xcf\x11",
)
# The commonest signs of each: the most frequent of "Modern Chinese Character Frequency List"
# (Jun Da, 2004), in both scripts.
_HANS = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之"
_HANT = "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之"
_EASTERN: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("cp932", re.compile(r"[\u3041-\u3093\u30a1-\u30f6ー]"), 0.25),
    ("euc_jp", re.compile(r"[\u3041-\u3093\u30a1-\u30f6ー]"), 0.25),
    ("gb18030", re.compile(f"[{_HANS}]"), 0.08),
    ("big5hkscs", re.compile(f"[{_HANT}]"), 0.08),
    ("cp949", re.compile(r"[\uac00-\ud7a3]"), 0.6),
)
# What pages call so is more than the standard has (WHATWG Encoding, labels).
_LABELS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "big5": "big5hkscs",
    "euc-kr": "cp949",
    "iso-8859-1": "cp1252",
}
_SAMPLE = 200_000


def decode(data: bytes, filename: str, parameter: str) -> str:
    """The text in a file.

    Raises:
        InvalidInput: it is no text, or in an encoding that is not told from others.
    """

    def refuse(what: str) -> InvalidInput:
        allowed = f"{_READABLE}; {what}" if what else _READABLE
        return InvalidInput(parameter, filename or "a file", allowed, _SAVE_AS)

    marked = data.startswith(tuple(mark for mark, _ in decoding.BOMS))
    wide = None if marked else _utf16(data)
    return wide if wide is not None else decoding.decode(data, refuse, _is_binary, _guessed)


def _is_binary(data: bytes) -> bool:
    return data.startswith(_FILES) or _CONTROLS.search(data) is not None


def _guessed(data: bytes) -> str | None:
    return _as_declared(data) or _eastern(data)


def _utf16(data: bytes) -> str | None:
    """UTF-16 without a mark: in a text with any ASCII, every other byte is often 0."""
    if len(data) < 4 or len(data) % 2 or b"\x00" not in data:
        return None
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
        other = data[0::2] if encoding == "utf-16-le" else data[1::2]
        if zeros.count(0) > 4 * other.count(0) + 1:
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if not re.search(r"[\x00-\x08\x0e-\x1a]", text):
                return text
    return None


def _as_declared(data: bytes) -> str | None:
    """As an HTML page says of itself, if that is true."""
    found = _DECLARED.search(data[:4096])
    if found is None:
        return None
    name = found[1].decode("ascii").lower()
    name = _LABELS.get(name, name)
    try:
        text = data.decode(name)
    except (LookupError, UnicodeError):  # "undefined" is an encoding, too
        return None
    return text if isinstance(text, str) else None


def _eastern(data: bytes) -> str | None:
    """The text in the East Asian encoding in which its signs are the usual ones."""
    best: tuple[float, str] | None = None
    for encoding, usual, least in _EASTERN:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = [sign for sign in text[:_SAMPLE] if ord(sign) > 0x7F]
        wide = [sign for sign in sample if ord(sign) > 0x2FF]
        if len(wide) * 2 < len(sample):
            continue
        share = len(usual.findall("".join(wide))) / max(1, len(wide))
        if share >= least and (best is None or share / least > best[0]):
            best = (share / least, text)
    return best[1] if best else None
