"""Every file in workflows/ does its job on Dify's engine with the real plugin.

Once with scripted servers, and once with real ones: STUDIO_TEST_SDCPP_URL, STUDIO_TEST_A1111_URL or
STUDIO_TEST_COMFYUI_URL (the first that is set) draws, STUDIO_TEST_LLM_URL (any OpenAI-compatible
endpoint, such as llama.cpp's server, without the /v1) writes. Small pictures are drawn as large as
their model draws well, too: minutes for each on a processor. Small models draw and write nonsense:
what is looked at is that everything arrives, in the sizes and places that were asked for.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from creative.capture import find_browser
from creative.language import Message
from runtime import cli
from runtime.paths import PROJECT
from tests.authors import reply
from tests.models_server import DONE, END, event, streaming
from tests.pages import Site
from tests.sd_server import SdServer, png
from tests.servers import Server, answer
from tests.test_ads_pipeline import PAGE

PAINTERS = {
    "STUDIO_TEST_SDCPP_URL": "STUDIO_SD_BASE_URL",
    "STUDIO_TEST_A1111_URL": "STUDIO_SD_BASE_URL",
    "STUDIO_TEST_COMFYUI_URL": "STUDIO_COMFYUI_BASE_URL",
}
"""Where a real server's address is, and the setting that it is for."""
LLM_URL = os.environ.get("STUDIO_TEST_LLM_URL", "")
LLM_MODEL = os.environ.get("STUDIO_TEST_LLM_MODEL", "small")
SHIPPED = sorted(path.stem for path in (PROJECT / "workflows").glob("*.yml"))
NEEDS = {
    "ad_from_brief": "writes",
    "illustrated_article": "draws",
    "illustration": "draws",
    "keywords_to_articles": "writes",
    "page_and_keywords": "browses",
    "refresh_an_ad": "browses",
    "screenshots": "browses",
}
"""What a workflow cannot do without."""

ARTICLE = """
# Tea at home

A warm pot of tea stands on a wooden table in the morning light.

## The teapot

A clay teapot holds the heat for a long time. Its handle stays cool, and its lid sits firmly.

## The cups

Small porcelain cups are filled twice. Steam rises from them while the window is open.
"""
KEYWORDS = "green tea\ngreen tea cups\ngreen tea pot\nespresso machine\nespresso grinder\nespresso"
TXT2IMG = "/sdapi/v1/txt2img"

Made = dict[str, Any]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine, and a ledger of this test's own."""
    for name in [name for name in os.environ if name.startswith("STUDIO_")]:
        if not name.startswith("STUDIO_TEST_") and name != "STUDIO_CHROMIUM":
            monkeypatch.delenv(name)
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def document(name: str, *values: str) -> Made:
    path = PROJECT / "workflows" / f"{name}.yml"
    outcome = CliRunner().invoke(cli.app, ["workflow", "run", str(path), *values, "--json"])
    found: Made = json.loads(outcome.stdout)
    assert found["ok"] == (outcome.exit_code == 0)
    return found


def ran(name: str, *values: str) -> Made:
    found = document(name, *values)
    assert found["ok"], found["error"]
    return dict(found["outputs"])


def size(file: Made) -> tuple[int, int]:
    return Image.open(io.BytesIO(Path(file["path"]).read_bytes())).size


# --- what each workflow does, whoever the servers are ------------------------------------


def ad_from_brief(_site: Site | None) -> None:
    made = ran(
        "ad_from_brief",
        "product=A clay teapot that holds one litre",
        "audience=people who like tea",
        "brand=Casa Barro",
        "platforms=iab_display",
    )
    assert made["brief"].strip()
    assert {variant["platform"] for variant in made["variants"]} == {"iab_display"}
    pictures = [one for one in made["files"] if "_iab_display_" in one["filename"]]
    sized = [one for one in pictures if one["mime_type"].startswith("image/")]
    assert {size(one) for one in sized} == {
        (300, 250), (728, 90), (160, 600), (320, 50), (970, 250)
    }  # fmt: skip


def illustration(_site: Site | None) -> None:
    made = ran("illustration", "prompt=a red mill", "width=120", "height=72", "steps=1")
    assert (size(made["picture"][0]), size(made["story"][0])) == ((120, 72), (120, 213))


