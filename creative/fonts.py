"""Fonts for what we draw: one that has every letter of a text, or an honest "none has".

Runs in worker processes only: it imports Pillow. Fonts come from Python packages that carry
one, from the system's folders, and last from Pillow itself; `fonts.yaml` says which are wanted.
A letter that a font lacks would be drawn as a box, so a text is written only where every letter
of it is there.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib.util
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from PIL import ImageFont, features
from PIL.ImageFont import FreeTypeFont
from pydantic import BaseModel, ConfigDict

Weight = Literal["regular", "bold"]

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_OTHERS = 150
"""Fonts that the table does not name and that are tried for a name nothing else can write."""
_PROBE = 20
_NEVER_A_LETTER = "\U0010fffe"
"""A code point that no font may have: its picture is the font's box for what it lacks."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    covers: str
    weight: Weight = "regular"
    source: str
    checked: str


class _Package(_Row):
    package: str
    file: str
    license: str


class _File(_Row):
    pattern: str


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: tuple[_Package, ...]
    files: tuple[_File, ...]


@functools.cache
def _table() -> _Table:
    text = Path(__file__).with_name("fonts.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.safe_load(text))


def package_fonts(weight: Weight = "regular") -> list[Path]:
    """Font files of installed Python packages, the wanted one first."""
    found = []
    for row in _table().packages:
        if row.weight != weight:
            continue
        spec = importlib.util.find_spec(row.package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / row.file
            if path.is_file():
                found.append(path)
    return found


def system_folders() -> list[Path]:
    """Where this operating system keeps fonts."""
    home = Path.home()
    if sys.platform == "win32":
        windows = Path(os.environ.get("WINDIR", "C:/Windows"))
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
        return [windows / "Fonts", local / "Microsoft/Windows/Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = os.environ.get("XDG_DATA_HOME") or str(home / ".local/share")
    folders = [Path(folder) / "fonts" for folder in [own, *shared.split(":")] if folder]
    return [*folders, home / ".fonts"]


def system_fonts(folders: Sequence[Path] | None = None, weight: Weight = "regular") -> list[Path]:
    """Font files of the system: those that the table names in its order, then some others.

    Of another weight than regular, only those that the table names.
    """
    files = sorted(
        Path(folder, name)
        for root in (system_folders() if folders is None else folders)
        for folder, _, names in os.walk(root)
        for name in names
        if name.lower().endswith(_SUFFIXES)
    )
    named: list[Path] = []
    for row in _table().files:
        if row.weight != weight:
            continue
        named += [
            path
            for path in files
            if path not in named and fnmatch.fnmatch(path.name.lower(), row.pattern.lower())
        ]
    if weight != "regular":
        return named
    others = [path for path in files if path not in named]
    # Upright text faces before slanted, bold and narrow ones.
    others.sort(key=lambda path: ("regular" not in path.name.lower(), path.name))
    return named + others[:_OTHERS]


@dataclass(frozen=True)
class Lettering:
    """A text that can be written.

    Attributes:
        text: as it will be written: without symbols (emoji, …) that the font lacks.
        face: which font has all of it; a key for `Fonts.sized`.
        bold: whether that font is a bold one.
    """

    text: str
    face: Path | None
    bold: bool = False


class Fonts:
    """The fonts at hand.

    Args:
        files: font files, the wanted one first; None looks at packages and the system.
        weight: wanted of those that are looked for; where no bold one has the letters, a
            regular one that has them is taken.
    """

    def __init__(self, files: Sequence[Path] | None = None, weight: Weight = "regular") -> None:
        self._weight = weight
        heavy = package_fonts("bold") if weight == "bold" and files is None else []
        self._near = [*heavy, *package_fonts()] if files is None else list(files)
        self._far: list[Path] | None = None if files is None else []
        self._heavy = set(heavy)
        self._opened: dict[tuple[Path | None, int], FreeTypeFont | None] = {}
        self._known: dict[tuple[Path | None, str], bool] = {}
        self._boxes: dict[Path | None, object] = {}

    def lettering(self, text: str) -> Lettering | None:
        """How `text` can be written; None if no font has all its letters."""
        wanted = " ".join(unicodedata.normalize("NFC", text).split())
        if not features.check("raqm") and any(_needs_shaping(sign) for sign in wanted):
            return None
        for face in self._faces():
            if self.sized(face, _PROBE) is None:
                continue
            lacking = {sign for sign in wanted if not self._has(face, sign)}
            if any(_is_letter(sign) for sign in lacking):
                continue
            rest = " ".join("".join(s for s in wanted if s not in lacking).split())
            if rest:
                return Lettering(rest, face, face in self._heavy)
        return None

    def sized(self, face: Path | None, size: int) -> FreeTypeFont | None:
        """The font in `size` pixels; None if the file cannot be read. None as face: Pillow's."""
        key = (face, size)
        if key not in self._opened:
            self._opened[key] = _open(face, size)
        return self._opened[key]

    def _faces(self) -> Iterator[Path | None]:
        yield from self._near
        if self._far is None:
            # Looking through the folders takes a while: only for what no package can write.
            heavy = system_fonts(weight="bold") if self._weight == "bold" else []
            self._heavy.update(heavy)
            self._far = [*heavy, *system_fonts()]
        yield from self._far
        yield None

    def _has(self, face: Path | None, sign: str) -> bool:
        if sign.isspace():
            return True
        key = (face, sign)
        if key not in self._known:
            font = self.sized(face, _PROBE)
            if font is None:
                return False
            if face not in self._boxes:
                self._boxes[face] = _picture(font, _NEVER_A_LETTER)
            self._known[key] = _picture(font, sign) != self._boxes[face]
        return self._known[key]


def _open(face: Path | None, size: int) -> FreeTypeFont | None:
    try:
        font = ImageFont.load_default(size) if face is None else ImageFont.truetype(face, size)
    except OSError:
        return None  # a broken font file of the system is as good as none: the next one is tried
    return font if isinstance(font, FreeTypeFont) else None


def _picture(font: FreeTypeFont, sign: str) -> object:
    mask = font.getmask(sign)
    return mask.size, bytes(mask)


def _is_letter(sign: str) -> bool:
    """Whether a name without `sign` would be another name: letters, their marks and digits."""
    if 0xFE00 <= ord(sign) <= 0xFE0F:
        return False  # variation selectors, which say how an emoji looks
    return unicodedata.category(sign)[0] in "LMN"


def _needs_shaping(sign: str) -> bool:
    """Whether `sign` is of a script whose letters join, move or run from right to left."""
    return unicodedata.bidirectional(sign) in {"R", "AL"} or 0x0900 <= ord(sign) <= 0x109F or (
        0x1780 <= ord(sign) <= 0x17FF
    )  # fmt: skip
