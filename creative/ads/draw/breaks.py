"""Where a line may end, and how a text is set in lines that look even.

Borders between words follow UAX 14 in what ads need of it; Japanese and Chinese follow the rules
of prohibition (kinsoku, JIS X 4051; CLREQ 3.1.3), and Japanese lines end where a phrase does as
far as kana and kanji show it. A number stays with its unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from creative.ads.cutting import dangles
from creative.ads.unspaced import polite_prefixes, whole_words

NEVER = 1e9
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f々〆"
_HIRAGANA = r"\u3041-\u309f"
_KATAKANA = r"\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_WIDE = rf"{_HAN}{_HIRAGANA}{_KATAKANA}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6"
_NOT_FIRST = "、。，．,.・：；:;？！?!)]}）］｝〕〉》」』】〙〗’”｠»›ーゝゞ々ヽヾ…‥％%℃°〜～ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"  # noqa: E501
_NOT_LAST = "([{（［｛〔〈《「『【〘〖‘“｟«‹¥￥$＄£€#＃№"
_ENDS_PHRASE = "、。，．！？：；」』）】》〉・!?"
_PARTICLES = "はがをにでともへのや"
_UNIT = r"(?:[a-zA-Zµ°Ω²³]{1,3}|[%‰€£$¥]|R\$|Uhr|Euro|Tage?|dias?|anos?|horas?|days?|hours?|mins?)"
_GLUED = re.compile(
    rf"(?<=\d) (?={_UNIT}(?:\W|$)|[{_HAN}])|(?<=[€£$¥]) (?=\d)|(?<=\d) (?=\d{{3}}\b)"
    r"|(?<=\b[A-Za-z]\.) (?=[A-Za-z]\.)|(?<=\w) (?=[!?:;»])"
)
_SPACE = " \t\n\u3000"  # not the space that keeps a number with its unit
_WORDS = re.compile(rf"[^{_SPACE}]+[{_SPACE}]*")
_CHINESE_ENDS = "的得了吗呢吧"
_CHINESE_BEHIND = _CHINESE_ENDS + "地着过们里上下中内"
"""What belongs to the word before it."""
_CHINESE_BEFORE = "让将把被给在从向对为以与和及或而但并都就也还更最很不每各该这那"
"""What belongs to the word behind it, unless both are one of `_CHINESE_WORDS`."""
_CHINESE_WORDS = """
现在 正在 存在 所在 因为 作为 成为 认为 行为 可以 所以 给予 反对 面对 针对 方向 面向 走向 即将
参与 温和 以及 首都 成都 成就 从而 因而 然而 并不 也许 还不 绝不 从不 就不 目的 值得 获得 取得
除了 为了 通过 超过 上传 下载 上市 上线 下单 上门 中国 中心 中文 地址 地区 地方 过程 过去 了解
"""
_LONGEST_PHRASE = 12
"""Signs of Japanese that are kept together at most."""
_TEARS = 0.6
_IN_NAME = 1.0
_TORN_SENTENCE = 0.08
"""A line that holds the end of a sentence and goes on into the next one, which it does not end."""
_FEW_LINES = 3
"""A text of so many lines has them where its sentences have theirs; a longer one is a paragraph."""
_STOPS = "。！？!?."
_SPLITS = re.compile(
    rf"(?<=\w-)(?=[^\W\d]{{2}})|(?<=[–—/])(?=\w)"
    rf"|(?<=[{_WIDE}])(?=\S)|(?<=[^\s{_WIDE}])(?=[{_WIDE}])|(?<=\u00ad)(?=\w)"
)
# A German compound may be parted behind an ending that only ever ends a part of it.
_COMPOUND = re.compile(
    r"\w{3}(?:ungs|heits|keits|schafts|tions|fahrts|(?<=\w)täts)(?=[a-zäöüß]{4})"
    r"|\w{4}(?=(?:versicherung|gesellschaft|vergleich|verwaltung|entwicklung|unternehmen"
    r"|vermittlung|finanzierung|beratung|management|software|behandlung|reparatur|schifffahrt))"
)
_IS = {
    "han": re.compile(rf"[{_HAN}]"),
    "hiragana": re.compile(rf"[{_HIRAGANA}]"),
    "katakana": re.compile(rf"[{_KATAKANA}]"),
}


class Piece(NamedTuple):
    """A part of a text that stays in one line.

    Attributes:
        text: with the white space behind it.
        cost: how bad a line's end behind it looks: 0 good, 1 as bad as a line that is empty
            by its whole width; NEVER for none.
        hyphen: what is written at the end if the line ends behind it: "-" or nothing.
    """

    text: str
    cost: float
    hyphen: str = ""


def pieces(text: str, language: str, names: Sequence[str] = ()) -> list[Piece]:
    """`text` in parts that are never torn apart; joined they are the text without soft hyphens.

    Args:
        text: what is set.
        language: BCP 47.
        names: what is not torn apart where another border serves as well, such as a brand.
    """
    glued = _GLUED.sub("\u00a0", " ".join(text.replace("\u200b", "").split(" ")))
    found: list[Piece] = []
    for word in _WORDS.findall(glued):
        found += _joined(_parts(word, language)) if language[:2] == "ja" else _parts(word, language)
    found = _kept_whole(found, language, names)
    if found:
        found[-1] = found[-1]._replace(cost=0.0)
    return found


def _kept_whole(found: list[Piece], language: str, names: Sequence[str]) -> list[Piece]:
    """The same with higher costs inside of names, and of the words that are known in Chinese."""
    text = "".join(piece.text for piece in found)
    spans = [match.span() for name in names if name for match in _name(name).finditer(text)]
    if language[:2] == "zh":
        spans += whole_words(text)
    inside = {at for start, end in spans for at in range(start + 1, end)}
    ends = accumulate(len(piece.text) for piece in found)
    return [
        piece._replace(cost=max(piece.cost, _IN_NAME))
        if {end, end - _blank(piece)} & inside
        else piece
        for piece, end in zip(found, ends, strict=True)
    ]


def _blank(piece: Piece) -> int:
    return len(piece.text) - len(piece.text.rstrip())


def _name(name: str) -> re.Pattern[str]:
    return re.compile(r"[\s\u00a0]+".join(map(re.escape, name.split())), re.IGNORECASE)


def _parts(word: str, language: str) -> list[Piece]:
    """What stands between two spaces, parted wherever that is allowed."""
    found: list[Piece] = []
    start = 0
    cuts = {match.start() for match in _SPLITS.finditer(word)}
    german = language[:2] == "de"
    soft = {match.end() for match in _COMPOUND.finditer(word)} if german else set()
    polite = polite_prefixes(word) if language[:2] == "ja" else set()
    for cut in [*sorted(cuts | soft), len(word)]:
        part, rest = word[start:cut], word[cut:]
        hyphen = "-" if rest and (cut in soft or part.endswith("\u00ad")) else ""
        cost = 0.5 if hyphen else _cost(part, rest, language) if part else NEVER
        if cost < NEVER and rest and {cut, cut - 1} & polite:
            cost = 0.02 if cut in polite else _TEARS + 0.2  # "旅館を|お探し", never "旅館をお|探し"
        if cost < NEVER:
            found.append(Piece(part.replace("\u00ad", ""), cost, hyphen))
            start = cut
    return found


def _joined(parts: list[Piece]) -> list[Piece]:
    """Japanese in phrases: parts whose border tears a word stay together, up to a length."""
    phrases: list[Piece] = []
    run: list[Piece] = []
    for part in parts:
        run.append(part)
        if part.cost < _TEARS or part is parts[-1]:
            phrases += _phrase(run)
            run = []
    return phrases


def _phrase(run: list[Piece]) -> list[Piece]:
    text = "".join(part.text for part in run)
    if len(text) <= _LONGEST_PHRASE or len(run) == 1:
        return [Piece(text, run[-1].cost)]
    at, least, middle = 1, NEVER, len(text) / 2
    length = 0
    for number, part in enumerate(run[:-1], 1):
        length += len(part.text)
        price = part.cost + abs(length - middle) / middle
        if price < least:
            at, least = number, price
    return [*_phrase(run[:at]), *_phrase(run[at:])]


def _cost(before: str, after: str, language: str) -> float:
    """How bad a line's end between these two looks, see `Piece`."""
    if not after:
        return _at_space(before, language)
    last, first = before.rstrip()[-1:] or " ", after[0]
    if first in _NOT_FIRST or last in _NOT_LAST or (last.isdigit() and _IS["han"].match(first)):
        return NEVER
    if last in _ENDS_PHRASE:
        return 0.0
    if last in "-–—/":
        return 0.1
    return _within(last, first, language)


