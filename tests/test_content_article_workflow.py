"""workflows/keywords_to_articles.yml on Dify's engine; its nodes through the plugin's process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime import cli
from runtime.answers.models import Endpoint, answerers
from runtime.answers.reverse import Answers
from runtime.errors import StudioError
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT
from tests.authors import author
from tests.models_server import saying
from tests.servers import Server

KEYWORDS = "espresso machine\nespresso maker\ncheap espresso machine\ncoffee beans\n" \
    "fresh coffee beans\nwhole coffee beans"  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of this machine, and a ledger of this test's own."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STUDIO_LEDGER", raising=False)
    monkeypatch.delenv("STUDIO_PROMPTS", raising=False)
    monkeypatch.setenv("STUDIO_LLM_MODEL", "small")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Writers:
    """An endpoint with a good writer, who refuses to write about some things."""

    def __init__(self) -> None:
        self.refused = ""

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        if self.refused and self.refused.encode() in body and b"You write one section" in body:
            saying({"error": {"message": "no such thing"}}, status=400)(request)
        else:
            author(request, body)


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Writers]:
    made = Writers()
    with Server(made.handle) as server:
        monkeypatch.setenv("STUDIO_LLM_BASE_URL", f"{server.url}/v1")
        yield made


def document(*values: str) -> dict[str, Any]:
    path = PROJECT / "workflows" / "keywords_to_articles.yml"
    given = {"keywords": KEYWORDS, "words": "300", "articles": "2"}
    given |= dict(value.split("=", 1) for value in values)
    outcome = CliRunner().invoke(
        cli.app,
        [
            "workflow",
            "run",
            str(path),
            *(f"{name}={value}" for name, value in given.items()),
            "--json",
        ],
    )
    return dict(json.loads(outcome.stdout))


def run(*values: str) -> dict[str, Any]:
    made = document(*values)
    assert made["ok"], made["error"]
    return dict(made["outputs"])


def test_keywords_become_articles(writers: Writers) -> None:
    made = run("audience=beginners", "language=en")
    titles = [idea["title"] for idea in made["ideas"]]
    assert len(titles) == len(made["clusters"]) == 2
    assert [text.split("\n")[0] for text in made["articles"]] == [f"# {one}" for one in titles]
    assert made["report"].startswith("# 2 of 2 articles\n\n6 keywords in 2 clusters.")
    assert made["report"].count("Written. Cluster: ") == 2
    assert made["csv"][0]["filename"] == "ideas.csv"


def test_an_article_that_fails_is_left_out_and_told(writers: Writers) -> None:
    writers.refused = "coffee beans"
    made = run()
    assert len(made["articles"]) == 1
    assert "espresso" in made["articles"][0].split("\n")[0]
    assert made["report"].startswith("# 1 of 2 articles")
    assert made["report"].count("Not written: see the node Article.") == 1


def test_no_article_is_a_failure(writers: Writers) -> None:
    writers.refused = "espresso"
    made = document("keywords=espresso machine\nespresso maker", "articles=1")
    assert not made["ok"]
    assert "No article was written" in made["error"]["message"]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Server(author) as server:
        endpoint = Endpoint(f"{server.url}/v1")
        answers = Answers(answerers(endpoint, endpoint))
        with open_plugin(PROJECT, answers=answers) as opened:
            yield opened


def called(host: Host, name: str, **parameters: Any) -> Result:
    _, tool = host.find(name)
    return Result.collect(host.invoke(name, prepare(tool, parameters)))


def test_an_idea_of_the_one_node_is_an_article_of_the_other(host: Host) -> None:
    found = called(host, "content_ideas", text="espresso machines\ncoffee grinders").variables
    assert (found["count"], found["method"], found["language"]) == (2, "builtin", "en")
    idea = found["ideas"][0]
    made = called(host, "write_article", idea=str(idea), words=400, model="studio/small")
    assert made.variables["title"] == idea["title"]
    assert made.variables["outline"] == idea["outline"]
    assert abs(made.variables["word_count"] - 400) <= 40
    files = {file.filename: file.data.decode() for file in made.files}
    assert files["article.md"] == made.variables["article"]
    assert made.variables["html"] in files["article.html"]
    assert "<title>Espresso at home, explained</title>" in files["article.html"]
    assert "html" not in made.json[0]
    assert made.variables["usage"]["model"]


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [("content_ideas", {}, "clusters: got nothing"),
     ("content_ideas", {"text": "a", "clusters": "[]"}, "nothing while clusters is given"),
     ("content_ideas", {"text": "a", "ideas_per_cluster": 6}, "ideas_per_cluster"),
     ("content_ideas", {"text": "a", "content_types": "poem"}, "content_types: got 'poem'"),
     ("write_article", {"title": "x"}, "model"),
     ("write_article", {"model": "studio/small"}, "title: got nothing"),
     ("write_article", {"title": "x", "model": "studio/small", "budget_tokens": 0}, "budget_t")],
)  # fmt: skip
def test_what_cannot_be_used_is_named(
    host: Host, name: str, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(StudioError, match=told):
        called(host, name, **given)
