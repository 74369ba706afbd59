"""`studio doctor` about the endpoints of models: scripted ones, and a real one where there is."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler

import pytest

from runtime import doctor
from runtime.answers import check
from runtime.answers.models import Endpoint
from runtime.settings import Settings
from tests.models_server import saying
from tests.servers import Server, answer, free_port, silent_listener

KEY = "sk-very-secret"


def endpoint_server(models: list[str] | None = None, key: str = "") -> Server:
    """Lists `models` (None: has no list) to everybody, answers for them with the right key."""
    known = models or ["small"]

    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/v1/models" and models is not None:
            answer(request, json.dumps({"data": [{"id": name} for name in known]}))
            return
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length) or b"{}")
        given = request.headers.get("Authorization")
        if key and given != f"Bearer {key}":
            answer(request, json.dumps({"error": {"message": f"wrong key: {given}"}}), 401)
        elif body.get("model") not in known:
            answer(request, '{"error": {"message": "The model does not exist"}}', 404)
        elif request.path == "/v1/chat/completions":
            answer(request, '{"choices": [{"message": {"content": "ok"}}]}')
        elif request.path == "/v1/embeddings":
            answer(request, '{"data": [{"embedding": [0.5, 1]}]}')
        else:
            answer(request, "<html>nothing here</html>", 404, "text/html")

    return Server(handle)


def look(url: str, model: str = "small", key: str = "", kind: str = "llm") -> check.Finding:
    finding = check.look(Endpoint(url, key, model), kind)
    assert bool(finding.hint) is not finding.fine
    return finding


@pytest.mark.parametrize("kind", ["llm", "embedding"])
@pytest.mark.parametrize("models", [["big", "small"], None], ids=["list", "no list"])
def test_an_endpoint_that_works(kind: str, models: list[str] | None) -> None:
    with endpoint_server(models, KEY) as server:
        finding = look(f"{server.url}/v1/", key=KEY, kind=kind)
        posts = [one for one in server.requests if one.startswith("POST")]
    assert finding.fine
    assert finding.note.startswith(f"small at {server.url}/v1 answers after ")
    assert len(posts) == 1


def test_without_a_model_only_the_list_is_asked_for() -> None:
    with endpoint_server(["a", "b"]) as server:
        finding = look(f"{server.url}/v1", model="")
        assert server.requests == ["GET /v1/models"]
    assert finding.fine
    assert "has 2 models" in finding.note
    assert "STUDIO_LLM_MODEL" in finding.note


def test_what_is_wrong_and_what_to_do() -> None:
    with endpoint_server(["big", "small:latest"], KEY) as server:
        base = f"{server.url}/v1"
        # A list that everybody sees does not hide a wrong key.
        wrong, missing = look(base, key="sk-other-secret"), look(base)
        absent = look(base, "smal", KEY)
        early = look(server.url, "small", KEY)
    assert ("401" in wrong.note, wrong.hint) == (True, "Correct STUDIO_LLM_API_KEY.")
    assert "sk-other-secret" not in wrong.note
    assert missing.hint == "Set STUDIO_LLM_API_KEY."
    assert "has no model smal; it has small:latest" in absent.note
    assert absent.hint.startswith("Correct STUDIO_LLM_MODEL")
    assert f"perhaps {server.url}/v1" in early.hint


@pytest.mark.parametrize(
    ("body", "status", "said", "hint"),
    [
        ("<html>welcome</html>", 200, "something else: <html>welcome", "STUDIO_LLM_BASE_URL"),
        ("{}", 200, "something else", "STUDIO_LLM_BASE_URL"),
        ('{"error": "slow down"}', 429, "429: slow down", "limits"),
        ('{"error": "out of memory"}', 500, "500: out of memory", "STUDIO_LLM_MODEL"),
        ("", 403, "403: (no reason given)", "STUDIO_LLM_API_KEY"),
    ],
)
def test_odd_answers(body: str, status: int, said: str, hint: str) -> None:
    with Server(saying(body, status)) as server:
        finding = look(f"{server.url}/v1")
    assert not finding.fine
    assert said in finding.note
    assert hint in finding.hint


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = look(f"http://user:{KEY}@127.0.0.1:{free_port()}/v1")
    assert "does not answer" in finding.note
    assert KEY not in finding.note
    assert "is no address" in look("ftp://x/v1").note
    monkeypatch.setattr(check, "LIST_SECONDS", 0.2)
    with silent_listener() as port:
        assert "does not answer" in look(f"http://127.0.0.1:{port}/v1").note


@pytest.fixture
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("STUDIO_LLM_", "STUDIO_EMBEDDING_")):
            monkeypatch.delenv(name)


def states(monkeypatch: pytest.MonkeyPatch, **settings: str) -> dict[str, tuple[str, str]]:
    for name, value in settings.items():
        monkeypatch.setenv(f"STUDIO_{name}", value)
    return {one.name: (one.state, one.note) for one in doctor._models(Settings())}


@pytest.mark.usefixtures("_unset")
def test_the_lines_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, (state, note))] = states(monkeypatch).items()
    assert (name, state) == ("models", doctor.ABSENT)
    assert "STUDIO_LLM_BASE_URL" in note
    with endpoint_server(["small"]) as one, endpoint_server(["vectors"]) as other:
        shown = states(monkeypatch, LLM_BASE_URL=f"{one.url}/v1", LLM_MODEL="small")
        assert shown["language model"][0] == doctor.OK
        assert shown["embedding model"] == (doctor.ABSENT, "not set (STUDIO_EMBEDDING_MODEL)")
        shown = states(monkeypatch, EMBEDDING_MODEL="vectors")
        assert shown["embedding model"][0] == doctor.PROBLEM
        shown = states(monkeypatch, EMBEDDING_BASE_URL=f"{other.url}/v1")
        assert shown["embedding model"][0] == doctor.OK
        assert other.requests == ["GET /v1/models", "POST /v1/embeddings"]
        shown = states(monkeypatch, EMBEDDING_MODEL="embedded")
        assert shown["embedding model"][0] == doctor.OK
        assert len(other.requests) == 2


def test_a_real_endpoint() -> None:
    url = os.environ.get("STUDIO_TEST_LLM_URL")
    if not url:
        pytest.skip("STUDIO_TEST_LLM_URL names no OpenAI-compatible server (with /v1)")
    assert look(url, "").fine