def _within(last: str, first: str, language: str) -> float:
    """How bad it is to part two signs between which nothing stands."""
    if language[:2] == "ja":
        return _within_phrase(last, first)
    if _IS["han"].match(last) and _IS["han"].match(first):
        return _within_chinese(last, first)
    return 0.12


def _at_space(before: str, language: str) -> float:
    """How bad a line's end behind a whole word looks: "at your" asks for the next one."""
    if before[-1] == "-":
        return 0.0
    if not before[-1].isspace():
        return 0.15
    word = _last_word(before.rstrip())
    if not word[-1:].isalnum():
        return 0.0
    return 0.15 if dangles(word, language) else 0.03


def _within_chinese(last: str, first: str) -> float:
    """How bad it is to part these two: little shows where a Chinese word ends, except for what
    joins words.
    """
    if (
        last + first in _CHINESE_WORDS.split()
        or first in _CHINESE_BEHIND
        or last in _CHINESE_BEFORE
    ):
        return 0.6
    if last in _CHINESE_ENDS or first in _CHINESE_BEFORE:
        return 0.1
    return 0.35


def _within_phrase(last: str, first: str) -> float:
    """How bad it is to part Japanese between these two signs."""
    before, after = (
        next((name for name, signs in _IS.items() if signs.match(sign)), "")
        for sign in (last, first)
    )
    if after == "hiragana":
        # Okurigana and particles belong to what stands before them.
        return 0.6 if before == "hiragana" else 0.8
    if before == "hiragana":
        return 0.02 if last in _PARTICLES else 0.1
    return {("katakana", "katakana"): 1.5, ("han", "han"): _TEARS}.get((before, after), 0.25)


