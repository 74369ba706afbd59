"""The guard: a table of addresses, no network, no real resolver."""

from __future__ import annotations

import re
import time

import pytest

from creative.capture.address import read
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import BlockedAddress, DeadlineExceeded, EngineUnavailable, InvalidInput

NAMES = {
    "example.com": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
    "xn--bcher-kva.example": ["203.0.114.9"],
    "xn--n3h.net": ["8.8.4.4"],
    "six.example": ["2a00:1450:4001:81b::200e"],
    "nat64.example": ["64:ff9b::808:808"],
    "inside.example": ["10.1.2.3"],
    "half.example": ["93.184.216.34", "192.168.0.9"],
    "scoped.example": ["fe80::1%eth0"],
    "mapped.example": ["::ffff:172.16.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "intranet": ["172.31.255.255"],
}


def resolve(name: str) -> list[str]:
    """The only names there are."""
    if name not in NAMES:
        raise OSError("no such name")
    return NAMES[name]


def guard(*allowed: str, proxy: str = "") -> Guard:
    """A guard with the names above."""
    return Guard(allowed, resolve, lambda scheme, host: proxy)


def soon() -> Deadline:
    """Enough for a table."""
    return Deadline(5)


REFUSED = """
http://127.0.0.1/ http://127.0.0.1:8080/x http://127.1/ http://127.0.1 http://127.255.255.254/
http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://0x7F.0x0.0x0.0x1/ http://0177.0.0.1/
http://017700000001/ http://00000177.0.0.1/ http://127.0.0.1./ http://①②⑦.⓪.⓪.①/
http://１２７.０.０.１/ http://127。0。0。1/ http://127%2e0%2e0%2e1/ http://%31%32%37.0.0.1/
http:127.0.0.1 http:/127.0.0.1/ http:////127.0.0.1/ http:\\\\127.0.0.1\\ HTTP://127.0.0.1
http://example.com@127.0.0.1/ http://example.com:80@127.0.0.1/ http://a:b@c@127.0.0.1/
http://127.0.0.1#@example.com/ http://127.0.0.1?@example.com/ http://127.0.0.1\\@example.com/
http://0/ http://0.0.0.0/ http://0.1.2.3/ http://10.0.0.1/ http://10.255.255.255/ http://0xa000001/
http://172.16.0.1/ http://172.31.255.255/ http://192.168.1.1/ http://3232235777/
http://169.254.169.254/latest/meta-data/ http://0xA9FEA9FE/ http://2852039166/ http://169.254.1.1/
http://100.64.0.1/ http://100.127.255.255/ http://100.100.100.200/ http://168.63.129.16/
http://192.0.0.192/ http://192.0.0.1/ http://192.0.2.1/ http://198.18.0.1/ http://198.51.100.7/
http://203.0.113.7/ http://192.88.99.1/ http://224.0.0.1/ http://239.255.255.250/ http://240.0.0.1/
http://255.255.255.255/ http://[::1]/ http://[::]/ http://[0:0:0:0:0:0:0:1]/
http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::ffff:a9fe:a9fe]/
http://[::ffff:10.0.0.1]/ http://[::127.0.0.1]/ http://[::8.8.8.8]/ http://[fe80::1]/
http://[fec0::1]/ http://[fc00::1]/ http://[fd12:3456::1]/ http://[fd00:ec2::254]/ http://[ff02::1]/
http://[2001:db8::1]/ http://[3fff::1]/ http://[2001::1]/ http://[2002:7f00:1::]/
http://[2002:a00:1::1]/ http://[64:ff9b::7f00:1]/ http://[64:ff9b::10.0.0.1]/
http://[2002:808:808::1]/ http://[64:ff9b:1::808:808]/ http://[100::1]/ http://[2606:4700::5efe:a00:1]/
http://[5f00::1]/ http://localhost/ http://LOCALHOST:3000/ http://localhost./ http://a.localhost/ http://ⓛocalhost/
http://inside.example/ http://half.example/ http://scoped.example/ http://mapped.example/
http://metadata.google.internal/ http://intranet/ https://INSIDE.example./
file:///etc/passwd FILE:///etc/passwd file://example.com/x data:text/html,hi javascript:alert(1)
java\tscript:alert(1) ftp://example.com/ gopher://127.0.0.1:6379/_x ws://example.com/ about:blank
view-source:http://example.com/ chrome://version blob:http://example.com/x
""".replace("\\t", "\t").split(" ")
REFUSED = [address for line in REFUSED for address in line.split("\n") if address]

ALLOWED = {
    "http://example.com": "http://example.com/",
    "https://EXAMPLE.com.:443/a?b#c": "https://example.com/a?b#c",
    "  https://example.com/a b  ": "https://example.com/a b",
    "http://user:pw@example.com:8080/": "http://user:pw@example.com:8080/",
    "http:\\\\example.com\\a\\b?c\\d": "http://example.com/a/b?c\\d",
    "http://example.com\\@127.0.0.1/": "http://example.com/@127.0.0.1/",
    "http://ex%61mple.com/": "http://example.com/",
    "https://bücher.example/ä": "https://xn--bcher-kva.example/ä",
    "https://BÜCHER.example": "https://xn--bcher-kva.example/",
    "https://☃.net": "https://xn--n3h.net/",
    "http://8.8.8.8/": "http://8.8.8.8/",
    "http://134744072/": "http://8.8.8.8/",
    "http://0x8.8.010.8/": "http://8.8.8.8/",
    "http://example.com:" + "0" * 5000 + "81/": "http://example.com:81/",
    "http://172.32.0.1/": "http://172.32.0.1/",
    "http://100.128.0.1/": "http://100.128.0.1/",
    "http://[2606:4700:4700::1111]:81/": "http://[2606:4700:4700::1111]:81/",
    "http://[::ffff:8.8.8.8]/": "http://[::ffff:808:808]/",
    "http://[64:ff9b::8.8.8.8]/": "http://[64:ff9b::808:808]/",
    "http://six.example/": "http://six.example/",
    "http://nat64.example/": "http://nat64.example/",
}


def test_tables_are_as_long_as_asked() -> None:
    assert len(set(REFUSED)) >= 60
    assert len(ALLOWED) >= 15


@pytest.mark.parametrize("url", REFUSED)
def test_refused(url: str) -> None:
    with pytest.raises(BlockedAddress):
        guard().check(url, soon())


@pytest.mark.parametrize(("url", "written"), ALLOWED.items())
def test_allowed(url: str, written: str) -> None:
    assert guard().check(url, soon()).url == written


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "localhost:80",
        "//example.com",
        "http://",
        "http://:80/",
        "http://a:b/",
        "http://example.com:99999/",
        "http://example.com:" + "8" * 5000,
        "http://example.com:８０/",
        "http://1.2.3.4.5/",
        "http://1.2.3.256/",
        "http://08.1.1.1/",
        "http://0x1g.0x1/",
        "http://[::1",
        "http://[1::2::3]/",
        "http://[fe80::1%25eth0]/",
        "http://a..b/",
        "http://exa mple.com/",
        "http://exa%00mple.com/",
        "http://a^b/",
        "",
    ],
)
def test_unreadable(url: str) -> None:
    with pytest.raises((InvalidInput, BlockedAddress, EngineUnavailable)) as caught:
        guard().check(url, soon())
    # "0x1g.0x1" ends in a number, so it must be read as IPv4 or not at all.
    assert isinstance(caught.value, InvalidInput)


