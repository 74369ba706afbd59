"""Addresses that must be refused, against the guard alone and from pages in a real Chromium."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from creative import capture
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import BlockedAddress, InvalidInput
from creative.settings import Settings
from creative.steps import Steps
from tests.attacks import Target, names, targets
from tests.attacks.canary import Cage, Canary
from tests.attacks.naked import naked, visit

TARGETS = targets()
ATTACKS = [target for target in TARGETS if target.reaches]
NAMES = names()
LOOPS = {name for name, found in NAMES.items() if found[0] in ("127.0.0.1", "::1", "0.0.0.0")}
NAKED_SECONDS = 60.0

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]


def resolve(name: str) -> list[str]:
    """The only names there are."""
    if name not in NAMES:
        raise OSError("no such name")
    return NAMES[name]


def test_the_list_is_long_and_has_no_doubles() -> None:
    assert len({target.url for target in TARGETS}) == len(TARGETS) >= 150
    assert len(ATTACKS) >= 60


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: ascii(target.url))
def test_refused(target: Target) -> None:
    guard = Guard((), resolve, lambda scheme, host: "")
    kind = InvalidInput if target.unreadable else BlockedAddress
    with pytest.raises(kind) as caught:
        guard.check(target.url.replace("{port}", "8080"), Deadline(5))
    if not target.unreadable:
        assert caught.value.hint


@pytest.mark.parametrize("target", ATTACKS, ids=lambda target: ascii(target.url))
def test_not_opened_by_allowing_another_port(target: Target) -> None:
    allowed = ("127.0.0.1:9", "localhost:9", "[::1]:9", "0.0.0.0:9")
    with pytest.raises(BlockedAddress):
        Guard(allowed, resolve).check(target.url.replace("{port}", "8080"), Deadline(5))


class TestInChromium:
    pytestmark = needs_browser

    @pytest.fixture
    def canary(self) -> Iterator[Canary]:
        with Cage() as cage:
            yield cage.canary("127.0.0.1", "127.255.255.254", "::1")

    def test_pages_do_not_arrive(self, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.test_capture_attacks import more_arguments

        # Were the guard wrong about a name, Chromium would know where it is.
        rules = ",".join(f"MAP {name} {mapped(name)}" for name in sorted(LOOPS))
        more_arguments(monkeypatch, f"--host-resolver-rules={rules}")
        monkeypatch.setattr(capture, "Guard", lambda allowed=(): Guard(allowed, resolve))
        try:
            shot = capture.screenshot(
                capture.ScreenshotRequest(html=page(canary)), Settings(), Deadline(60), Steps()
            )
        finally:
            capture.close()
        assert canary.touched == []
        assert shot.blocked_count == sum(not has_user(target) for target in ATTACKS)

    def test_without_the_gate_they_arrive(self, canary: Canary) -> None:
        rules = ",".join(f"MAP {name} {mapped(name)}" for name in sorted(LOOPS))
        silent = set(range(len(ATTACKS)))
        with naked(rules) as connection:
            visit(connection, "data:text/html;charset=utf-8," + quoted(page(canary)))
            for number, target in enumerate(ATTACKS):
                if has_user(target):
                    visit(connection, numbered(number, target, canary))
            end = time.monotonic() + NAKED_SECONDS
            while silent and time.monotonic() < end:
                time.sleep(0.1)
                heard = " ".join(canary.touched)
                silent = {number for number in silent if f"n{number}n" not in heard}
        assert "\n".join(ATTACKS[number].url for number in silent) == ""


def mapped(name: str) -> str:
    found = NAMES[name][0]
    return f"[{found}]" if ":" in found else found


def quoted(text: str) -> str:
    return quote(text)


def has_user(target: Target) -> bool:
    """A browser opens such an address for people only, not for pages."""
    return re.match(r"http://[^/\\?#]*[^:/\\?#]@", target.url) is not None


def page(canary: Canary) -> str:
    """Every attack as an image."""
    addresses = (numbered(number, target, canary) for number, target in enumerate(ATTACKS))
    images = (f'<img src="{html.escape(address)}">' for address in addresses)
    return "<!doctype html>" + "".join(images)


def numbered(number: int, target: Target, canary: Canary) -> str:
    """The attack with its number in its path, where it arrives."""
    url = target.url.replace("{port}", str(canary.port))
    head, mark, tail = re.match(r"([^?#]*)([?#]?)(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{head}{'' if head.endswith(('/', chr(92))) else '/'}n{number}n{mark}{tail}"