class Line(NamedTuple):
    """A line of text and its width, as `measure` has it."""

    text: str
    width: float


class Setter:
    """Sets one text in lines of any width.

    Args:
        text: what is set.
        language: BCP 47.
        measure: width of a text in letter sizes (ems).
        names: see `pieces`.
    """

    def __init__(
        self,
        text: str,
        language: str,
        measure: Callable[[str], float],
        names: Sequence[str] = (),
    ) -> None:
        self._pieces = pieces(text, language, names)
        # Numbers of the pieces that a sentence ends with.
        stops = [n for n, one in enumerate(self._pieces, 1) if one.text.rstrip()[-1:] in _STOPS]
        self._stops = [n for n in stops if n < len(self._pieces)]
        self._measure = measure
        # Piece by piece: shaping every beginning of a long text anew would take seconds.
        self._widths = [0.0, *accumulate(measure(piece.text) for piece in self._pieces)]
        self._tails = [measure(one.text) - measure(one.text.rstrip()) for one in self._pieces]
        self._hyphen = measure("-")

    @property
    def length(self) -> float:
        """The width of the whole text in a single line, in ems."""
        return self._widths[-1]

    @property
    def widest(self) -> float:
        """The width below which nothing can be set, in ems."""
        return max((self._width(i, i + 1) for i in range(len(self._pieces))), default=0.0)

    def _width(self, start: int, end: int) -> float:
        last = self._pieces[end - 1]
        hyphen = self._hyphen if last.hyphen and end < len(self._pieces) else 0.0
        return self._widths[end] - self._widths[start] - self._tails[end - 1] + hyphen

    def count(self, room: float) -> int:
        """How few lines of at most `room` ems are enough; 0 if none are."""
        start = lines = 0
        while start < len(self._pieces):
            end = start + 1
            if self._width(start, end) > room:
                return 0
            while end < len(self._pieces) and self._width(start, end + 1) <= room:
                end += 1
            start, lines = end, lines + 1
        return lines

    def lines(self, room: float) -> list[Line]:
        """The text in as few lines as fit `room`, as even as they can be.

        The sum of the squares of what each line leaves empty is smallest (Knuth and Plass,
        1981), with the costs of the borders added. [] if it does not fit.
        """
        return [self._line(start, end) for start, end in pairwise(self._cuts(room))]

    def _cuts(self, room: float) -> list[int]:
        """Numbers of the pieces before and behind each line."""
        few = self.count(room)
        if not few:
            return []
        number = len(self._pieces)
        # best[k][end]: the cheapest way to set the first `end` pieces in k lines.
        best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
        for _ in range(few):
            row: dict[int, tuple[float, int]] = {}
            for start, (cost, _before) in best[-1].items():
                for end in range(start + 1, number + 1):
                    width = self._width(start, end)
                    if width > room:
                        break
                    price = cost + ((room - width) / room) ** 2 + self._border(end)
                    price += self._lonely(start, end)
                    if few <= _FEW_LINES:
                        price += self._torn_sentence(start, end)
                    if end not in row or price < row[end][0]:
                        row[end] = (price, start)
            best.append(row)
        cuts, end = [number], number
        for row in reversed(best[1:]):
            end = row[end][1]
            cuts.append(end)
        return cuts[::-1]

    def roughness(self, room: float) -> float:
        """How bad the line ends in `room` ems look together: see `Piece.cost`."""
        cuts = self._cuts(room)
        return sum(self._border(end) + self._lonely(start, end) for start, end in pairwise(cuts))

    def _border(self, end: int) -> float:
        return self._pieces[end - 1].cost if end < len(self._pieces) else 0.0

    def _lonely(self, start: int, end: int) -> float:
        """A last line of one or two signs looks like a mistake, a single word forlorn."""
        if end < len(self._pieces) or not start:
            return 0.0
        if self._width(start, end) < 2.2:
            return 0.5
        return 0.06 if end - start == 1 and len(self._pieces) > 3 else 0.0

    def _torn_sentence(self, start: int, end: int) -> float:
        if end == len(self._pieces) or end in self._stops:
            return 0.0
        return _TORN_SENTENCE if any(start < stop < end for stop in self._stops) else 0.0

    def _line(self, start: int, end: int) -> Line:
        text = "".join(piece.text for piece in self._pieces[start:end]).rstrip()
        if end < len(self._pieces):
            text += self._pieces[end - 1].hyphen
        return Line(text, self._width(start, end))


def _last_word(text: str) -> str:
    return re.split(r"[\s\u00a0]", text)[-1]


def shorter(text: str, language: str) -> Sequence[str]:
    """`text` cut at its borders, the longest first: at the end of a clause, else of a word (…)."""
    clause = [
        text[: match.start()].rstrip()
        for match in re.finditer(r"(?<=\w)\s*(?:[.!?:;,–—|]\s|\s[-–—|]\s|[。！？，、：；])", text)
    ]
    parts = [piece.text for piece in pieces(text, language)]
    begun = ["".join(parts[:end]).rstrip(" ,;:–—-、，。") for end in range(1, len(parts))]
    words = [one + "…" for one in begun if not dangles(_last_word(one), language)]
    return sorted({*(one for one in clause if one), *words}, key=lambda one: (-len(one), one))
