"""The file server that stands in for Dify's file service."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from runtime.answers.files import FileServer, extension_of, kind_of


def test_a_file_is_served_under_the_object_that_dify_hands_over() -> None:
    with FileServer() as server:
        mapping = server.put(b"\x89PNG", "shots/start page.png", "image/png")
        url = mapping.pop("url")
        assert mapping == {
            "dify_model_identity": "__dify__file__",
            "mime_type": "image/png",
            "filename": "start page.png",
            "extension": ".png",
            "size": 4,
            "type": "image",
        }
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"\x89PNG"
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.headers["Content-Length"] == "4"


def test_head_has_the_headers_and_no_body() -> None:
    with FileServer() as server:
        url = server.put(b"hello", "a.txt")["url"]
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
            assert answer.headers["Content-Length"] == "5"
            assert answer.headers["Content-Type"] == "text/plain"
            assert answer.read() == b""


def test_other_paths_are_not_found() -> None:
    with FileServer() as server:
        url = server.put(b"secret", "a.txt")["url"]
        token = url.split("/")[-2]
        for other in (url.replace(token, "x"), url.rsplit("/", 1)[0], url.replace("?", "x?")):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(other)
            assert caught.value.code == 404
            caught.value.close()


def test_same_name_twice_gives_two_addresses() -> None:
    with FileServer() as server:
        first, second = server.put(b"1", "a.txt")["url"], server.put(b"2", "a.txt")["url"]
        assert urllib.request.urlopen(first).read() == b"1"
        assert urllib.request.urlopen(second).read() == b"2"


def test_nothing_listens_before_the_first_file_nor_after_the_end() -> None:
    server = FileServer()
    assert server._server is None
    with server:
        url = server.put(b"1", "a.txt")["url"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


@pytest.mark.parametrize(
    ("filename", "mime_type", "kind", "extension"),
    [
        ("a.PNG", "", "image", ".PNG"),
        ("a", "image/avif", "image", ".avif"),
        ("clusters.csv", "text/csv", "document", ".csv"),
        ("a.json", "application/json", "custom", ".json"),
        ("a", "text/plain; charset=utf-8", "document", ".txt"),
        ("a.mp4", "", "video", ".mp4"),
        ("a", "", "custom", ".bin"),
    ],
)
def test_kinds_are_difys(filename: str, mime_type: str, kind: str, extension: str) -> None:
    assert kind_of(filename, mime_type) == kind
    assert extension_of(filename, mime_type) == extension