def illustrated_article(_site: Site | None) -> None:
    values = ("max_images=2", "size=128x72", "steps=1", "style=watercolour")
    made = ran("illustrated_article", f"content={ARTICLE}", *values)
    names = [file["filename"] for file in made["pictures"]]
    assert len(names) == len(set(names)) == len(made["prompts"]) == 3
    assert {size(file) for file in made["pictures"]} == {(128, 72)}
    for job, name in zip(made["prompts"], names, strict=True):
        assert f"_{job['seed']}_" in name
        [(start, end)] = [
            m.span() for m in re.finditer(rf"!\[[^\n]*\]\({re.escape(name)}\)", made["article"])
        ]
        before = made["article"][:start]
        assert not job["heading"] or before.rpartition("# ")[2].startswith(job["heading"])
        assert made["article"][start:end].startswith(f"![{job['alt_text']}]")
    # Nothing of the article was lost or changed.
    without = re.sub(r"!\[[^\n]*\n(\*[^\n]*\*)?", "", made["article"])
    assert without.split() == ARTICLE.split()


def keywords_to_articles(_site: Site | None) -> None:
    given = (f"keywords={KEYWORDS}", "articles=1", "words=300", "language=en")
    done = document("keywords_to_articles", *given)
    if LLM_URL and not done["ok"]:
        # A small real model may not get through a section; then the workflow has to say so.
        assert "No article was written" in done["error"]["message"]
        return
    assert done["ok"], done["error"]
    made = done["outputs"]
    [idea] = made["ideas"]
    written = made["articles"]
    assert "# 1 of 1 articles" in made["report"]
    assert "Written." in made["report"]
    assert all(article.startswith(f"# {idea['title']}\n") for article in written)


def page_and_keywords(site: Site | None) -> None:
    assert site is not None
    made = ran("page_and_keywords", f"url={site.url}/", f"keywords={KEYWORDS}")
    assert size(made["screenshot"][0]) == (1280, 800)
    assert "Light running shoes" in made["report"]
    assert sum(cluster["size"] for cluster in made["clusters"]) <= 6


def refresh_an_ad(site: Site | None) -> None:
    assert site is not None
    made = ran("refresh_an_ad", f"url={site.url}/", "brief=", "platforms=x")
    assert len(made["cards"]) == len(made["variants"]) == 3
    assert made["brand"] == "Fleetfoot"


def screenshots(site: Site | None) -> None:
    assert site is not None
    made = ran("screenshots", f"urls={site.url}/")
    assert [size(file)[0] for file in (*made["computer"], *made["phone"])] == [1280, 1179]
    assert "answered 200" in made["report"]


JOBS: dict[str, Callable[[Site | None], None]] = {
    "ad_from_brief": ad_from_brief,
    "illustrated_article": illustrated_article,
    "illustration": illustration,
    "keywords_to_articles": keywords_to_articles,
    "page_and_keywords": page_and_keywords,
    "refresh_an_ad": refresh_an_ad,
    "screenshots": screenshots,
}


# --- with whom ------------------------------------------------------------------------------


def writer(request: BaseHTTPRequestHandler) -> None:
    """A model that writes briefs, ideas and articles."""
    body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
    messages = [Message(role=one["role"], text=one["content"]) for one in body["messages"]]
    briefs = messages[0].text.startswith("You write briefs")
    content = "A clay teapot. It holds one litre." if briefs else json.dumps(reply(messages))
    streaming(event(content), event(reason="stop"), END, DONE)(request)


@contextmanager
def browsed(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site | None]:
    """A page to look at, for the workflows that do."""
    if NEEDS[name] != "browses":
        yield None
        return
    if find_browser() is None:
        pytest.skip("no Chromium on this machine")
    with Site() as site:
        site.pages["/"] = PAGE
        monkeypatch.setenv("STUDIO_ALLOWED_PRIVATE_HOSTS", site.name)
        yield site


def test_every_workflow_is_tried() -> None:
    assert SHIPPED == sorted(JOBS) == sorted(NEEDS)


@pytest.mark.parametrize("name", SHIPPED)
def test_with_scripted_servers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with SdServer() as painter, Server(writer) as author, browsed(name, monkeypatch) as site:
        monkeypatch.setenv("STUDIO_SD_BASE_URL", painter.url)
        monkeypatch.setenv("STUDIO_LLM_BASE_URL", f"{author.url}/v1")
        monkeypatch.setenv("STUDIO_LLM_MODEL", "small")
        JOBS[name](site)


