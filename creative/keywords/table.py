"""Keywords in: from text, from a JSON array, from a file; and when two are the same."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from creative.deadline import Deadline
from creative.errors import InvalidInput, TooLarge
from creative.steps import Phase, Steps

MAX_KEYWORDS = 50_000
MAX_CHARACTERS = 200
"""Of one keyword: search engines take no longer query (Google: 32 words)."""
MAX_FILE_BYTES = 20 * 1024 * 1024

_SEPARATORS = re.compile(r"[,，、;；]")
# Zero-width space, word joiner, byte order mark, soft hyphen: pasted along, never meant.
_INVISIBLE = re.compile(r"[\u200b\u2060\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Not str.splitlines: it also splits at form feeds and the like.
_LINE_END = re.compile(r"\r\n|\r|\n")
_TABLES = frozenset({"csv", "tsv"})
_HEADERS = frozenset(
    """keyword|keywords|key word|key words|keyphrase|query|queries|search query|search queries|
    search term|search terms|top queries|term|关键词|关键字|搜索词|搜尋字詞|關鍵字|キーワード|
    検索キーワード|検索語句|クエリ|palavra-chave|palavras-chave|palavra chave|termo de pesquisa|
    consulta|consultas|palabra clave|palabras clave|suchbegriff|mot clé|mot-clé""".replace(
        "\n", ""
    ).split("|")
)
_HEADERS_FOLDED = frozenset(" ".join(name.split()) for name in _HEADERS)
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_READABLE = "a text or CSV file in UTF-8, UTF-16 or Windows-1252, one keyword per line"
_SAVE_AS = "Save the list as 'CSV UTF-8' or as plain text in UTF-8 and upload it again."


def clean(text: str) -> str:
    """`text` as it is shown: invisible signs and control signs gone, single spaces."""
    return " ".join(_CONTROL.sub(" ", _INVISIBLE.sub("", text)).split())


def fold(keyword: str) -> str:
    """What two spellings of the same keyword have in common: case, width and spaces folded.

    >>> fold("  Espresso　ＭＡＣＨＩＮＥ ")
    'espresso machine'
    """
    # Casefolding may leave a sequence that NFKC composes again, so twice.
    text = unicodedata.normalize("NFKC", clean(keyword)).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())


def read_keywords(text: str, parameter: str = "keywords") -> list[str]:
    """The keywords in `text`, in its order, repeated ones too.

    An array of strings, in JSON or as Python writes it, is taken as such (workflow variables
    arrive like that); text of more than one line has a keyword per line; a single line is
    split at , ， 、 ; and ；.

    Args:
        text: what the user gave.
        parameter: where it came from, for errors.

    Raises:
        InvalidInput: there is none, or one is longer than MAX_CHARACTERS.
        TooLarge: there are more than MAX_KEYWORDS.
    """
    listed = _array(text, parameter)
    if listed is not None:
        return _checked(listed, parameter, "entry")
    lines = _LINE_END.split(text.strip())
    if len(lines) == 1:
        return _checked(enumerate(_SEPARATORS.split(lines[0]), 1), parameter, "entry")
    skipped = len(_LINE_END.split(text[: len(text) - len(text.lstrip())])) - 1
    numbered = ((skipped + number, line) for number, line in enumerate(lines, 1))
    # A list copied out of code or a cell often keeps its commas at the ends of lines.
    return _checked(((n, line.rstrip().rstrip(",，、;；")) for n, line in numbered), parameter)


def read_keywords_file(data: bytes, filename: str, parameter: str = "keywords_file") -> list[str]:
    """The keywords in a file: of .csv and .tsv the first column, else as `read_keywords`.

    The delimiter is the one of comma, semicolon and tab that the first line has most of; a
    first line whose first cell says "keyword", "关键词", "キーワード", "palavra-chave" or the
    like is a header.

    Raises:
        InvalidInput: not a text file, none in it, or one is longer than MAX_CHARACTERS.
        TooLarge: more than MAX_KEYWORDS.
    """
    text = _decode(data, filename, parameter)
    if PurePosixPath(filename.lower()).suffix.removeprefix(".") not in _TABLES:
        return read_keywords(text, parameter)
    first = next((line for line in _LINE_END.split(text) if line.strip()), "")
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    cells: list[tuple[int, str]] = []
    try:
        for row in reader:
            if row:
                cells.append((reader.line_num, row[0]))
    except csv.Error as error:
        raise InvalidInput(
            parameter, filename, f"a CSV file; line {reader.line_num} is broken: {error}", _SAVE_AS
        ) from error
    filled = [(line, cell) for line, cell in cells if cell.strip()]
    if len(filled) > 1 and fold(filled[0][1]) in _HEADERS_FOLDED:
        filled = filled[1:]
    return _checked(filled, parameter)


def fetch_keywords(
    url: str, filename: str, deadline: Deadline, steps: Steps, allowed: Iterable[str] = ()
) -> list[str]:
    """The keywords in a file that Dify hands over by its address; see `read_keywords_file`.

    Args:
        url: where the file is.
        filename: its name; empty: the last part of the address.
        deadline: the call's clock.
        steps: told about the download.
        allowed: the setting `allowed_private_hosts`, for links that users typed.

    Raises:
        CreativeError: as `creative.files.fetch` and `read_keywords_file`.
    """
    from creative.files import fetch

    with steps.step(Phase.INIT, "Fetching the file", 3):
        file = fetch(url, filename, "keywords_file", deadline, MAX_FILE_BYTES, allowed)
        return read_keywords_file(file.data, file.name)


def checked(keywords: Iterable[str], parameter: str = "keywords") -> list[str]:
    """A list that is clean and within the limits; errors as those of `read_keywords`."""
    return _checked(enumerate(keywords, 1), parameter, "entry")


def _checked(numbered: Iterable[tuple[int, str]], parameter: str, unit: str = "line") -> list[str]:
    kept: list[str] = []
    for number, raw in numbered:
        keyword = clean(raw)
        if not keyword:
            continue
        if len(keyword) > MAX_CHARACTERS:
            raise InvalidInput(
                parameter,
                keyword,
                f"a keyword of at most {MAX_CHARACTERS} characters, and {unit} {number} has "
                f"{len(keyword)}",
                "Give keywords, not sentences: one per line, or a single line with commas.",
            )
        kept.append(keyword)
    if not kept:
        raise InvalidInput(
            parameter,
            None,
            "at least one keyword",
            "Give one keyword per line, or a single line with commas between them.",
        )
    if len(kept) > MAX_KEYWORDS:
        raise TooLarge(
            f"The list in {parameter}",
            f"{len(kept)} keywords long",
            f"{MAX_KEYWORDS} keywords",
            "Split the list, or drop what nobody searches for.",
        )
    return kept


def _array(text: str, parameter: str) -> list[tuple[int, str]] | None:
    """The numbered strings of an array; None if `text` is none, such as "[exact match]".

    Dify hands an array variable to a string parameter as Python writes lists (with single
    quotes), and one inside other text as JSON.
    """
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return None
    try:
        items = json.loads(stripped)
    except (ValueError, RecursionError):
        try:
            items = ast.literal_eval(stripped)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    if not isinstance(items, list):
        return None
    listed: list[tuple[int, str]] = []
    for number, item in enumerate(items, 1):
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise InvalidInput(
                parameter,
                item,
                f"an array of texts, and entry {number} is none",
                "Connect an array of strings, or text with one keyword per line.",
            )
        listed.append((number, str(item)))
    return listed


def _decode(data: bytes, filename: str, parameter: str) -> str:
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise InvalidInput(parameter, filename, _READABLE, _SAVE_AS) from error
    if b"\x00" in data or data.startswith((b"PK\x03\x04", b"%PDF")):
        raise InvalidInput(parameter, filename, f"{_READABLE}, and this is a binary file", _SAVE_AS)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise InvalidInput(parameter, filename, _READABLE, _SAVE_AS) from error
    # In Western text a non-ASCII byte stands among ASCII letters. In GBK, Big5 or Shift-JIS
    # they come in pairs, and reading those as Windows-1252 would give silent nonsense.
    special = len(re.findall(rb"[\x80-\xff]", data))
    paired = sum(len(run) for run in re.findall(rb"[\x80-\xff]{2,}", data))
    if paired * 3 > special:
        raise InvalidInput(
            parameter, filename, f"{_READABLE}, and this is in another encoding", _SAVE_AS
        )
    return text
