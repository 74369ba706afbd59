"""What people type into the screenshot node, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from creative.capture import ScreenshotRequest, typed
from creative.capture.given import Given, secrets
from creative.capture.many import MAX_MANY
from creative.errors import InvalidInput

A, B = "https://a.example/", "http://b.example/x?y=1,2"


def one(**parameters: Any) -> ScreenshotRequest:
    [request] = Given(**{"url": A, **parameters}).read()
    return request


def test_nothing_given_is_the_default_of_the_request() -> None:
    assert one() == ScreenshotRequest(url=A)
    # A device decides about these only where nobody else did.
    decided = {"width": 90, "height": 80, "scale": 2, "mobile": True, "touch": False}
    assert not set(decided) & one(device="iPhone 15").model_fields_set
    assert set(decided) <= one(**decided).model_fields_set


def test_every_field_of_a_request_can_be_given() -> None:
    fields = set(ScreenshotRequest.model_fields) - {"resize_width", "resize_height"} | {"resize"}
    assert set(Given.model_fields) == fields


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (A, [A]),
        (f"  {A}\n\n {B} \r\n", [A, B]),
        (f"{A}, {B}", [A, B]),
        (f"{A},{B}", [A, B]),
        (f"{A}、{B}", [A, B]),
        (f"{A} {B}", [A, B]),
        (B, [B]),
        (f'["{A}", "{B}"]', [A, B]),
        (f"['{A}', '{B}']", [A, B]),
        ([A, " ", B], [A, B]),
        (f"{A}\n{A}", [A, A]),
        ("http://[2001:db8::1]/", ["http://[2001:db8::1]/"]),
    ],
)
def test_addresses(given: Any, expected: list[str]) -> None:
    assert [request.url for request in Given(url=given).read()] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (".a", (".a",)),
        (".a, #b\n\n[c]", (".a", "#b", "[c]")),
        (":is(.a, .b), p", (":is(.a, .b)", "p")),
        ('[title="a, b"], p', ('[title="a, b"]', "p")),
        ("[data-x]", ("[data-x]",)),
        ('[".a", "p, q"]', (".a", "p, q")),
        (["#a"], ("#a",)),
    ],
)
def test_hidden_elements(given: Any, expected: tuple[str, ...]) -> None:
    assert one(hide=given).hide == expected


@pytest.mark.parametrize(
    "given",
    [
        "X-Team: web: two\nAccept: text/html\n",
        {"X-Team": "web: two", "Accept": "text/html"},
        '{"X-Team": "web: two", "Accept": "text/html"}',
        "{'X-Team': 'web: two', 'Accept': 'text/html'}",
        ["X-Team: web: two", "Accept: text/html"],
    ],
)
def test_headers(given: Any) -> None:
    assert one(headers=given).headers == (("X-Team", "web: two"), ("Accept", "text/html"))


@pytest.mark.parametrize(
    "given",
    [
        "s=a=b; t=",
        "Cookie: s=a=b; t=",
        "s: a=b\nt:",
        {"s": "a=b", "t": ""},
        '{"s": "a=b", "t": null}',
        [{"name": "s", "value": "a=b", "domain": ".a.example"}, {"name": "t", "value": ""}],
    ],
)
def test_cookies(given: Any) -> None:
    assert one(cookies=given).cookies == (("s", "a=b"), ("t", ""))


def test_a_cookie_goes_to_pages_of_its_domain_only() -> None:
    exported = [{"name": "s", "value": "1", "domain": "example"}, {"name": "t", "value": "2"}]
    exported += [{"name": "u", "value": "3", "domain": "b.example"}]
    first, second = Given(url=f"{A}\n{B}", cookies=exported).read()
    assert first.cookies == (("s", "1"), ("t", "2"))
    assert second.cookies == (("s", "1"), ("t", "2"), ("u", "3"))
    for foreign in ("other.example", "xa.example", "le"):
        cookie = [{"name": "s", "value": "12345678", "domain": foreign}]
        with pytest.raises(InvalidInput, match=f"cookies: got 's of {foreign}'") as caught:
            one(cookies=cookie)
        assert "12345678" not in str(caught.value)


def test_headers_that_are_cookies_or_the_agent_become_these() -> None:
    request = one(headers="Cookie: s=1; t=2\nUser-Agent: Us/1\nX-A: b", cookies="u=3")
    assert request.headers == (("X-A", "b"),)
    assert request.cookies == (("u", "3"), ("s", "1"), ("t", "2"))
    assert request.user_agent == "Us/1"
    assert one(headers="user-agent: Us/1", user_agent="Mine").user_agent == "Mine"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("800x600", (800, 600)),
        ("800 × 600", (800, 600)),
        ("800*600", (800, 600)),
        ("800x", (800, None)),
        ("x600", (None, 600)),
        ("800", (800, None)),
        (800, (800, None)),
        (800.0, (800, None)),
        (None, (None, None)),
    ],
)
def test_sizes(given: Any, expected: tuple[int | None, int | None]) -> None:
    request = one(resize=given)
    assert (request.resize_width, request.resize_height) == expected


@pytest.mark.parametrize(
    "given", ["52.5, -13.4", "52.5 -13.4", "[52.5, -13.4]", {"latitude": 52.5, "longitude": -13.4}]
)
def test_places(given: Any) -> None:
    assert one(geolocation=given).geolocation == (52.5, -13.4)


def test_rectangles_and_words() -> None:
    assert one(clip="0, 10.5,640,480").clip == (0, 10.5, 640, 480)
    assert one(clip={"x": 0, "y": 1, "width": 2, "height": 3}).clip == (0, 1, 2, 3)
    assert one(format=" JPG ").format == "jpeg"
    assert one(engine="auto").engine == ""
    assert one(engine="Browser").engine == "browser"
    assert one(fail_on_status=0).fail_on_status == 0
    assert one(wait_for=" networkidle ").wait_for == "networkidle"
    assert one(css=" p { } ").css == " p { } "
    assert one(mobile=False).mobile is False
    [page] = Given(markdown="# x ").read()
    assert (page.markdown, page.url) == ("# x ", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": None}, "url: got nothing; allowed is exactly one of url, html and markdown"),
        ({"html": "<p>"}, "url: got 'url and html'; allowed is exactly one"),
        ({"url": '["https://a", 7]'}, "url: got .*; allowed is addresses, one per line, or an"),
        ({"url": '["https://a'}, r"allowed is an array such as \[\"https://example.com\"\]"),
        ({"url": {"a": A}}, "url: got {'a'"),
        ({"url": [A] * (MAX_MANY + 1)}, f"'51 addresses'; allowed is at most {MAX_MANY}"),
        ({"hide": 3}, "hide: got 3; allowed is CSS selectors"),
        ({"hide": "[1, 2]"}, "hide: got"),
        ({"headers": "secret123"}, "headers: got line 1 without a colon; allowed is lines such"),
        ({"headers": "A: b\nB c: secret123"}, "headers: got line 2 that is no header"),
        ({"headers": {"A": {"b": "secret123"}}}, "headers: got an object in an object"),
        ({"headers": {"A": "secret123\r\nB: c"}}, "headers: got entry 1 that is no header"),
        ({"headers": "host: internal"}, "headers: got 'host'; allowed is a header that is not"),
        ({"headers": "Proxy-Authorization: x"}, "headers: got 'Proxy-Authorization'"),
        ({"cookies": "secret123"}, "cookies: got line 1 that is no cookie; allowed is a text"),
        ({"cookies": {"a": "secret123; b"}}, "cookies: got entry 1 that is no cookie"),
        ({"cookies": [{"a": "secret123"}]}, "cookies: got entry 1 without name and value"),
        ({"basic_auth": "secret123"}, "basic_auth: got a text of another form; allowed is user:p"),
        ({"basic_auth": ":secret123"}, "basic_auth: got a text of another form"),
        ({"proxy": "secret123:80"}, "proxy: got a text of another form; allowed is an address"),
        ({"proxy": "ftp://u:secret123@h"}, "proxy: got a text of another form"),
        ({"proxy": "http://u:secret123@h:99999"}, "proxy: got a text of another form"),
        ({"geolocation": "Berlin"}, "geolocation: got 'Berlin'; allowed is latitude, longitude"),
        ({"geolocation": "91, 0"}, "geolocation: got '91, 0'; allowed is latitude -90 to 90"),
        ({"geolocation": "nan, 0"}, "geolocation: got 'nan, 0'"),
        ({"clip": "0,0,10"}, "clip: got '0,0,10'; allowed is x, y, width, height, for example"),
        ({"clip": "0,0,0,10"}, "clip: got '0,0,0,10'; allowed is x and y of 0 and up"),
        ({"clip": [1, 2, True, 4]}, "clip: got"),
        ({"resize": "big"}, "resize: got 'big'; allowed is a size in pixels such as 800x600"),
        ({"resize": "x"}, "resize: got 'x'"),
        ({"resize": "0x5"}, "resize: got '0x5'"),
        ({"resize": "20000x"}, "resize: got 20000; allowed is 1 to 8192"),
        ({"fail_on_status": -1}, r"fail_on_status: got -1; allowed is 0 \(never\), or"),
        ({"format": "gif"}, "format: got 'gif'; allowed is png, jpeg, webp, pdf"),
        ({"engine": "chrome"}, "engine: got 'chrome'; allowed is auto, browser, screenshotmachine"),
        ({"url": None, "html": "x", "headers": "A: secret123"}, "headers: got 'a value'; allowed"),
        ({"url": None, "html": "x", "basic_auth": "u:secret123"}, "basic_auth: got 'a value'"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        one(**given)
    assert "secret123" not in str(caught.value)
    assert not caught.value.__context__ or "secret123" not in str(caught.value.__cause__)


def test_what_changes_nothing_is_noted() -> None:
    given = Given(
        url=A, width=300, device="iPad", max_height=9, padding=4, every_match=True, quality=9,
        paper="A5", margins="1cm",
    )  # fmt: skip
    assert [note.partition(":")[0] for note in given.notes()] == [
        "width", "max_height", "every_match", "padding", "quality", "paper", "margins",
    ]  # fmt: skip
    useful = {"selector": "p", "padding": 4, "quality": 9, "format": "jpeg", "width": 300}
    assert Given(url=A, **useful).notes() == ()
    assert Given(url=A, landscape=True, paper="A5", format="PDF").notes() == ()
    assert Given(url=A, landscape=True).notes() == (
        "landscape: without effect (no device, and no pdf)",
    )


def test_every_secret_of_a_request_is_known() -> None:
    requests = Given(
        url="https://u:p%40ss@a.example/",
        headers="Authorization: Bearer abcdefghijk\nAccept-Language: en",
        cookies="session=0123456789",
        basic_auth="me:secret123",
        proxy="http://x:pr0xy@p.example:1",
    ).read()
    assert set(secrets(requests)) == {
        "Bearer abcdefghijk", "abcdefghijk", "0123456789", "me:secret123", "secret123", "pr0xy",
        "p%40ss", "p@ss",
    }  # fmt: skip
    assert "secret123" not in repr(requests[0])


def test_a_list_in_a_text_field_is_read_as_dify_writes_it() -> None:
    assert typed.structure(str(["a", "b"])) == ["a", "b"]
    assert typed.structure("[role=dialog]") is None
    assert typed.structure("__import__('os')") is None
    assert typed.structure("[" * 100_000) is None