@pytest.mark.parametrize(
    ("entry", "opens", "still_refused"),
    [
        ("127.0.0.1", "http://127.0.0.1:5000/", "http://127.0.0.2/"),
        ("::ffff:10.0.0.1", "http://[::ffff:a00:1]/", "http://[::ffff:a00:2]/"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/", "http://127.0.0.1:5001/"),
        ("127.0.0.1:80", "http://127.0.0.1/", "https://127.0.0.1/"),
        ("localhost", "https://LOCALHOST./", "http://127.0.0.1/"),
        ("Inside.Example", "http://inside.example/", "http://half.example/"),
        ("http://inside.example:8443/", "https://inside.example:8443/", "https://inside.example/"),
        ("::1", "http://[::1]:9/", "http://[::2]/"),
        ("[::1]:9", "http://[0:0::1]:9/", "http://[::1]/"),
        ("10.0.0.1", "http://0xa000001/", "http://10.0.0.2/"),
    ],
)
def test_allowed_private_hosts_opens_exactly_what_it_names(
    entry: str, opens: str, still_refused: str
) -> None:
    some = guard(entry)
    some.check(opens, soon())
    with pytest.raises(BlockedAddress):
        some.check(still_refused, soon())


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "*.example", "http://a/b", "a:b", "u@host"])
def test_allowed_private_hosts_has_no_patterns(entry: str) -> None:
    with pytest.raises(InvalidInput, match="allowed_private_hosts"):
        guard(entry)


