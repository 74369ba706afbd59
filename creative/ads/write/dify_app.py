"""Variants by a Dify workflow app of the user's own, through Dify's service API.

    POST {dify_base_url}/workflows/run   {inputs, response_mode: "streaming", user}

One run for all variants, sent once: a second one would be billed twice. Its events are read as they
come; if the call ends before the run does, the run is stopped. `app_answer` reads what it says.

Source of the API: Dify's api/controllers/service_api/app/workflow.py and its documentation of the
workflow app API (2026-11).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from creative import languages, prompts
from creative.ads.model import AdsRequest, Look
from creative.ads.patience import for_writing
from creative.ads.platforms import Platform
from creative.ads.write.app_answer import copies_of
from creative.ads.write.drafts import Drafts
from creative.ads.write.model import page_facts, told_wishes, wishes
from creative.ads.write.rules import House, described
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    shorten,
)
from creative.http import Stream, client
from creative.settings import Settings
from creative.steps import Step

ENGINE = "The Dify app"
DEFAULT_URL = "https://api.dify.ai/v1"
USER = "creative-studio"
STOP_SECONDS = 5.0
MAX_STREAM_BYTES = 20 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
VALUES = (
    "prompt", "url", "brief", "brand", "platform", "platforms", "count", "language", "tone",
    "must_include", "must_avoid", "title", "text",
)  # fmt: skip
"""What an input of the app may be given."""


def write(
    request: AdsRequest,
    look: Look,
    platforms: Sequence[Platform],
    inputs: Mapping[str, str],
    output: str,
    settings: Settings,
    deadline: Deadline,
    step: Step,
) -> Drafts:
    """Run the app once and read its variants.

    Args:
        request, look, platforms: what is wanted.
        inputs: name of the app's input -> one of VALUES.
        output: name of the output that has the texts; "": `json`, else `text`, else the only one.
        settings: `dify_base_url`, and the first of `dify_api_key`.
        deadline: the call's clock.
        step: told which node of the app works, and the tokens of the run.

    Raises:
        InvalidInput: `inputs` names a value that does not exist.
        EngineUnavailable: the server does not answer, or its answer broke off.
        EngineRejected: it refused, or the workflow failed, in its own words.
        AnswerInvalid: the run ended without texts, or with some in another language only.
        DeadlineExceeded: out of time; the run was stopped.
    """
    given = _values(request, look, platforms, settings)
    for name, value in inputs.items():
        if value not in given:
            raise InvalidInput("dify_inputs", f"{name}: {value}", ", ".join(VALUES))
    body = {
        "inputs": {name: given[value] for name, value in inputs.items()},
        "response_mode": "streaming",
        "user": USER,
    }
    doing = f"waiting for {ENGINE}"
    clock = for_writing(deadline, doing)
    run = _Run(settings.dify_base_url or DEFAULT_URL, settings.dify_api_key[0], clock, step)
    try:
        outputs = run.finished(body)
    except DeadlineExceeded as error:
        # In the words of the whole limit, which somebody can raise.
        raise deadline.error(doing) from error
    drafts = copies_of(outputs, output, platforms, request.count, deadline)
    house = House(request, look)
    found = [(copy, house.foreign([copy], platforms)) for copy in drafts.copies]
    if all(other for _, other in found):
        other = languages.name(found[0][1])
        raise AnswerInvalid(
            ENGINE,
            f"it wrote in {other} instead of {languages.name(look.language)}",
            "Tell the app the language: its input can be given the value 'language'.",
        )
    drafts.copies = [copy for copy, other in found if not other]
    drafts.dropped += [
        f"{copy.id}: it is in {languages.name(other)} instead of {languages.name(look.language)}"
        for copy, other in found
        if other
    ]
    return drafts


def _values(
    request: AdsRequest, look: Look, platforms: Sequence[Platform], settings: Settings
) -> dict[str, str]:
    prompt = prompts.load("ads_app", settings.prompts)
    messages = prompt.messages(
        {"page": page_facts(look)},
        (),
        language=languages.name(look.language),
        count=str(request.count),
        platforms="\n\n".join(described(one, request.count) for one in platforms),
        **told_wishes(request, look),
    )
    return {
        **wishes(request, look),
        "prompt": "\n\n".join(message.text for message in messages),
        "url": request.source_url,
        "platform": platforms[0].id,
        "platforms": ", ".join(platform.id for platform in platforms),
        "count": str(request.count),
        "language": look.language,
        "title": look.title,
        "text": look.text,
    }


@dataclass
class _Run:
    """One run of the app."""

    base_url: str
    key: str
    deadline: Deadline
    step: Step
    task: str = ""
    _nodes: list[str] = field(default_factory=list)

    def finished(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs of the run."""
        address = f"{self.base_url.rstrip('/')}/workflows/run"
        ended = False
        try:
            with (
                client(ENGINE, self.deadline) as http,
                http.opened("POST", address, json=body, headers=self._headers()) as stream,
            ):
                self._check(stream)
                for event in _events(stream):
                    outputs = self._event(event, stream.address)
                    if outputs is not None:
                        ended = True
                        return outputs
            # The timer that ends a call shuts the connection, which may look like an end.
            self.deadline.check(f"waiting for {ENGINE}")
            raise AnswerInvalid(
                f"{ENGINE} at {stream.address}",
                "the stream of its events ended before the workflow did",
                "Look into the app's logs in Dify; it was not run a second time.",
            )
        except EngineRejected:
            ended = True  # nothing runs there any more
            raise
        finally:
            if self.task and not ended:
                self._stop()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _check(self, stream: Stream) -> None:
        """Raise unless this is a stream of events."""
        kind = stream.headers.get("content-type", "")
        if stream.status == 200 and "event-stream" in kind:
            return
        body = bytearray()
        for piece in stream.pieces():
            body += piece
            if len(body) > MAX_ERROR_BYTES:
                break
        text = bytes(body).decode(errors="replace")
        if stream.status == 200:
            raise AnswerInvalid(
                f"{ENGINE} at {stream.address}",
                f"it is no stream of events; it begins: {shorten(text, 80) or '(empty)'}",
                "Check that dify_base_url is the address of Dify's service API, with /v1.",
            )
        code, said = _refusal(text)
        hint = _HINTS.get(code) or _BY_STATUS.get(
            stream.status, "Look into the app's logs in Dify."
        )
        where = f"{ENGINE} at {stream.address}"
        if stream.status >= 500:
            raise EngineUnavailable(where, f"it answered {stream.status}: {said}", hint)
        raise EngineRejected(where, said, stream.status, hint)

    def _event(self, event: Mapping[str, Any], address: str) -> dict[str, Any] | None:
        """Outputs, if this event ends the run."""
        self.task = str(event.get("task_id") or self.task)
        data = event.get("data")
        data = data if isinstance(data, dict) else {}
        kind = event.get("event")
        if kind == "node_started":
            self._nodes.append(str(data.get("title") or "a node"))
            share = len(self._nodes) / (len(self._nodes) + 3)
            self.step.progress(share, f"{ENGINE}: {shorten(self._nodes[-1], 60)}")
        elif kind == "error":
            code, said = str(event.get("code", "")), str(event.get("message") or "no reason given")
            raise EngineRejected(f"{ENGINE} at {address}", said, hint=_HINTS.get(code, ""))
        elif kind in ("workflow_paused", "human_input_required"):
            raise AnswerInvalid(
                f"{ENGINE} at {address}",
                "it waits for a person",
                "Use a workflow without a node that asks somebody.",
            )
        elif kind == "workflow_finished":
            return self._outputs(data, address)
        return None

    def _outputs(self, data: Mapping[str, Any], address: str) -> dict[str, Any]:
        tokens = data.get("total_tokens")
        self.step.spent(tokens=tokens if isinstance(tokens, int) else 0, model="Dify app")
        if data.get("status") not in ("succeeded", "partial-succeeded"):
            said = data.get("error") or f"the workflow ended as {data.get('status')}"
            raise EngineRejected(f"{ENGINE} at {address}", str(said), hint=_LOGS)
        outputs = data.get("outputs")
        return outputs if isinstance(outputs, dict) else {}

    def _stop(self) -> None:
        """End the run there; a server that does not answer that either is left alone."""
        address = f"{self.base_url.rstrip('/')}/workflows/tasks/{self.task}/stop"
        clock = Deadline(STOP_SECONDS, "stopping the Dify app")
        with contextlib.suppress(CreativeError), client(ENGINE, clock) as http:
            http.post(address, json={"user": USER}, headers=self._headers())


