"""Ordinary sites' shapes, which the guard must let through: tests/attacks/ordinary.yaml."""

from __future__ import annotations

import io
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from creative import capture
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps
from tests.attacks import Shape, shapes
from tests.pages import Site
from tests.test_capture_attacks import more_arguments

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]

SHAPES = shapes()
OPENSSL = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
GREEN = (0, 160, 0)
SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='50'>"
    "<rect width='100' height='50' fill='#00a000'/></svg>"
)
BOX = (
    "<meta charset=utf-8><title>{name}</title><style>html,body{margin:0}#b{position:absolute;"
    "left:0;top:0;width:100px;height:50px;background:#c00000}</style><div id=b></div><script>"
    "function ok(){b.style.background='#00a000';b.className='ok'}</script>"
)

Outcomes = dict[str, capture.Screenshot | Exception]


class World:
    """Two servers and the names of the first."""

    def __init__(self, site: Site, cdn: Site) -> None:
        self.site, self.cdn = site, cdn
        self.shop = f"http://www.shop.test:{site.port}"
        self.idn = f"http://bücher.test:{site.port}"

    def allowed(self) -> tuple[str, ...]:
        return (self.site.name, self.cdn.name, self.shop, self.idn)

    def lay_out(self, shape: Shape) -> str:
        """Put a shape on both servers; where it begins."""
        folder = "/o/" + str(SHAPES.index(shape))

        def filled(text: str) -> str:
            for name, value in (
                ("box", BOX),
                ("name", shape.name),
                ("svg", SVG),
                ("here", folder),
                ("site", self.site.url),
                ("host", self.site.name),
                ("cdn", self.cdn.url),
                ("shop", self.shop),
                ("idn", self.idn),
            ):
                text = text.replace("{" + name + "}", value)
            return text

        pages: dict[str, tuple[int, dict[str, str], str]] = {
            "page": (200, {}, "<!doctype html>" + shape.page),
            **shape.files,
        }
        for name, (status, headers, body) in pages.items():
            answer = (status, {key: filled(value) for key, value in headers.items()}, filled(body))
            self.site.pages[f"{folder}/{name}"] = self.cdn.pages[f"{folder}/{name}"] = answer
        start = filled(shape.start or "{here}/page")
        return start if start.startswith("http") else self.site.url + start


def shoot(url: str, allowed: tuple[str, ...], wait_for: str) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(url=url, width=320, height=200, wait_for=wait_for),
        Settings(allowed_private_hosts=allowed),
        Deadline(30),
        Steps(),
    )


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Outcomes]:
    """All shapes, several at once."""
    with Site() as site, Site("127.0.0.2") as cdn, pytest.MonkeyPatch.context() as patch:
        more_arguments(patch, "--host-resolver-rules=MAP *.shop.test 127.0.0.1,"
                       "MAP xn--bcher-kva.test 127.0.0.1")  # fmt: skip
        world = World(site, cdn)

        def attempt(shape: Shape) -> capture.Screenshot | Exception:
            try:
                wait_for = "#b.ok" if "ok" in shape.model_dump_json() else "load"
                return shoot(world.lay_out(shape), world.allowed(), wait_for)
            except Exception as error:  # noqa: BLE001 - judged by the test of this shape
                return error

        with ThreadPoolExecutor(4) as threads:
            yield dict(zip((s.name for s in SHAPES), threads.map(attempt, SHAPES), strict=True))
        capture.close()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: ascii(shape.name))
def test_it_passes(outcomes: Outcomes, shape: Shape) -> None:
    shot = outcomes[shape.name]
    assert isinstance(shot, capture.Screenshot), shot
    assert shot.title == shape.name
    assert shot.blocked_count == 0, shot.blocked
    assert pixel(shot) == GREEN


def pixel(shot: capture.Screenshot) -> object:
    return Image.open(io.BytesIO(shot.picture.data)).convert("RGB").getpixel((50, 25))


def test_fifty_of_them() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 50


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")
def test_from_http_to_https_where_no_early_hints_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [*OPENSSL, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)

    spoken: list[str | None] = []

    class Secure(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            spoken.append(self.connection.selected_alpn_protocol())
            body = (BOX.replace("{name}", "secure") + "<script>ok()</script>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Secure)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    secure = f"127.0.0.1:{server.server_port}"
    more_arguments(monkeypatch, "--ignore-certificate-errors")
    try:
        with Site() as site:
            site.pages["/"] = (301, {"Location": f"https://{secure}/"}, "")
            shot = shoot(site.url, (site.name, secure), "#b.ok")
    finally:
        server.shutdown()
        server.server_close()
        capture.close()
    assert shot.final_url == f"https://{secure}/"
    assert pixel(shot) == GREEN
    # Over HTTP/2 a 103 ("Early Hints") would make Chromium fetch what nobody has judged.
    assert set(spoken) == {"http/1.1"}
