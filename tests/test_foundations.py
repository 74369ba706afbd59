"""creative's errors, deadline, steps, settings and credential checks."""

from __future__ import annotations

import pickle
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from creative import breaker, connections, errors
from creative.connections import servers
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Phase, Status, StepEvent, Steps
from tests.servers import Server, answer, free_port

EXAMPLES = [
    errors.InvalidInput("width", "abc", "a whole number from 16 to 8192"),
    errors.TooLarge("html", "9 MB", "5 MB", "Shorten it."),
    errors.NotConfigured("sd_base_url", "text_to_image"),
    errors.BlockedAddress("http://10.0.0.1/", "it is private", "Add it to allowed_private_hosts."),
    errors.EngineUnavailable("Chromium", "it is not installed", "Install it."),
    errors.EngineRejected("Stable Diffusion", "no such model", 422, "Choose another."),
    errors.AnswerInvalid("the model", "no JSON"),
    errors.DeadlineExceeded("waiting", 60, "timeout_seconds", "Raise timeout_seconds."),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_errors_cross_a_process_border_whole(error: errors.CreativeError) -> None:
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert (twin.message, twin.hint, str(twin)) == (error.message, error.hint, str(error))


def test_errors_carry_their_hint_in_one_text() -> None:
    message, _, hint = str(EXAMPLES[4]).partition(errors.HINT_MARK)
    assert message == "Chromium is not available: it is not installed."
    assert hint == "Install it."


def test_the_marks_of_plugin_and_host_are_the_same() -> None:
    from runtime.host.host import HINT_MARK

    assert errors.HINT_MARK == HINT_MARK


def test_invalid_input_shortens_what_came() -> None:
    error = errors.InvalidInput("prompt", "x" * 5000, "at most 1,000 characters")
    assert len(error.message) < 250
    assert "nothing" in errors.InvalidInput("url", "", "an address").message


# --- deadline ------------------------------------------------------------------------------


def test_the_smaller_limit_holds_and_is_named() -> None:
    own = Deadline.for_call(30, 570)
    assert (own.seconds, own.limit) == (30, "timeout_seconds")
    clamped = Deadline.for_call(900, 570)
    assert clamped.seconds == 570
    assert "max_seconds" in str(clamped.error("drawing"))
    assert "PLUGIN_MAX_EXECUTION_TIMEOUT" in str(clamped.error("drawing"))
    assert Deadline.for_call(None, None, default=45).seconds == 45


@pytest.mark.parametrize(
    ("timeout", "most", "name"), [(0, None, "timeout_seconds"), (-1, 5, "timeout_seconds"),
                                  (5, 0, "max_seconds")],
)  # fmt: skip
def test_durations_must_be_positive(timeout: float, most: float | None, name: str) -> None:
    with pytest.raises(errors.InvalidInput, match=name):
        Deadline.for_call(timeout, most)


def test_out_of_time() -> None:
    deadline = Deadline(0.05)
    assert deadline.timeout("waiting", most=0.01) == 0.01
    began = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded, match=r"Out of time after 0.05 s .* while waiting"):
        deadline.sleep(60, "waiting")
    assert time.monotonic() - began < 20
    assert deadline.remaining() == 0


# --- steps ---------------------------------------------------------------------------------


def test_steps_tell_their_story() -> None:
    heard: list[StepEvent] = []
    steps = Steps(heard.append)
    with steps.step(Phase.PREP, "Reading", until=20):
        pass
    with steps.step(Phase.AI_CALL, "Drawing", until=90) as step:
        step.progress(0.5, "Drawing, step 10 of 20")
        step.progress(0.1)
        step.spent(0.25, tokens=3)
        step.spent(0.5)
    assert [(e.label, e.status, e.percent) for e in heard] == [
        ("Reading", Status.START, 10),
        ("Reading", Status.DONE, 20),
        ("Drawing", Status.START, 25),
        ("Drawing, step 10 of 20", Status.PROGRESS, 57),
        ("Drawing, step 10 of 20", Status.PROGRESS, 57),
        ("Drawing, step 10 of 20", Status.DONE, 90),
    ]
    assert (steps.cost, steps.tokens) == (0.75, 3)


def test_a_failed_step_says_why() -> None:
    steps = Steps()
    with pytest.raises(ValueError, match="no"), steps.step(Phase.SAVE, "Saving", until=100):
        raise ValueError("no")
    assert (steps.events[-1].status, steps.events[-1].error) == (Status.ERROR, "no")
    assert steps.cost is None


# --- settings and credential checks --------------------------------------------------------


def test_settings_are_typed_and_empty_means_absent() -> None:
    settings = Settings.from_credentials(
        {
            "sd_base_url": "http://a:7860, http://b:7860\nhttp://c:7860",
            "max_seconds": "120",
            "browser_url": "  ",
            "openai_api_key": None,
            "unknown": "x",
        }
    )
    assert settings.sd_base_url == ("http://a:7860", "http://b:7860", "http://c:7860")
    assert (settings.max_seconds, settings.browser_url) == (120, "")
    assert Settings.from_credentials(None) == Settings()


