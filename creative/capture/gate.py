"""The gate: no request leaves the browser before the guard has seen it.

DevTools holds back every request of the whole browser (`Fetch.enable` on the browser itself)
until the gate answers: documents, frames, images, fetch, beacons, workers, service workers,
new windows, and each hop of a redirect anew. Holding back per page would not do: Chromium
runs some frames (sandboxed srcdoc) a moment before DevTools is attached to them. Since the
answer cannot depend on who asks, a browser serves one guard only (see pool.py).

What `Fetch` does not see is taken from pages by SCRIPT, in every frame and worker before the
page's own code runs: WebSocket, WebTransport and WebRTC; shared and service workers with
them, since no script reaches those in time.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from typing import Any

from creative.capture.address import read
from creative.capture.cdp import Connection, Event
from creative.capture.guard import Guard
from creative.capture.request import Blocked
from creative.deadline import Deadline
from creative.errors import BlockedAddress, CreativeError, EngineUnavailable, InvalidInput
from creative.http import redact

SCRIPT = """(() => {
  for (const name of ["WebSocket", "WebSocketStream", "WebTransport", "RTCPeerConnection",
      "webkitRTCPeerConnection", "SharedWorker"]) delete globalThis[name];
  if (globalThis.Navigator) delete Navigator.prototype.serviceWorker;
  if (globalThis.Window) globalThis.open = () => null;
})()"""

HTML_URL = "http://page.invalid/"
"""Where the `html` of a request lives, for the browser only: .invalid never resolves (RFC 2606)."""
HARMLESS = frozenset({"data", "blob", "about"})
"""Schemes that reach nothing."""
MAX_HOSTS = 200
"""Hosts that one browser is let to resolve within VERDICT_SECONDS; real pages have under 100."""
RESOLVES_AT_ONCE = 32
"""Names asked for at a time: each is a thread, and small resolvers drop what comes at once."""
VERDICT_SECONDS = 10.0
"""How long an answer about a host counts: a name can change its address."""
MAX_LISTED = 20
"""Refused requests that are listed; all are counted."""

Verdict = CreativeError | None


class Visit:
    """What the gate knows of one capture.

    Args:
        target: id of the page's target, which is its main frame's id too.
        html: what HTML_URL answers, or None.
        deadline: of the call.
        fail: told of the error that must end the capture.
    """

    def __init__(
        self,
        target: str,
        html: bytes | None,
        deadline: Deadline,
        fail: Callable[[CreativeError], None],
    ) -> None:
        self.target = target
        self.html = html
        self.deadline = deadline
        self.fail = fail
        self.frames = {target}
        self.blocked: list[Blocked] = []
        self.blocked_count = 0

    def refused(self, url: str, kind: str, error: CreativeError) -> None:
        """Note a refused request."""
        self.blocked_count += 1
        if len(self.blocked) < MAX_LISTED:
            self.blocked.append(Blocked(url=redact(url), kind=kind, reason=error.message))


class Gate:
    """Answers for all requests of one browser.

    Args:
        connection: to the browser, before it has opened any page.
        guard: decides.
    """

    def __init__(self, connection: Connection, guard: Guard, deadline: Deadline) -> None:
        self.guard = guard
        self._connection = connection
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()
        self._verdicts: dict[tuple[str, str, int], tuple[float, Verdict]] = {}
        self._waiting: dict[tuple[str, str, int], list[Event]] = {}
        self._resolving = threading.BoundedSemaphore(RESOLVES_AT_ONCE)
        connection.listen("", self._event)
        connection.call_all(
            [
                ("Fetch.enable", {}),
                ("Target.setDiscoverTargets", {"discover": True, "filter": [{"type": "page"}]}),
            ],
            deadline,
        )

    def enter(self, visit: Visit) -> None:
        """A capture begins."""
        self._visits[visit.target] = visit

    def leave(self, visit: Visit) -> None:
        """A capture is over."""
        self._visits.pop(visit.target, None)

    def _event(self, event: Event) -> None:
        params = event["params"]
        if event["method"] == "Fetch.requestPaused":
            self._paused(params)
        elif event["method"] == "Target.targetCreated":
            info = params["targetInfo"]
            if info.get("openerId") in self._visits:
                self._connection.send("Target.closeTarget", {"targetId": info["targetId"]})

    def _paused(self, params: dict[str, Any]) -> None:
        url: str = params["request"]["url"]
        scheme = url.partition(":")[0].lower()
        visit = self._visits.get(params.get("frameId", ""))
        if visit is not None and visit.html is not None and url == HTML_URL:
            self._serve(params, visit.html)
        elif scheme in HARMLESS:
            self._continue(params)
        else:
            try:
                found_scheme, host, port, _ = read(url)
            except (InvalidInput, BlockedAddress) as error:
                self._answer(params, error)
                return
            self._ask((found_scheme, host.written, port), params)

    def _ask(self, place: tuple[str, str, int], params: dict[str, Any]) -> None:
        now = time.monotonic()
        with self._lock:
            known = self._verdicts.get(place)
            if known is not None and now - known[0] < VERDICT_SECONDS:
                verdict = known[1]
            elif place in self._waiting:
                self._waiting[place].append(params)
                return
            else:
                self._verdicts = {
                    key: value
                    for key, value in self._verdicts.items()
                    if now - value[0] < VERDICT_SECONDS
                }
                if len(self._verdicts) + len(self._waiting) < MAX_HOSTS:
                    self._waiting[place] = [params]
                    threading.Thread(
                        target=self._decide, args=[place], name="gate", daemon=True
                    ).start()
                    return
                verdict = BlockedAddress(
                    f"{place[0]}://{place[1]}:{place[2]}",
                    f"the page asks for more than {MAX_HOSTS} hosts",
                )
        self._answer(params, verdict)

    def _decide(self, place: tuple[str, str, int]) -> None:
        """In a thread of its own, since names are resolved here."""
        verdict: Verdict = None
        try:
            visits = list(self._visits.values())
            if not visits:
                raise BlockedAddress(place[1], "no capture is running that could want it")
            deadline = max((visit.deadline for visit in visits), key=Deadline.remaining)
            with self._resolving:
                self.guard.check(f"{place[0]}://{place[1]}:{place[2]}/", deadline)
        except CreativeError as error:
            verdict = error
        except Exception as error:  # noqa: BLE001 - what cannot be judged does not pass, nor hang
            verdict = BlockedAddress(place[1], f"it cannot be judged ({type(error).__name__})")
        with self._lock:
            self._verdicts[place] = (time.monotonic(), verdict)
            waiting = self._waiting.pop(place)
        for params in waiting:
            self._answer(params, verdict)

    def _answer(self, params: dict[str, Any], verdict: Verdict) -> None:
        if verdict is None:
            self._continue(params)
            return
        url, frame, kind = params["request"]["url"], params.get("frameId", ""), "Other"
        kind = params.get("resourceType", kind)
        reason = "BlockedByClient"
        if isinstance(verdict, EngineUnavailable):
            reason = "NameNotResolved"  # not our refusal: the page sees what it would see anyway
        else:
            if isinstance(verdict, BlockedAddress) and kind == "Document" and frame in self._visits:
                self._visits[frame].fail(verdict)
            for visit in list(self._visits.values()):
                if frame in visit.frames or len(self._visits) == 1:
                    visit.refused(url, kind, verdict)
        self._connection.send(
            "Fetch.failRequest", {"requestId": params["requestId"], "errorReason": reason}
        )

    def _continue(self, params: dict[str, Any]) -> None:
        self._connection.send("Fetch.continueRequest", {"requestId": params["requestId"]})

    def _serve(self, params: dict[str, Any], html: bytes) -> None:
        self._connection.send(
            "Fetch.fulfillRequest",
            {
                "requestId": params["requestId"],
                "responseCode": 200,
                "responseHeaders": [{"name": "Content-Type", "value": "text/html; charset=utf-8"}],
                "body": base64.b64encode(html).decode(),
            },
        )


def watch(worker: bool) -> list[tuple[str, dict[str, Any]]]:
    """Commands for every session, before its code runs."""
    commands: list[tuple[str, dict[str, Any]]] = [
        # Bodies are never asked for: keep none.
        ("Network.enable", {"maxTotalBufferSize": 1, "maxResourceBufferSize": 1}),
        (
            "Target.setAutoAttach",
            {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True},
        ),
    ]
    if worker:
        commands.append(("Runtime.evaluate", {"expression": SCRIPT}))
    else:
        commands.append(("Page.enable", {}))
        commands.append(("Page.addScriptToEvaluateOnNewDocument", {"source": SCRIPT}))
    return commands
