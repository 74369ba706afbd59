"""Storage, uploads, apps, tools of other plugins, files by address: the SDK asks for real."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime import node
from runtime.answers import uploads
from runtime.answers.everything import all_answers
from runtime.answers.files import FileServer
from runtime.answers.remote import remote_file
from runtime.answers.reverse import Caller
from runtime.answers.storage import Storage, StorageFailed
from runtime.declaration import Plugin, from_folder
from runtime.errors import ToolFailed, UsageError
from runtime.host import Host
from runtime.settings import Settings
from tests.asking import STORAGE_SIZE, asking_plugin
from tests.conftest import PROBE
from tests.models_server import Models, call, saying, streaming
from tests.servers import Server, answer, free_port

Scene = tuple[Models, Server, Host]


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, make_probe: Callable[..., Host]
) -> Iterator[Scene]:
    """The asking plugin beside the probe, with all answers as `studio` wires them."""
    place = tmp_path_factory.mktemp("services")
    models, env, hosts = Models(), place / "env", []
    with Server(models.handle) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_DATA_DIR", str(place / "data"))
        patch.setenv("STUDIO_DIFY_BASE_URL", f"{server.url}/v1")
        patch.setenv("STUDIO_DIFY_API_KEY", "app-very-secret, app-unused")
        patch.setenv("STUDIO_DIFY_APP_KEYS", "other=app-of-another, third=app-of-a-third")
        env.write_text("")
        answers = all_answers(Settings(env), hosts, lambda kind, text: None)
        folder = asking_plugin(place / "plugin")
        hosts += [make_probe(folder, answers=answers), make_probe()]
        yield models, server, hosts[0]


@pytest.fixture
def scene(stage: Scene) -> Scene:
    models, server, _ = stage
    models.bodies.clear()
    models.keys.clear()
    server.requests.clear()
    return stage


def store(scene: Scene, do: str, key: str = "k", value: bytes = b"") -> Any:
    return call(scene[2], "store", do=do, key=key, value=value.hex())


# --- storage: words and rules of the daemon 0.6.10 --------------------------------------------


def test_what_is_set_can_be_had_until_it_is_deleted(scene: Scene) -> None:
    assert store(scene, "exist") == {"exists": False}
    store(scene, "set", value=b"\x00\xffone")
    store(scene, "set", value=b"two\n")
    assert store(scene, "get") == {"value": b"two\n".hex()}
    assert store(scene, "exist") == {"exists": True}
    store(scene, "delete")
    assert store(scene, "exist") == {"exists": False}


@pytest.mark.parametrize(
    ("do", "key", "said"),
    [
        ("get", "missing", "load data failed, please check if the key is correct or you have not"),
        ("get", "../k", "load data failed, please check if the key is correct or you have not"),
        ("set", "../k", "save data failed: invalid key: path traversal attempt detected"),
        ("set", "a\\b", "save data failed: invalid key: path traversal attempt detected"),
        ("set", "ü" * 129, "save data failed: key length must be less than 256 characters"),
        ("delete", "missing", "delete data failed: stat "),
        ("delete", "../k", "delete data failed: invalid key: path traversal attempt detected"),
        ("exist", "../k", "exist data failed: invalid key: path traversal attempt detected"),
        ("get", "", "unmarshal backwards invoke request failed: "),
    ],
)
def test_the_daemons_words(scene: Scene, do: str, key: str, said: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        store(scene, do, key)
    assert caught.value.message.startswith(said)


def test_the_manifests_size_is_the_limit(scene: Scene) -> None:
    store(scene, "set", "a", b"x" * (STORAGE_SIZE - 100))
    store(scene, "set", "b", b"y" * 100)
    with pytest.raises(ToolFailed, match="allocated size is greater than max storage size"):
        store(scene, "set", "b", b"z" * 101)
    assert store(scene, "get", "b") == {"value": (b"y" * 100).hex()}
    # What a value had before does not count twice.
    store(scene, "set", "a", b"x" * (STORAGE_SIZE - 100))
    store(scene, "delete", "a")
    store(scene, "set", "b", b"z" * 101)
    store(scene, "delete", "b")


def test_storage_is_a_plugins_own_and_outlives_versions(tmp_path: Path) -> None:
    def ask(plugin: Plugin, **request: str) -> Any:
        ((_, data),) = Storage(tmp_path).answer(request, Caller(plugin))
        return data

    one = from_folder(PROBE)
    ask(one, opt="set", key="k", value="00")
    newer = one.model_copy(update={"version": "99.0.0"})
    assert ask(newer, opt="get", key="k") == {"data": "00"}
    assert ask(newer, opt="exist", key="k") == {"data": True, "exist_num": 1}
    other = one.model_copy(update={"name": "another"})
    with pytest.raises(StorageFailed, match="load data failed"):
        ask(other, opt="get", key="k")


# --- uploads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b.png", "Grüße ☺.png", "noextension"])
def test_an_upload_can_be_read_by_this_and_later_calls(scene: Scene, name: str) -> None:
    data = b"\x89PNG\r\n--" + bytes(range(256)) + b"\r\n\r\n"
    made = call(scene[2], "upload", name=name, data=data.hex(), mime="image/png")
    assert bytes.fromhex(made["read"]) == data
    assert made["kind"] == "image/png"
    sent = made["sent"]
    assert (sent["name"], sent["size"], sent["mime_type"]) == (name, len(data), "image/png")
    assert (sent["extension"], sent["type"]) == (".png", "image")
    text = "later"
    made = call(scene[2], "upload", name="t.txt", data=text.encode().hex(), mime="text/plain")
    assert call(scene[2], "fetch", url=made["sent"]["preview_url"]) == {"text": text}


def post(url: str, name: str = "a.png", mime: str = "image/png", field: str = "file") -> Any:
    return httpx.post(url, files={field: (name, b"data", mime)})


def test_an_address_is_for_one_file_and_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with FileServer() as files:
        url = files.upload_url("a.png", "image/png")
        assert post(url).status_code == 201
        assert post(url, name="b.png").status_code == 403
        assert post(url, mime="text/html").status_code == 403
        assert post(url.replace("nonce=", "nonce=0")).status_code == 403
        assert post(url.partition("?")[0]).status_code == 403
        assert post(url, field="picture").status_code == 400
        assert httpx.post(url, content=b"no form").status_code == 400
        assert post(url.replace("/upload/", "/elsewhere/")).status_code == 404
        assert httpx.post(url, content=iter([b"no length"])).status_code == 411
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + uploads.FILES_ACCESS_TIMEOUT + 2)
        assert post(url).status_code == 403


def test_an_upload_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.answers.files.MAX_UPLOAD_BYTES", 200)
    with FileServer() as files:
        url = files.upload_url("a.png", "image/png")
        assert (
            httpx.post(url, files={"file": ("a.png", b"x" * 300, "image/png")}).status_code == 413
        )


# --- tools of other plugins -------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["probe", "acme/probe/probe"])
def test_a_tool_of_another_plugin_is_called(scene: Scene, provider: str) -> None:
    provider = provider.replace("acme", from_folder(PROBE).author)
    given = {"act": "echo", "amount": "3"}
    made = call(scene[2], "tool", provider=provider, tool="probe", parameters=given)
    kinds = [message["type"] for message in made["messages"]]
    assert kinds[:5] == ["text", "text", "json", "variable", "link"]
    assert made["messages"][2]["message"]["json_object"] == {"amount": 3}


def test_files_of_another_plugin_become_links(scene: Scene) -> None:
    given = {"act": "blob", "amount": 512}
    made = call(scene[2], "tool", provider="probe", tool="probe", parameters=given)
    (message,) = made["messages"]
    assert message["type"] == "image_link"
    assert message["meta"] == {"mime_type": "image/png", "filename": "a b.png"}
    url = message["message"]["text"]
    assert httpx.get(url).content == bytes(range(256)) * 2


@pytest.mark.parametrize(
    ("provider", "tool", "act", "said"),
    [
        ("probe", "nothing", "echo", "no hosted plugin has the tool nothing of the provider probe"),
        ("probe", "probe", "fail", "invoke tool failed: probe: no such thing"),
    ],
)
def test_failures_of_other_tools(
    scene: Scene, provider: str, tool: str, act: str, said: str
) -> None:
    with pytest.raises(ToolFailed, match=said):
        call(scene[2], "tool", provider=provider, tool=tool, parameters={"act": act})


def test_parameters_are_cast_as_dify_casts_them(scene: Scene) -> None:
    given = {"act": "model", "model": "no selector"}
    with pytest.raises(ToolFailed, match="echo: model: The selector must be a dictionary"):
        call(scene[2], "tool", provider="parrot", tool="echo", parameters=given)


# --- apps: a service API as Dify 1.16 documents it --------------------------------------------


def dify(mode: str, reply: Callable[[BaseHTTPRequestHandler], None]) -> Callable[..., None]:
    def say(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/v1/info":
            answer(request, json.dumps({"name": "An app", "mode": mode}))
        elif request.path == "/v1/parameters":
            answer(request, json.dumps({"user_input_form": [{"paragraph": {"variable": "q"}}]}))
        else:
            reply(request)

    return say


def test_a_chat_streams_its_events(scene: Scene) -> None:
    models, server, host = scene
    events = [{"event": "message", "answer": "Hi"}, {"event": "error", "error": "too much"}]
    lines = (b"data: " + json.dumps(one).encode() for one in events)
    models.say = dify("advanced-chat", streaming(b"event: ping", *lines))
    made = call(
        host, "app", kind="chat", app_id="an-id", query="Hello", inputs={"a": 1},
        response_mode="streaming", conversation_id="c-1",
    )  # fmt: skip
    assert made["events"] == events
    assert server.requests == ["GET /v1/info", "POST /v1/chat-messages"]
    assert models.bodies[-1] == {
        "inputs": {"a": 1},
        "response_mode": "streaming",
        "user": "studio",
        "query": "Hello",
        "conversation_id": "c-1",
    }
    assert set(models.keys) == {"Bearer app-very-secret"}


def test_a_workflow_answers_at_once(scene: Scene) -> None:
    models, server, host = scene
    done = {"workflow_run_id": "1", "data": {"status": "succeeded", "outputs": {"x": 1}}}
    models.say = dify("workflow", saying(done))
    asked = {"kind": "workflow", "app_id": "other", "inputs": {}, "response_mode": "blocking"}
    assert call(host, "app", **asked)["events"] == [done]
    assert server.requests[-1] == "POST /v1/workflows/run"
    assert set(models.keys) == {"Bearer app-of-another"}


def test_an_apps_form_is_fetched(scene: Scene) -> None:
    models, _, host = scene
    models.say = dify("chat", saying({}))
    made = call(host, "fetch_app", app_id="an-id")
    assert made["data"]["user_input_form"][0]["paragraph"]["variable"] == "q"


def test_failures_of_apps(scene: Scene) -> None:
    models, _, host = scene
    asked = {"kind": "completion", "app_id": "an-id", "inputs": {}, "response_mode": "blocking"}
    said = {"code": "provider_quota_exceeded", "message": "Spent: app-very-secret", "status": 400}
    models.say = dify("completion", saying(said, 400))
    with pytest.raises(ToolFailed, match="invoke app failed: 400: Spent: …"):
        call(host, "app", **asked)
    models.say = dify("rag-pipeline", saying({}))
    with pytest.raises(ToolFailed, match="unexpected app type: rag-pipeline"):
        call(host, "app", **asked)
    models.say = saying("<html>")
    with pytest.raises(ToolFailed, match=r"fetch app failed: parameters answered no JSON"):
        call(host, "fetch_app", app_id="an-id")


def test_without_a_dify_the_settings_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STUDIO_DIFY_BASE_URL", "STUDIO_DIFY_API_KEY", "STUDIO_DIFY_APP_KEYS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "env").write_text("")
    answers = all_answers(Settings(tmp_path / "env"), [], lambda kind, text: None)
    caller = Caller(from_folder(PROBE))
    with pytest.raises(Exception, match=r"STUDIO_DIFY_BASE_URL .* STUDIO_DIFY_API_KEY"):
        list(answers.answer("app", {"app_id": "x"}, caller))


# --- files and models from the command line ---------------------------------------------------

FIELDS = {"dify_model_identity", "mime_type", "filename", "extension", "size", "type", "url"}


def test_files_come_as_dify_hands_them_over(scene: Scene, tmp_path: Path) -> None:
    models, server, host = scene
    models.say = lambda request: answer(request, b"GIF89a", content_type="image/gif")
    (tmp_path / "Photo.PNG").write_bytes(b"\x89PNG")
    remote = f"{server.url}/a/pic%20ture.gif?size=1"
    given = {"act": "file", "files": f"@{tmp_path}/Photo.PNG,@{remote}"}
    done = node.run(host, "echo", given, tmp_path)
    local, far = done.result.json[0]["files"]
    assert set(local) == set(far) == FIELDS
    told = {name: local[name] for name in FIELDS - {"url"}}
    assert told == {
        "dify_model_identity": "__dify__file__",
        "mime_type": "image/png",
        "filename": "Photo.PNG",
        "extension": ".png",  # Dify keeps extensions in small letters
        "size": 4,
        "type": "image",
    }
    assert far["url"] == remote
    told = [far[name] for name in ("filename", "mime_type", "extension", "size", "type")]
    assert told == ["pic ture.gif", "image/gif", ".gif", 6, "image"]
    assert server.requests == ["HEAD /a/pic%20ture.gif?size=1"]


def test_a_server_may_name_its_file_or_know_nothing() -> None:
    def say(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/refused.csv":
            answer(request, "", 405)
        else:
            named = {"Content-Disposition": "attachment; filename*=UTF-8''..%2Fp%C3%A9.pdf"}
            answer(request, b"%PDF-", content_type="application/pdf; x=1", **named)

    with Server(say) as server:
        named = remote_file("f", f"{server.url}/download?id=1")
        assert (named["filename"], named["extension"], named["type"]) == (
            "pé.pdf",
            ".pdf",
            "document",
        )
        refused = remote_file("f", f"{server.url}/refused.csv")
        assert (refused["size"], refused["mime_type"], refused["type"]) == (
            -1,
            "text/csv",
            "document",
        )
    with pytest.raises(UsageError, match="does not answer"):
        remote_file("f", f"http://127.0.0.1:{free_port()}/a.png")


def test_a_model_by_its_name(scene: Scene, tmp_path: Path) -> None:
    def chosen(text: str) -> Any:
        done = node.run(scene[2], "echo", {"act": "model", "model": text}, tmp_path)
        return done.result.json[0]["model"]

    usual = {"model_type": "llm", "mode": "chat", "completion_params": {}}
    assert chosen("qwen3:8b") == {"provider": "studio", "model": "qwen3:8b", **usual}
    assert chosen("openai/gpt-5") == {"provider": "openai", "model": "gpt-5", **usual}
    whole = chosen("langgenius/openai/openai/gpt-5")
    assert (whole["provider"], whole["model"]) == ("langgenius/openai/openai", "gpt-5")
    warm = {"provider": "p", "model": "m", "completion_params": {"temperature": 1}}
    assert chosen(json.dumps(warm)) == {**usual, **warm}
    with pytest.raises(UsageError, match="provider/model"):
        chosen('{"provider": "p"}')