def test_a_screenshot_service_is_a_known_one_and_its_secrets_are_secrets() -> None:
    credentials = {
        "screenshot_service": "ScreenshotOne",
        "screenshot_service_url": "https://me:pass1@shots.example",
        "screenshot_service_key": "key12345",
        "screenshot_service_secret": "phrase",
    }
    settings = Settings.from_credentials(credentials)
    assert settings.screenshot_service == "screenshotone"
    assert settings.secrets() == ["key12345", "phrase", "pass1"]
    assert Settings.from_credentials({"screenshot_service": "none"}).screenshot_service == ""
    with pytest.raises(errors.InvalidInput, match="allowed is none, screenshotmachine, screensh"):
        Settings.from_credentials({"screenshot_service": "urlbox"})


@pytest.mark.parametrize("value", ["soon", "0", "-5", "inf", "nan"])
def test_max_seconds_must_be_a_duration(value: str) -> None:
    with pytest.raises(errors.InvalidInput, match="max_seconds"):
        Settings.from_credentials({"max_seconds": value})


def test_nothing_given_nothing_checked() -> None:
    assert connections.check(Settings()) == []


def test_every_working_credential_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str | None] = {}

    def handler(request: BaseHTTPRequestHandler) -> None:
        seen[request.path] = request.headers.get("Authorization")
        if request.path.startswith("/sdapi"):
            answer(request, "[]")
        else:
            answer(
                request,
                '{"Browser": "Chrome/1", "webSocketDebuggerUrl": "ws://x/y", "system": {}, '
                '"name": "An app", "data": []}',
            )

    with Server(handler) as server:
        monkeypatch.setattr(servers, "RUNWARE_URL", f"{server.url}/runware")
        assert (
            connections.check(
                Settings.from_credentials(
                    {
                        "sd_base_url": f"{server.url}/",
                        "sd_auth": "me:mine",
                        "comfyui_base_url": server.url,
                        "comfyui_api_key": "ck",
                        "openai_base_url": f"{server.url}/v1",
                        "openai_api_key": "ok",
                        "runware_api_key": "rk",
                        "browser_url": server.url,
                        "dify_base_url": f"{server.url}/dify/v1",
                        "dify_api_key": "app-1",
                        "max_seconds": "300",
                        "allowed_private_hosts": "intranet, 10.0.0.1:80, [::1]:8080",
                    }
                )
            )
            == []
        )
    assert seen["/sdapi/v1/sd-models"] == "Basic bWU6bWluZQ=="
    assert seen["/system_stats"] == "Bearer ck"
    assert seen["/v1/models"] == "Bearer ok"
    assert seen["/dify/v1/info"] == "Bearer app-1"
    assert {"/runware", "/json/version"} <= set(seen)


def test_each_problem_names_credential_address_and_answer() -> None:
    breaker._breakers.clear()

    def handler(request: BaseHTTPRequestHandler) -> None:
        if request.path.startswith("/v1"):
            answer(request, '{"error": "Incorrect API key provided: sk-secret"}', 401)
        else:
            answer(request, "<h1>It works</h1>", 200, "text/html")

    with Server(handler) as server:
        dead = f"http://127.0.0.1:{free_port()}"
        problems = connections.check(
            Settings.from_credentials(
                {
                    "sd_auth": "nocolon",
                    "sd_base_url": dead,
                    "comfyui_base_url": server.url,
                    "openai_base_url": f"{server.url}/v1",
                    "openai_api_key": "sk-secret",
                    "allowed_private_hosts": "http://intranet/",
                }
            )
        )
    said = {problem.credential: str(problem) for problem in problems}
    assert list(said) == [
        "sd_auth",
        "sd_base_url",
        "comfyui_base_url",
        "openai_base_url",
        "allowed_private_hosts",
    ]
    assert dead in said["sd_base_url"]
    assert "refused" in said["sd_base_url"]
    assert "no JSON, the body begins: <h1>It works</h1>" in said["comfyui_base_url"]
    assert f"{server.url}/v1/models answered 401" in said["openai_base_url"]
    assert "Check 'openai_api_key'" in said["openai_base_url"]
    assert "sk-secret" not in said["openai_base_url"]
    assert "nocolon" not in said["sd_auth"]


def test_checks_run_at_the_same_time() -> None:
    together = threading.Barrier(7)  # each server's first question waits for the others'
    met: list[int] = []

    def handler(request: BaseHTTPRequestHandler) -> None:
        if not met:
            met.append(together.wait(30))
        models = '{"object": "list", "data": [{"id": "painter"}]}'
        others = models if "/models" in request.path else '{"system": {}}'
        answer(request, "[]" if "/sdapi" in request.path else others)

    with Server(handler) as server:
        assert (
            connections.check(
                Settings.from_credentials(
                    {
                        "sd_base_url": ",".join(f"{server.url}/{n}" for n in range(5)),
                        "comfyui_base_url": server.url,
                        "openai_base_url": server.url,
                    }
                )
            )
            == []
        )
    assert met