def test_the_error_names_address_reason_and_way_out_but_no_secret() -> None:
    with pytest.raises(BlockedAddress) as caught:
        guard().check("http://me:hunter2@inside.example:8080/a?token=abc", soon())
    text = str(caught.value)
    for part in ("http://inside.example:8080/a", "10.1.2.3", "private", "allowed_private_hosts"):
        assert part in text
    assert "hunter2" not in text
    assert "abc" not in text


def test_unknown_name_is_said_so() -> None:
    with pytest.raises(EngineUnavailable, match=r"nowhere\.example cannot be resolved"):
        guard().check("http://nowhere.example/", soon())


def test_behind_a_proxy_unknown_names_pass_but_private_ones_do_not() -> None:
    proxied = guard(proxy="http://10.9.9.9:3128")
    assert proxied.check("http://nowhere.example/", soon()).addresses == ()
    for url in ("http://inside.example/", "http://10.0.0.1/", "http://localhost/"):
        with pytest.raises(BlockedAddress):
            proxied.check(url, soon())


def test_a_slow_resolver_meets_the_deadline() -> None:
    def slow(name: str) -> list[str]:
        time.sleep(3)
        return ["8.8.8.8"]

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        Guard((), slow).check("http://slow.example/", Deadline(0.2))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "10.1.1.1", "fe80::1%2"])
def test_connected_to_a_private_address(address: str) -> None:
    with pytest.raises(BlockedAddress, match="it was answered by"):
        guard().check_connected("http://example.com/", address, soon())
    guard("example.com").check_connected("http://example.com/", address, soon())


def test_connected_to_a_public_address_or_to_the_proxy() -> None:
    guard().check_connected("http://example.com/", "93.184.216.34", soon())
    proxied = guard(proxy="http://10.9.9.9:3128")
    proxied.check_connected("http://example.com/", "10.9.9.9", soon())
    with pytest.raises(BlockedAddress):
        proxied.check_connected("http://example.com/", "10.9.9.8", soon())


def test_a_proxys_name_is_not_resolved_for_every_answer() -> None:
    asked: list[str] = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["10.9.9.9"]

    proxied = Guard((), resolve, lambda scheme, host: "http://proxy.corp:3128")
    for number in range(3):
        proxied.check_connected(f"http://example.com/{number}", "10.9.9.9", soon())
    assert asked == ["proxy.corp"]
    with pytest.raises(BlockedAddress):
        proxied.check_connected("http://example.com/", "10.9.9.8", soon())


def test_read_keeps_port_only_where_it_says_something() -> None:
    assert read("https://example.com:443/").port == 443
    assert read("https://example.com:443/").url == "https://example.com/"
    assert read("http://example.com:443/").url == "http://example.com:443/"


