"""Which links an article may have: those of the sources that its user gave, and no other.

A language model makes addresses up. Whatever leads elsewhere is taken out, its words stay.
Placeholders for links inside the site, `[[link: topic]]`, stay if they were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ADDRESS = r"(?:[a-z][a-z0-9+.-]{1,20}:)?//[^\s<>()\[\]\"'`]+(?:\([^\s<>()]*\)[^\s<>()\[\]\"'`]*)*"
_INLINE = re.compile(r"(!?)\[([^\[\]]*)\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?"
                     r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\s*\)")  # fmt: skip
_REFERENCE = re.compile(r"^[ ]{0,3}\[([^\[\]\n]+)\]:[ \t]*\S+[^\n]*$\n?", re.MULTILINE)
_REFERRING = re.compile(r"\[([^\[\]\n]+)\]\[[^\[\]\n]*\]")
_BARE = re.compile(rf"<?\b(?:{_ADDRESS}|(?:mailto|tel):[^\s<>()]+|www\.[^\s<>()\[\]\"'`]+)>?", re.I)
_TAG = re.compile(r"</?[a-zA-Z!][^<>\n]{0,400}>")
_PLACEHOLDER = re.compile(r"\[\[\s*(?:link\s*:)?\s*([^\[\]\n]{1,120}?)\s*\]\]", re.IGNORECASE)
_TRAILING = ".,;:!?。、，；：！？"


@dataclass(frozen=True)
class Cleaned:
    """A text without what does not belong in it.

    Attributes:
        text: in Markdown.
        removed: addresses that were taken out, as they stood.
        placeholders: topics of `[[link: …]]` that stay.
        used: addresses of sources that it links to.
    """

    text: str
    removed: tuple[str, ...]
    placeholders: tuple[str, ...]
    used: tuple[str, ...]


def clean(markdown: str, sources: Iterable[str], internal: bool) -> Cleaned:
    """Take out links to anything but `sources`, pictures, and HTML tags.

    Args:
        markdown: as a model wrote it.
        sources: addresses that may be linked.
        internal: whether `[[link: topic]]` stays; else only its topic does.
    """
    known = {_same(one): one for one in sources}
    removed: list[str] = []
    used: list[str] = []
    placeholders: list[str] = []
    kept: list[str] = []

    def hold(text: str) -> str:
        # What stays is put aside: the next pattern would take it for a bare address.
        kept.append(text)
        return f"\x00{len(kept) - 1}\x00"

    def allowed(address: str) -> str:
        found = known.get(_same(address), "")
        (used if found else removed).append(found or address)
        return found

    def inline(found: re.Match[str]) -> str:
        picture, words, address = found.groups()
        if picture:
            if address:
                removed.append(address)
            return ""
        ours = allowed(address) if address else ""
        return hold(f"[{words}]({ours})") if ours else words

    def bare(found: re.Match[str]) -> str:
        text = found.group().strip("<>")
        address = text.rstrip(_TRAILING)
        ours = allowed(address)
        return (hold(f"<{ours}>") if ours else "") + text[len(address) :]

    def placeholder(found: re.Match[str]) -> str:
        topic = " ".join(found[1].split())
        if not internal or _BARE.search(topic):
            return topic
        placeholders.append(topic)
        return hold(f"[[link: {topic}]]")

    def reference(found: re.Match[str]) -> str:
        removed.append(found.group().split(":", 1)[1].split()[0])
        return ""

    text = markdown.replace("\x00", "")
    text = _PLACEHOLDER.sub(placeholder, text)
    text = _INLINE.sub(inline, text)
    text = _REFERENCE.sub(reference, text)
    text = _REFERRING.sub(r"\1", text)
    text = _BARE.sub(bare, text)
    text = _TAG.sub("", text)
    # Brackets around what is gone: "( )", "[]".
    text = re.sub(r"[(（\[]\s*[)）\]]", "", text)
    text = re.sub("\x00(\\d+)\x00", lambda found: kept[int(found[1])], text)
    text = re.sub(r"(?<=\S)[ \t]{2,}(?=\S)", " ", text)
    text = re.sub(r"(?<![ \t])[ \t]+(?=[.,;:!?](?:\s|$))", "", text)
    return Cleaned(text, _once(removed), _once(placeholders), _once(used))


def _same(address: str) -> str:
    """An address as it is compared: without scheme, case of the host, and the last slash."""
    rest = re.sub(r"^[a-z][a-z0-9+.-]*:", "", address.strip(), flags=re.IGNORECASE)
    host, slash, path = rest.removeprefix("//").partition("/")
    return f"{host.lower()}{slash}{path}".rstrip("/")


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