@pytest.mark.timeout(2400)  # models on a processor
@pytest.mark.parametrize("name", SHIPPED)
def test_with_real_servers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = NEEDS[name]
    painter = next((one for one in PAINTERS if os.environ.get(one)), "")
    if needs == "draws" and not painter:
        pytest.skip(f"none of {', '.join(PAINTERS)} is set: no server to draw with")
    if needs == "writes" and not LLM_URL:
        pytest.skip("STUDIO_TEST_LLM_URL is not set: no model to write with")
    with browsed(name, monkeypatch) as site:
        if needs == "draws":
            monkeypatch.setenv(PAINTERS[painter], os.environ[painter])
        if LLM_URL:
            monkeypatch.setenv("STUDIO_LLM_BASE_URL", f"{LLM_URL.removesuffix('/v1')}/v1")
            monkeypatch.setenv("STUDIO_LLM_MODEL", LLM_MODEL)
        JOBS[name](site)


# --- an illustrated article with faults -----------------------------------------------------


def failing(server: SdServer, wanted: Callable[[Made, int], bool]) -> None:
    """Have the server refuse the pictures that are `wanted`, by body and number from 0."""
    seen: list[Made] = []

    def refuse(request: BaseHTTPRequestHandler) -> None:
        body = server.posts_to(TXT2IMG)[-1]
        seen.append(body)
        if wanted(body, len(seen) - 1):
            answer(request, '{"error": "NansException", "errors": "NaNs"}', 500)
            return
        picture = png(body["width"], body["height"], body["seed"])
        info = {"all_seeds": [body["seed"]], "infotexts": [""], "sd_model_name": "tinyA"}
        found = {"images": [base64.b64encode(picture).decode()], "info": json.dumps(info)}
        answer(request, json.dumps(found), 200)

    server.broken[TXT2IMG] = refuse


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_picture_that_fails_is_told_and_the_others_stay_in_place(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SdServer() as server:
        failing(server, lambda _, number: number == lost)
        monkeypatch.setenv("STUDIO_SD_BASE_URL", server.url)
        values = ("max_images=2", "size=128x72", "steps=2")
        made = ran("illustrated_article", f"content={ARTICLE}", *values)
    assert len(made["pictures"]) == 2
    left = [job for number, job in enumerate(made["prompts"]) if number != lost]
    for job, file in zip(left, made["pictures"], strict=True):
        assert f"![{job['alt_text']}]({file['filename']})" in made["article"]
        assert f"_{job['seed']}_" in file["filename"]
    assert made["article"].count("<!-- No picture here") == 1
    place = made["article"].index("<!-- No picture here")
    order = [m.start() for m in re.finditer(r"!\[|<!--", made["article"])]
    assert order.index(place) == lost
    assert re.match(r"No picture at .+: it failed \(", made["notes"][0])


def test_without_any_picture_the_workflow_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with SdServer() as server:
        failing(server, lambda *_: True)
        monkeypatch.setenv("STUDIO_SD_BASE_URL", server.url)
        found = document("illustrated_article", f"content={ARTICLE}", "max_images=1", "size=64x64")
    assert not found["ok"]
    assert "No picture was drawn; the runs of the node Picture say why" in found["error"]["message"]


def test_html_gets_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "<h1>Tea &amp; cups</h1><p>A warm pot of tea stands on a wooden table.</p>"
    with SdServer() as server:
        monkeypatch.setenv("STUDIO_SD_BASE_URL", server.url)
        values = ("max_images=1", "size=128x72", "steps=2")
        made = ran("illustrated_article", f"content={content}", *values)
    figures = re.findall(
        r'\n<figure><img src="([^"]+)" alt="([^"]*)" width="128" height="72">(.*?)</figure>\n',
        made["article"],
    )
    assert [name for name, *_ in figures] == [file["filename"] for file in made["pictures"]]
    assert re.sub(r"\n<figure>.*?</figure>\n", "", made["article"]) == content
    addresses = re.findall(r'src="(http[^"]+)"', made["preview"])
    assert len(addresses) == len(made["pictures"]) == 2
