"""creative.keywords: reading lists in the shapes in which people have them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from creative.deadline import Deadline
from creative.errors import EngineRejected, EngineUnavailable, InvalidInput, TooLarge
from creative.keywords import Row, fetch_keywords, fold, load, read_keywords, read_keywords_file
from creative.keywords.columns import plain
from creative.keywords.numbers import number
from creative.keywords.table import (
    AT_ONCE_BYTES,
    MAX_FILE_BYTES,
    MAX_KEYWORDS,
    read_table,
    read_table_file,
)
from creative.steps import Steps
from tests.servers import Server, answer


def words(rows: list[Row]) -> list[str]:
    return [row.keyword for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\r\nc\rd", ["a", "b", "c", "d"]),
        ("\n\n  a  \n\n b\tc \n", ["a", "b c"]),
        ("red, green,blue", ["red", "green", "blue"]),
        ("红色，绿色、蓝色；黄色;紫色", ["红色", "绿色", "蓝色", "黄色", "紫色"]),
        ("coffee, black\ntea, green", ["coffee, black", "tea, green"]),
        ("a,\nb,\nc", ["a", "b", "c"]),
        ("just one", ["just one"]),
        ('["a, b", "c", 7]', ["a, b", "c", "7"]),
        ('\n ["x"] ', ["x"]),
        (str(["it's", 'a "b"', "c\nd"]), ["it's", 'a "b"', "c d"]),
        ("[exact match]", ["[exact match]"]),
        ("['a'], ['b']", ["['a']", "['b']"]),
        ("[a b]\n[c d]", ["[a b]", "[c d]"]),
        ("\ufeffa\n\u200bb\x00", ["a", "b"]),
        ("a\x0cb\nc", ["a b", "c"]),
        ("dup\nDup\ndup", ["dup", "Dup", "dup"]),
        ("keyword research\nkeyword tool", ["keyword research", "keyword tool"]),
        ('say "hi, you"\nbye', ['say "hi, you"', "bye"]),
        ("half \ud800 pair", ["half \ufffd pair"]),
        ("<b>bold</b>\n=1+1\n☕", ["<b>bold</b>", "=1+1", "☕"]),
    ],
)
def test_text(text: str, expected: list[str]) -> None:
    assert words(read_keywords(text)) == expected


@pytest.mark.parametrize("text", ["", "  \n ", ",,;", "[]", '["", " "]', "\u200b", "keyword,kd\n"])
def test_nothing_in_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="keywords: got nothing; allowed is at least one"):
        read_keywords(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a\n\n" + "x" * 300, "line 3 has 300"),
        ("\n\na\n" + "x" * 300, "line 4 has 300"),
        ("a, b, " + "x" * 300, "entry 3 has 300"),
        (f'["a", "{"x" * 300}"]', "entry 2 has 300"),
        ("x" * 5000, "entry 1 has 5000"),
        ("keyword,volume\na,1\n" + "x" * 250 + ",2\n", "line 3 has 250"),
        ('[{"keyword": "a"}, {"keyword": "' + "x" * 250 + '"}]', "entry 2 has 250"),
    ],
)
def test_a_keyword_that_is_too_long_is_located(text: str, where: str) -> None:
    with pytest.raises(InvalidInput, match=where) as caught:
        read_keywords(text)
    assert len(caught.value.message) < 400


def test_arrays_of_something_else_are_refused() -> None:
    with pytest.raises(InvalidInput, match="entry 2 is neither"):
        read_keywords('["a", {"keyword": "b"}]')
    with pytest.raises(InvalidInput, match="its fields are 'name', 'price'"):
        read_keywords('[{"name": "a", "price": 3}]')


def test_too_many() -> None:
    assert len(read_keywords("a\n" * MAX_KEYWORDS)) == MAX_KEYWORDS
    with pytest.raises(TooLarge, match="200000 keywords long; the limit is 50000") as caught:
        read_keywords("a\n" * 200_000)
    assert "max_keywords" in caught.value.hint
    with pytest.raises(TooLarge, match="3 keywords long; the limit is 2"):
        read_keywords("keyword,volume\na,1\nb,2\nc,3\n", most=2)


def test_what_two_writings_have_in_common() -> None:
    assert fold("ＣＯＦＦＥＥ　shop") == fold(" Coffee  SHOP ") == "coffee shop"
    assert fold("ｶﾌｪ") == fold("カフェ")
    assert len({fold(k) for k in ("cafe", "café", "c++", "c#", "c", "コーヒー", "珈琲")}) == 7


PLANNER = (
    "Keyword Stats 2026-11-01 at 10_00_00\n"
    "November 1, 2025 - October 31, 2026\n"
    "Keyword\tCurrency\tAvg. monthly searches\tCompetition\tCompetition (indexed value)\t"
    "Top of page bid (low range)\tTop of page bid (high range)\n"
    "red shoes\tUSD\t1K – 10K\tHigh\t91\t0.25\t1.25\n"
    "blue shoes\tUSD\t1,300\tLow\t10\t\t0.5\n"
    "odd shoes\tUSD\t-\tUnknown\t\t\t\n"
).encode("utf-16")


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (PLANNER, "Keyword Stats.csv",
         [("red shoes", 3162.28, 91, 1.25), ("blue shoes", 1300, 10, 0.5),
          ("odd shoes", None, None, None)]),
        (b"Top queries,Clicks,Impressions,CTR,Position\ncoffee,12,300,4%,3.2\n", "Queries.csv",
         [("coffee", 300, None, None)]),
        (b'"Keyword","Intent","Volume","Trend","Keyword Difficulty","CPC (USD)"\n'
         b'"big, red car","Commercial, Transactional","22200","0.1,0.2","64","1.30"\n', "sr.csv",
         [("big, red car", 22200, 64, 1.3)]),
        ("#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\n1\ttea pot\tus\t12\t1900\t0.85\n"
         .encode("utf-16"), "ahrefs.csv", [("tea pot", 1900, 12, 0.85)]),
        (b"No,Keywords,Search Volume,CPC,Paid Difficulty,SEO Difficulty\n1,tea,2.400,1,5,40\n",
         "ubersuggest.csv", [("tea", 2400, 40, 1)]),
        ("关键词,整体日均搜索量,竞争激烈程度,指导价\n咖啡机,1万,高,2.5\n咖啡豆,3,低,0.5\n".encode(),
         "baidu.csv", [("咖啡机", 300000, 83, 2.5), ("咖啡豆", 90, 17, 0.5)]),
        ("キーワード,月間検索数,難易度,クリック単価\nコーヒー豆,14800,45,¥120\n".encode(), "jp.csv",
         [("コーヒー豆", 14800, 45, 120)]),
        ("palavra-chave;volume de busca;dificuldade;cpc\ncafé coado;1.300;30;R$ 1,25\n".encode(),
         "pt.csv", [("café coado", 1300, 30, 1.25)]),
        ("Suchbegriff;Suchvolumen;Wettbewerb\nKaffeemühle;1.300;mittel\n".encode("cp1252"),
         "de.csv", [("Kaffeemühle", 1300, 50, None)]),
        (b"volume|kd|keyword\n10|5|a b\n", "bars.csv", [("a b", 10, 5, None)]),
        (b"coffee,1300\ntea,20\n", "bare.csv", [("coffee", 1300, None, None),
                                                ("tea", 20, None, None)]),
        (b"keyword\n", "only.txt", [("keyword", None, None, None)]),
        (b"\n\nkeyword\na\n\nb\n", "k.csv", [("a", None, None, None), ("b", None, None, None)]),
        (b"a\nb\n", "k.CSV", [("a", None, None, None), ("b", None, None, None)]),
        (b"keyword,volume\n'=1+1,5\n", "ours.csv", [("=1+1", 5, None, None)]),
        ("é\nб".encode("utf-8-sig"), "list.txt", [("é", None, None, None),
                                                  ("б", None, None, None)]),
        ("café crème\ngarçon".encode("cp1252"), "list.txt", [("café crème", None, None, None),
                                                             ("garçon", None, None, None)]),
    ],
)  # fmt: skip
def test_files_and_the_exports_of_the_usual_tools(
    data: bytes, name: str, expected: list[tuple[Any, ...]]
) -> None:
    found = [
        (r.keyword, None if r.volume is None else round(r.volume, 2), r.difficulty, r.cpc)
        for r in read_keywords_file(data, name)
    ]
    assert found == expected


def test_the_same_tables_pasted_as_text() -> None:
    pasted = "keyword\tvolume\tintent\turl\nred shoe\t1.3K\tC\thttps://a.example/red\n"
    assert read_keywords(pasted) == [
        Row(keyword="red shoe", volume=1300, intent="C", url="https://a.example/red")
    ]
    assert words(read_keywords("coffee;1.300\ntea;20")) == ["coffee", "tea"]
    objects = '[{"keyword": "a", "volume": 5, "serp": ["https://x.example/1"]}, {"keyword": "b"}]'
    assert read_keywords(objects) == [
        Row(keyword="a", volume=5, serp=("https://x.example/1",)),
        Row(keyword="b"),
    ]


@pytest.mark.parametrize(
    "table",
    [
        "keyword,serp urls\na,\"https://x.example/1\nhttps://y.example/2\"\n",
        "keyword,serp urls\na,https://x.example/1 | https://y.example/2\n",
        "keyword;SERP URLs\na;https://x.example/1, https://y.example/2\n",
        "keyword,URL 2,URL 1\na,https://y.example/2,https://x.example/1\n",
        "keyword,SERP 1,SERP 2,SERP 3\na,https://x.example/1,https://y.example/2,\n",
        "关键词\t搜索结果1\t搜索结果2\na\thttps://x.example/1\thttps://y.example/2\n",
    ],
)  # fmt: skip
def test_search_results_in_one_column_or_in_several(table: str) -> None:
    [row] = read_keywords(table)
    assert row.serp == ("https://x.example/1", "https://y.example/2")
    assert row.url == ""


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (b"name,price\nfoo,12\n", "'name', 'price'"),
        (b"volume,cpc\n1,2\n", "'volume', 'cpc'"),
        (b"title|desc\nx|y\n", "'title', 'desc'"),
        (b"a;b\nc;d\n", "'a', 'b'"),
        (b"Volume\n100\n", "'Volume'"),
        (b"Report of today\n\nsize\tvolume\nbig\t3\n", "'size', 'volume'"),
    ],
)
def test_a_table_without_a_column_of_keywords_names_its_columns(data: bytes, columns: str) -> None:
    with pytest.raises(InvalidInput, match=columns) as caught:
        read_keywords_file(data, "list.csv")
    assert caught.value.message.startswith("keywords_file:")
    assert "'keyword'" in caught.value.hint


def test_cells_that_cannot_be_read_are_counted_and_located() -> None:
    table = read_table("keyword,volume,kd,colour\na,many,50,red\nb,lots,500,blue\nc,3,7,x\n")
    assert [(r.volume, r.difficulty) for r in table.rows] == [(None, 50), (None, None), (3, 7)]
    assert table.notes == [
        "2 values of 'volume' could not be read and are left out, the first: 'many' in line 2.",
        "1 value of 'kd' could not be read and is left out, the first: '500' in line 3.",
        "Columns that were not used: 'colour'.",
    ]


@pytest.mark.parametrize(
    ("cell", "thousands", "expected"),
    [
        ("1,300", True, 1300), ("1.300", True, 1300), ("1 300", True, 1300), ("1'300", True, 1300),
        ("1.300", False, 1.3), ("1,25 €", False, 1.25), ("$0.45", False, 0.45),
        ("0.300", True, 0.3),
        ("1.234.567", False, 1234567), ("1,234.5", False, 1234.5), ("1.234,5", True, 1234.5),
        ("1.3K", True, 1300), ("2,4万", True, 24000), ("3 mil", True, 3000), ("5M", True, 5e6),
        ("1K – 10K", True, 10000 / 10**0.5), ("10-100", True, 31.6228), ("0 – 10", True, 5),
        (">1000", True, 1000), ("45%", False, 45), ("-", True, None), ("", True, None),
        ("100..400", True, 200), ("n/a", True, None),
        ("１２３", True, 123), (7, True, 7), (float("nan"), True, None),
        (None, True, None), (True, True, None), ("NaN", True, None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(
    cell: object, thousands: bool, expected: float | None
) -> None:
    found = number(cell, thousands)
    assert found is None if expected is None else found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("cell", ["many", "-5", -5, "1...2", "1,2,3", "12 apples", float("inf")])
def test_what_is_no_number(cell: object) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        number(cell, thousands=True)


def test_names_of_columns_are_compared_without_decoration() -> None:
    assert plain(" Avg. monthly_searches (USD) ") == "avg monthly searches"
    assert plain("Média de pesquisas") == "media de pesquisas"
    assert plain("キーワード") == "キーワード"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        (b"%PDF-1.7", "binary"),
        ("咖啡豆\n咖啡机".encode("gbk"), "encoding"),
        ("コーヒー豆\n珈琲".encode("shift_jis"), "UTF-8"),
        (b"", "at least one keyword"),
        (b"\xff\xfea", "UTF-8"),
        (b'keyword,volume\n"' + b"x" * 200_000, "line 2 is broken"),
    ],
)
def test_files_that_are_no_lists(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        read_keywords_file(data, "list.csv")
    assert caught.value.message.startswith("keywords_file:")
    assert caught.value.hint


def workbook(*sheets: list[list[object]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for lines in sheets:
        sheet = book.create_sheet()
        for line in lines:
            sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook() -> None:
    import datetime

    data = workbook(
        [["How to use this file"]],
        [["Keywords of November"], [], ["Keyword", "Volume", "KD"],
         ["red shoe", 1300, 12.5], [2024, None, None], [datetime.datetime(2026, 7, 24), 5, 1],
         [None, 9, 9]],
    )  # fmt: skip
    assert read_keywords_file(data, "list.xlsx") == [
        Row(keyword="red shoe", volume=1300, difficulty=12.5),
        Row(keyword="2024"),
        Row(keyword="2026-07-24", volume=5, difficulty=1),
    ]
    with pytest.raises(InvalidInput, match="its columns are 'name', 'price'"):
        read_keywords_file(workbook([["name", "price"], ["a", 1]]), "list.xlsx")
    with pytest.raises(TooLarge, match="the limit is"):
        read_keywords_file(workbook([["keyword"]] + [["a"]] * 50), "list.xlsx", most=20)


def test_workbooks_that_are_none() -> None:
    with pytest.raises(InvalidInput, match=r"a whole \.xlsx workbook"):
        read_keywords_file(b"PK\x03\x04 rest of a spreadsheet", "list.xlsx")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InvalidInput, match="this is a zip"):
        read_keywords_file(out.getvalue(), "list.xlsx")
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<broken")
    with pytest.raises(InvalidInput, match="not broken"):
        read_keywords_file(out.getvalue(), "list.xlsx")


def test_a_zip_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as entry:
            for _ in range(320):
                entry.write(bytes(2**20))
    assert len(out.getvalue()) < 400_000
    with pytest.raises(TooLarge, match="unpacked, is 320 MB; the limit is 300 MB"):
        read_keywords_file(out.getvalue(), "bomb.xlsx")


def test_large_lists_are_read_by_the_worker_with_the_same_result() -> None:
    line = "some keyword number {}\t{}\n"
    text = "keyword\tvolume\n" + "".join(line.format(n, n) for n in range(6000))
    assert len(text) > AT_ONCE_BYTES
    assert load(text, "keywords", Deadline(30)) == read_table(text)
    data = b"keyword,volume\n" + b"x,1\n" * (AT_ONCE_BYTES // 4)
    assert load((data, "a.csv"), "f", Deadline(30)) == read_table_file(data, "a.csv", "f")
    with pytest.raises(TooLarge, match="keywords_file"):
        load((data, "a.csv"), "keywords_file", Deadline(30), most=7)


def store_answer(request: BaseHTTPRequestHandler) -> None:
    body = {
        "/files/a/list.csv": b"keyword,volume\nflat white,3\n",
        "/files/big.txt": b"a\n" * MAX_FILE_BYTES,
    }.get(request.path.partition("?")[0])
    if body is None:
        answer(request, '{"code": "forbidden"}', status=403)
    else:
        answer(request, body, content_type="text/plain")


SIGNED = "?timestamp=1&nonce=n&sign=secret"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with Server(store_answer) as server:
        yield server.url


def test_a_file_is_fetched(store: str) -> None:
    found = fetch_keywords(f"{store}/files/a/list.csv{SIGNED}", "", Deadline(20), Steps())
    assert found == [Row(keyword="flat white", volume=3)]


def test_a_file_that_the_store_refuses(store: str) -> None:
    with pytest.raises(EngineRejected, match="answered 403") as caught:
        fetch_keywords(f"{store}/files/gone.txt{SIGNED}", "gone.txt", Deadline(20), Steps())
    assert "secret" not in str(caught.value)


def test_a_file_that_is_too_large(store: str) -> None:
    with pytest.raises(TooLarge, match="20480 KB"):
        fetch_keywords(f"{store}/files/big.txt{SIGNED}", "big.txt", Deadline(20), Steps())


@pytest.mark.parametrize("url", ["/files/1?sign=s", "", "file:///etc/passwd"])
def test_a_file_without_a_server(url: str) -> None:
    with pytest.raises(EngineUnavailable, match="without a server") as caught:
        fetch_keywords(url, "a.txt", Deadline(20), Steps())
    assert "FILES_URL" in caught.value.hint