@pytest.mark.parametrize(
    ("proxy", "written"),
    [
        ("http://example.com:3128", "http://93.184.216.34:3128"),
        ("socks5://user:pw@example.com", "socks5://93.184.216.34:1080"),
        ("https://example.com:8443/", "https://example.com:8443"),
        ("HTTP://[2606:4700:4700::1111]", "http://[2606:4700:4700::1111]:80"),
        ("http://134744072:81", "http://8.8.8.8:81"),
    ],
)
def test_a_users_proxy_is_named_by_the_number_that_was_checked(proxy: str, written: str) -> None:
    _, server = guard().through(proxy, soon())
    assert server == written


@pytest.mark.parametrize(
    "proxy",
    ["http://127.0.0.1:3128", "socks5://localhost", "http://inside.example:3128", "http://0x7f.1"],
)
def test_a_users_proxy_must_not_be_private_unless_allowed(proxy: str) -> None:
    with pytest.raises(BlockedAddress):
        guard().through(proxy, soon())
    allowed = guard("127.0.0.1", "localhost", "inside.example")
    assert allowed.through(proxy, soon())[1].startswith(proxy.partition("://")[0])


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("http://127.0.0.1:5432/x", "127.0.0.1:5432"),
        ("http://[::1]:80/", "::1"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("https://10.0.0.1", "10.0.0.1"),
        ("http://localhost:3000/a:99/", "localhost:3000"),
    ],
)
def test_the_hint_opens_no_more_than_what_was_asked_for(url: str, opened: str) -> None:
    with pytest.raises(BlockedAddress, match=re.escape(f"add {opened} to the plugin's")):
        guard().check(url, soon())
    guard(opened).check(url, soon())


def test_a_refused_proxy_is_not_taken_for_the_page() -> None:
    with pytest.raises(BlockedAddress) as caught:
        guard().through("http://10.0.0.1:3128", soon())
    assert str(caught.value).startswith("The proxy http://10.0.0.1:3128/ is refused: ")
    assert "If this proxy may be used from here, add 10.0.0.1:3128 to" in str(caught.value)


@pytest.mark.parametrize(
    "proxy", ["example.com:3128", "ftp://example.com", "http://example.com/path", "socks4://a"]
)
def test_a_users_proxy_that_is_none(proxy: str) -> None:
    with pytest.raises(InvalidInput, match="proxy"):
        guard().through(proxy, soon())


def test_through_a_users_proxy_private_addresses_stay_refused() -> None:
    proxied, _ = guard("10.9.9.9:1").through("http://example.com:3128", soon())
    assert proxied.check("http://nowhere.example/", soon()).addresses == ()
    for url in ("http://inside.example/", "http://10.0.0.1/", "http://localhost/"):
        with pytest.raises(BlockedAddress):
            proxied.check(url, soon())
    proxied.check("http://10.9.9.9:1/", soon())
    proxied.check_connected("http://nowhere.example/", "93.184.216.34", soon())
    with pytest.raises(BlockedAddress, match=r"example\.com:3128.*it leads to 10\.0\.0\.1"):
        proxied.check_connected("http://nowhere.example/", "10.0.0.1", soon())


@pytest.mark.parametrize(
    ("url", "does"),
    [
        ("http://169.254.169.254/", True),
        ("http://2852039166/", True),
        ("http://[::ffff:a9fe:a9fe]/", True),
        ("http://[64:ff9b::a9fe:a9fe]/", True),
        ("http://metadata.google.internal/", True),
        ("http://scoped.example/", True),
        ("http://127.0.0.1/", False),
        ("http://inside.example/", False),
        ("http://nowhere.example/", False),
    ],
)
def test_where_a_cloud_answers_questions_about_the_machine(url: str, does: bool) -> None:
    assert guard().asks_the_machine(url, soon()) is does
