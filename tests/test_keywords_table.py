"""creative.keywords.table: reading lists in the shapes in which people have them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from creative.deadline import Deadline
from creative.errors import EngineRejected, EngineUnavailable, InvalidInput, TooLarge
from creative.keywords import fetch_keywords, fold, read_keywords, read_keywords_file
from creative.keywords.table import MAX_FILE_BYTES, MAX_KEYWORDS
from creative.steps import Steps


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
    ],
)
def test_text(text: str, expected: list[str]) -> None:
    assert read_keywords(text) == expected


@pytest.mark.parametrize("text", ["", "  \n ", ",,;", "[]", '["", " "]', "\u200b"])
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
    ],
)
def test_a_keyword_that_is_too_long_is_located(text: str, where: str) -> None:
    with pytest.raises(InvalidInput, match=where) as caught:
        read_keywords(text)
    assert len(caught.value.message) < 400


def test_an_array_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match="entry 2 is none"):
        read_keywords('["a", {"keyword": "b"}]')


def test_too_many() -> None:
    assert len(read_keywords("a\n" * MAX_KEYWORDS)) == MAX_KEYWORDS
    with pytest.raises(TooLarge, match="50001 keywords long"):
        read_keywords("a\n" * (MAX_KEYWORDS + 1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Coffee  Shop", "coffee shop"),
        ("ＣＯＦＦＥＥ　shop", "coffee shop"),
        ("STRASSE", "straße"),
        ("ｶﾌｪ", "カフェ"),
        ("cafe\u0301", "café"),
        ("soft\u00adhyphen", "softhyphen"),
    ],
)
def test_variants_fold(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold(fold(one)) == fold(one)


def test_different_keywords_do_not_fold() -> None:
    assert len({fold(k) for k in ("cafe", "café", "c++", "c#", "c", "コーヒー", "珈琲")}) == 7


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"a\nb\n", "list.txt", ["a", "b"]),
        ("é\nб".encode("utf-8-sig"), "list.txt", ["é", "б"]),
        ("é\n日本".encode("utf-16"), "list.txt", ["é", "日本"]),
        (b"\xfe\xff" + "a\nb".encode("utf-16-be"), "list.TXT", ["a", "b"]),
        ("café crème\ngarçon".encode("cp1252"), "list.txt", ["café crème", "garçon"]),
        (b"Keyword,Volume\r\na b,100\r\n\"c, d\",20\r\n", "k.csv", ["a b", "c, d"]),
        (b"a;b\nc;d\n", "k.csv", ["a", "c"]),
        (b"Search term\tClicks\nx, y\t1\n", "k.tsv", ["x, y"]),
        ("关键词,量\n咖啡,1\n".encode(), "k.csv", ["咖啡"]),
        (b"a\nb\n", "k.CSV", ["a", "b"]),
        (b"keyword\n", "k.csv", ["keyword"]),
        (b"a, b, c", "list.txt", ["a", "b", "c"]),
        (b"\n\n,\nx,y\n", "k.csv", ["x"]),
    ],
)  # fmt: skip
def test_files(data: bytes, name: str, expected: list[str]) -> None:
    assert read_keywords_file(data, name) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04 rest of a spreadsheet", "binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        ("咖啡豆\n咖啡机".encode("gbk"), "encoding"),
        ("コーヒー豆\n珈琲".encode("shift_jis"), "UTF-8"),
        (b"", "at least one keyword"),
        (b"\xff\xfea", "UTF-8"),
    ],
)
def test_files_that_are_no_lists(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        read_keywords_file(data, "list.csv")
    assert caught.value.message.startswith("keywords_file:")
    assert caught.value.hint


def test_a_long_cell_of_a_csv_file_is_located() -> None:
    with pytest.raises(InvalidInput, match="line 3 has 250"):
        read_keywords_file(b"keyword,n\na,1\n" + b"x" * 250 + b",2\n", "k.csv")


class FileStore(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {
            "/files/a/list.csv": b"keyword\nflat white\n",
            "/files/big.txt": b"a\n" * MAX_FILE_BYTES,
        }
        path = self.path.partition("?")[0]
        self.send_response(200 if path in body else 403)
        data = body.get(path, b'{"code": "forbidden"}')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the reader had enough, as it should

    def log_message(self, *_: object) -> None:
        """Silence."""


SIGNED = "?timestamp=1&nonce=n&sign=secret"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FileStore)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_is_fetched(store: str) -> None:
    assert fetch_keywords(f"{store}/files/a/list.csv{SIGNED}", "", Deadline(20), Steps()) == [
        "flat white"
    ]


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