def _events(stream: Stream) -> Iterator[dict[str, Any]]:
    """Server-sent events whose data is a JSON object; others (pings, comments) are left out."""
    rest, size = b"", 0
    for piece in stream.pieces():
        size += len(piece)
        if size > MAX_STREAM_BYTES:
            raise AnswerInvalid(
                f"{ENGINE} at {stream.address}", f"it sends over {MAX_STREAM_BYTES >> 20} MB"
            )
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                with contextlib.suppress(ValueError, RecursionError):
                    event = json.loads(line[5:])
                    if isinstance(event, dict):
                        yield event


def _refusal(text: str) -> tuple[str, str]:
    """Dify's code and message, or how the answer begins."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return str(said.get("code", "")), str(said.get("message") or said)
    return "", shorten(text, 120) or "(an empty answer)"


_LOGS = "Look into the app's logs in Dify."
_HINTS = {
    "not_workflow_app": "Use the key of a workflow app: this one is a chat or completion app.",
    "app_unavailable": "Publish the app in Dify, and check that its models are set up.",
    "provider_not_initialize": "Set up the app's model provider in Dify.",
    "provider_quota_exceeded": "The app's model provider has no credit left.",
    "invalid_param": "Map the app's inputs with dify_inputs: the name of each of its inputs, and "
    f"one of {', '.join(VALUES)}. A paragraph input needs room for the prompt (48 characters is "
    "Dify's default for a text input).",
    "too_many_requests": "Wait a little; the run was not repeated.",
}
_MOVED = "Set dify_base_url to the address that it leads to: no redirect is followed."
_BY_STATUS = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: "Check dify_api_key: it is the key of an app, which begins with app-.",
    403: "Check dify_api_key, and that the app's API is enabled.",
    404: "Check dify_base_url: it ends with /v1, such as https://api.dify.ai/v1.",
    429: "Wait a little; the run was not repeated.",
}
