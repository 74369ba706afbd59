"""The check of the credentials form: which hint each usual mistake gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from creative import breaker, connections, http
from creative.connections import servers
from creative.settings import Settings
from runtime import doctor
from tests.servers import Server, answer, free_port

MODELS = "/sdapi/v1/sd-models"
STATS = "/system_stats"


@pytest.fixture(autouse=True)
def no_address_rests() -> Iterator[None]:
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


def serving(routes: dict[str, object], login: str = "", status: int = 404) -> Server:
    """A server with these routes and their JSON; `login` as "user:password"."""
    wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None

    def handler(request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path not in routes:
            answer(request, '{"detail": "Not Found"}', status)
        elif wanted and request.headers.get("Authorization") != wanted:
            answer(request, '{"detail": "Not authenticated"}', 401)
        else:
            answer(request, json.dumps(routes[path]))

    return Server(handler)


def problems(**credentials: str) -> str:
    found = connections.check(Settings.from_credentials(credentials))
    return "\n".join(map(str, found))


def test_a_stable_diffusion_server_behind_a_login() -> None:
    with serving({MODELS: []}, "user:pässword") as server:
        missing = problems(sd_base_url=server.url)
        wrong = problems(sd_base_url=server.url, sd_auth="user:other")
        assert problems(sd_base_url=server.url, sd_auth="user:pässword") == ""
        inside = server.url.replace("://", "://user:p%C3%A4ssword@")
        assert problems(sd_base_url=inside) == ""
    assert "answered 401: Not authenticated" in missing
    assert "Set 'sd_auth': user:password, as given to --api-auth." in missing
    assert "Check 'sd_auth'" in wrong
    assert "other" not in wrong


@pytest.mark.parametrize("end", ["/sdapi/v1", "/sdapi/v1/", "/sdapi/v1/txt2img", "/docs"])
def test_an_address_with_too_long_a_path(end: str) -> None:
    with serving({MODELS: []}, "a:b") as server:
        said = problems(sd_base_url=server.url + end, sd_auth="a:b")
        assert f"Write {server.url} in 'sd_base_url'." in said


def test_a_base_path_stays() -> None:
    with serving({f"/comfy{STATS}": {"system": {}}, f"/forge{MODELS}": []}) as server:
        assert problems(comfyui_base_url=f"{server.url}/comfy/") == ""
        assert problems(sd_base_url=f"{server.url}/forge") == ""
        said = problems(comfyui_base_url=f"{server.url}/comfy/prompt")
        assert f"Write {server.url}/comfy in 'comfyui_base_url'." in said
        assert "check the end of 'comfyui_base_url'" in problems(comfyui_base_url=server.url)


def test_servers_in_each_other_s_fields() -> None:
    with (
        serving({MODELS: []}) as forge,
        serving({STATS: {"system": {}}, "/models": ["a"]}) as comfy,
    ):
        swapped = problems(sd_base_url=comfy.url, comfyui_base_url=forge.url)
        as_api = problems(openai_base_url=comfy.url)
    assert "sd_base_url: Stable Diffusion" in swapped
    assert "a ComfyUI server: its address belongs in 'comfyui_base_url'" in swapped
    assert "a Stable Diffusion server: its address belongs in 'sd_base_url'" in swapped
    assert "its address belongs in 'comfyui_base_url'" in as_api


def test_a_web_ui_without_its_api_is_told_about_the_option() -> None:
    with serving({}) as server:
        assert "started with --api" in problems(sd_base_url=server.url)


def test_a_start_page_for_every_path() -> None:
    def handler(request: BaseHTTPRequestHandler) -> None:
        answer(request, "<html>Welcome</html>", 200, "text/html")

    with Server(handler) as server:
        assert "no JSON, the body begins: <html>Welcome" in problems(sd_base_url=server.url)


def test_a_redirect_is_not_followed() -> None:
    # A drawing does not follow it either: the form must not accept what cannot draw.
    with serving({MODELS: []}) as target:

        def handler(request: BaseHTTPRequestHandler) -> None:
            answer(request, "", 302, Location=f"{target.url}{request.path}")

        with Server(handler) as server:
            said = problems(sd_base_url=server.url)
        assert f"it redirects to {target.url}{MODELS}" in said
        assert target.requests == []


def test_https_for_http_and_no_scheme() -> None:
    with serving({MODELS: []}) as server:
        bare = server.url.removeprefix("http://")
        assert "Write http:// instead of https://" in problems(sd_base_url=f"https://{bare}")
        assert f"Write http:// before it: {server.url}" in problems(sd_base_url=bare)


def test_localhost_in_docker() -> None:
    for host in ("localhost", "127.0.0.1"):
        said = problems(sd_base_url=f"http://{host}:{free_port()}")
        assert f"If Dify runs in Docker, {host} is the container itself" in said
        assert "--listen" in said
    said = problems(openai_base_url=f"http://localhost:{free_port()}/v1")
    assert "host.docker.internal" in said
    assert "--listen" not in said


def test_a_name_that_nobody_knows() -> None:
    said = problems(sd_base_url="http://forge.invalid:7860")
    assert "where the plugin runs" in said
    assert "extra_hosts" not in said


def test_a_proxy_before_a_server_that_is_off() -> None:
    for status in (502, 504):
        with serving({}, status=status) as server:
            said = problems(comfyui_base_url=server.url)
        assert f"a proxy in front of it answered {status}" in said
        assert "Check that the server itself is running" in said
        assert "picture" not in said  # nothing was drawn


def test_an_images_api_without_a_list_of_models() -> None:
    with serving({"/v1/images/generations": {}}) as server:
        assert problems(openai_base_url=f"{server.url}/v1") == ""
    with serving({"/v1/models": {"data": []}}) as server:
        said = problems(openai_base_url=server.url, openai_api_key="k")
        assert f"Write {server.url}/v1 in 'openai_base_url'." in said


def test_a_refusal_with_status_200_is_no_list_of_models() -> None:
    # LM Studio's answer to a path that it does not have.
    lost = {"error": "Unexpected endpoint or method. (GET /models). Returning 200 anyway"}
    with serving({"/models": lost, "/v1/models": {"object": "list", "data": None}}) as server:
        said = problems(openai_base_url=server.url)
        assert f"Write {server.url}/v1 in 'openai_base_url'." in said
        assert problems(openai_base_url=f"{server.url}/v1") == ""


def test_a_key_that_may_draw_and_not_list(monkeypatch: pytest.MonkeyPatch) -> None:
    # OpenAI's answer to a restricted key without the scope api.model.read.
    body = {
        "error": {"message": "You have insufficient permissions. Missing scopes: api.model.read"}
    }

    def reply(text: str) -> Callable[..., http.Reply]:
        headers = http.requests.structures.CaseInsensitiveDict[str]()
        return lambda *_, **__: http.Reply(403, headers, text.encode(), "api", "Images API")

    monkeypatch.setattr(servers, "get", reply(json.dumps(body)))
    assert problems(openai_api_key="sk-restricted") == ""
    monkeypatch.setattr(servers, "get", reply('{"error": "Country not supported"}'))
    assert "Country not supported" in problems(openai_api_key="sk-restricted")


@pytest.mark.parametrize("status", [200, 401])
def test_what_runware_says_about_a_key(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"code": "invalidApiKey", "message": "Invalid API key", "parameter": "apiKey"}

    def handler(request: BaseHTTPRequestHandler) -> None:
        answer(request, json.dumps({"errors": [row]}), status)

    with Server(handler) as server:
        monkeypatch.setattr(servers, "RUNWARE_URL", server.url)
        said = problems(runware_api_key="rk-secret")
        assert server.requests == ["POST /"]
    assert f"Runware answered {status}: invalidApiKey: Invalid API key" in said
    assert "Check 'runware_api_key'." in said
    assert "rk-secret" not in said


def test_doctor_tells_every_address_of_one_credential() -> None:
    text = problems(sd_base_url=f"http://127.0.0.1:{free_port()},http://127.0.0.1:{free_port()}")
    (one,) = doctor._by_name(text, ["sd_base_url"]).values()
    assert one.note.count("the connection was refused") == 2
    assert one.hint.count("container itself") == 1


def test_a_screenshot_service_is_set_up_as_a_whole() -> None:
    assert problems(screenshot_service="screenshotone", screenshot_service_key="k") == ""
    assert problems(screenshot_service="none") == ""
    assert "screenshot_service: got nothing; allowed is screenshotmachine or screenshotone" in (
        problems(screenshot_service_key="k")
    )
    assert "needs the setting 'screenshot_service_key'" in problems(
        screenshot_service="screenshotmachine"
    )
    wrong = problems(
        screenshot_service="screenshotone",
        screenshot_service_key="k",
        screenshot_service_url="ftp://u:secret@shots.example",
    )
    assert "screenshot_service_url: got" in wrong
    assert "u:secret" not in wrong
