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
_BESIDE = 0.16
"""Of the letters' size: a mark that ends so much farther right than its letter is beside it."""
_JOINER = "\u200d"
_SKINS = tuple(chr(code) for code in range(0x1F3FB, 0x1F400))
_SELECTORS = tuple(chr(code) for code in range(0xFE00, 0xFE10))
_LOOKS = frozenset((*_SKINS, *_SELECTORS))
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
        lost: whether symbols were left out.
    """

    text: str
    face: Path | None
    bold: bool = False
    lost: bool = False


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
        self._plain: dict[Path | None, FreeTypeFont | None] = {}

    def lettering(self, text: str) -> Lettering | None:
        """How `text` can be written; None if no font has all its letters."""
        wanted = _clusters(" ".join(unicodedata.normalize("NFC", text).split()))
        if not features.check("raqm") and any(
            _needs_shaping(sign) for one in wanted for sign in one
        ):
            return None
        for face in self._faces():
            if self.sized(face, _PROBE) is None:
                continue
            lacking = {one for one in wanted if not self._writes(face, one)}
            if any(_is_letter(sign) for one in lacking for sign in one):
                continue
            rest = " ".join("".join(one for one in wanted if one not in lacking).split())
            if any(_is_seen(sign) for sign in rest):
                return Lettering(rest, face, face in self._heavy, bool(lacking))
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

    def _writes(self, face: Path | None, cluster: str) -> bool:
        """Whether it has every sign of `cluster` and sets its marks on the letter, not beside."""
        if not all(self._has(face, sign) for sign in cluster):
            return False
        bare = "".join(sign for sign in cluster if unicodedata.category(sign) != "Mn")
        font = self.sized(face, _PROBE)
        if bare == cluster or font is None:
            return True
        return font.getbbox(cluster)[2] - font.getbbox(bare)[2] < _BESIDE * _PROBE

    def _has(self, face: Path | None, sign: str) -> bool:
        if sign.isspace():
            return True
        key = (face, sign)
        if key not in self._known:
            # Letter by letter: in shaped text a mark without a letter stands on a dotted circle,
            # and the two together are never the box of what a font lacks.
            if face not in self._plain:
                self._plain[face] = _open(face, _PROBE, ImageFont.Layout.BASIC)
            font = self._plain[face]
            if font is None:
                return False
            if face not in self._boxes:
                self._boxes[face] = _picture(font, _NEVER_A_LETTER)
            self._known[key] = _picture(font, sign) != self._boxes[face]
        return self._known[key]


def _open(
    face: Path | None, size: int, layout: ImageFont.Layout | None = None
) -> FreeTypeFont | None:
    try:
        if face is None:
            font = ImageFont.load_default(size)
        else:
            font = ImageFont.truetype(face, size, layout_engine=layout)
    except OSError:
        return None  # a broken font file of the system is as good as none: the next one is tried
    return font if isinstance(font, FreeTypeFont) else None


def _picture(font: FreeTypeFont, sign: str) -> object:
    mask = font.getmask(sign)
    return mask.size, bytes(mask)


def _clusters(text: str) -> list[str]:
    """`text` in what is left out as a whole: a family of emoji, a flag, a letter and its marks.

    What is put around a sign (a key cap, a circle) and what only says how an emoji looks is gone:
    no font of ours has colours.
    """
    found: list[str] = []
    for sign in text:
        if sign in _LOOKS or unicodedata.category(sign) == "Me" or 0xE0020 <= ord(sign) <= 0xE007F:
            continue
        joined = sign == _JOINER or unicodedata.category(sign)[0] == "M"
        if found and (joined or found[-1][-1] == _JOINER):
            found[-1] += sign
        else:
            found.append(sign)
    return found


def _is_letter(sign: str) -> bool:
    """Whether a name without `sign` would be another name: letters, their marks and digits."""
    return unicodedata.category(sign)[0] in "LMN"


def _is_seen(sign: str) -> bool:
    """Whether `sign` leaves ink by itself."""
    return unicodedata.category(sign)[0] in "LNPS"


def _needs_shaping(sign: str) -> bool:
    """Whether `sign` is of a script whose letters join, move or run from right to left."""
    return unicodedata.bidirectional(sign) in {"R", "AL"} or 0x0900 <= ord(sign) <= 0x109F or (
        0x1780 <= ord(sign) <= 0x17FF
    )  # fmt: skip
