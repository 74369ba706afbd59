"""The gate: no request leaves the browser before the guard has seen it.

DevTools holds back every request of the whole browser (`Fetch.enable` on the browser itself)
until the gate answers: documents, frames, images, fetch, beacons, workers, service workers,
new windows, and each hop of a redirect anew. Holding back per page would not do: Chromium
runs some frames (sandboxed srcdoc) a moment before DevTools is attached to them. Since the
answer cannot depend on who asks, a browser serves one guard only (see pool.py).

A browser elsewhere may have others at work in it at the same time, whose requests stop here as
well. Pages in contexts that are not ours are theirs to judge; a frame inside such a page cannot
be told from one of ours while we have a page open, and is judged by our guard.

A browser that others started lacks the switches of chromium.py, without which some requests are
never held (see GUIDE.md).

What `Fetch` does not see is taken from pages, in every frame and worker before the page's own
code runs (see stand_ins.py). What a server starts before there is a page (Early Hints, the
certificate of a signed page) is switched off in chromium.py. Windows that a page opens load
nothing and are closed.

One way is left that DevTools neither holds back nor shows: a TLS certificate can name an http
address for its missing issuer, and Chromium fetches that itself. It is a GET without secrets
whose answer no page sees; only the network around the browser can stop it.
"""

from __future__ import annotations

import base64
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

from creative.capture.address import read
from creative.capture.cdp import Connection, Event
from creative.capture.guard import Guard
from creative.capture.stand_ins import SCRIPT
from creative.capture.visit import Asked, Visit
from creative.deadline import Deadline
from creative.errors import (
    BlockedAddress,
    CreativeError,
    DeadlineExceeded,
    EngineUnavailable,
    InvalidInput,
)

HTML_URL = "http://page.invalid/"
"""Where the `html` of a request lives, for the browser only: .invalid never resolves (RFC 2606)."""
HARMLESS = frozenset({"data", "blob", "about"})
"""Schemes that reach nothing."""
PAGES = [{"type": "page"}]
MAX_HOSTS = 200
"""Hosts that one page is let to ask for; real pages have under 100."""
RESOLVES_AT_ONCE = 32
"""Names asked for at a time: each is a thread, and small resolvers drop what comes at once."""
VERDICT_SECONDS = 10.0
"""How long an answer about a host counts: a name can change its address."""
WITHDRAW_SECONDS = 2.0
"""How long a browser elsewhere may take to stop asking us."""
FRAMES_REMEMBERED = 500
"""Frames of captures that are over, the last ones; they close within a second or so."""

Verdict = CreativeError | None


class Gate:
    """Answers for all requests of one browser.

    Args:
        connection: to the browser, before it has opened any page.
        guard: decides.
        deadline: of whoever waits for it.
        shared: whether others may drive the same browser.
        logs_in: whether demands for user and password are answered here. Of several connections
            to one browser Chromium asks but one, so none shall answer that has no need to.
    """

    def __init__(
        self,
        connection: Connection,
        guard: Guard,
        deadline: Deadline,
        shared: bool = False,
        logs_in: bool = True,
    ) -> None:
        self.guard = guard
        self._shared = shared
        self._in_company = False
        self._own: set[str] = set()
        self._connection = connection
        self._visits: dict[str, Visit] = {}
        self._windows: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._entered: set[str] = set()
        self._over: deque[str] = deque(maxlen=FRAMES_REMEMBERED)
        self._lock = threading.Lock()
        self._verdicts: dict[Asked, tuple[float, Verdict]] = {}
        self._waiting: dict[Asked, list[Event]] = {}
        self._resolving = threading.BoundedSemaphore(RESOLVES_AT_ONCE)
        connection.listen("", self._event)
        connection.call_all(
            [
                ("Fetch.enable", {"handleAuthRequests": logs_in}),
                ("Target.setDiscoverTargets", {"discover": True, "filter": PAGES}),
                # Every new page waits until it is let go, before any code runs in it.
                (
                    "Target.setAutoAttach",
                    {
                        "autoAttach": True,
                        "waitForDebuggerOnStart": True,
                        "flatten": True,
                        "filter": PAGES,
                    },
                ),
            ],
            deadline,
        )

    def enter(self, visit: Visit, context: str = "") -> None:
        """A capture begins, in a context of its own."""
        self._own.add(context)
        self._entered.add(visit.target)
        self._visits[visit.target] = visit

    def leave(self, visit: Visit) -> None:
        """A capture is over."""
        self._visits.pop(visit.target, None)
        self._over.extend(visit.frames)

    def withdraw(self) -> None:
        """Stop holding back requests, before the connection to a browser that others use as well
        is closed. Our pages are gone by then.

        Chromium reports a request once it knows its cookies. If the connection ends between, the
        request is neither reported nor let go, and the page of somebody else that asked for it
        waits for ever (InterceptionJob::CompleteNotifyingClient). So nothing new shall be
        reported; what is on its way has come when a question that takes the same way, with more
        steps, is answered. It is asked about a context of its own: the cookies of others are none
        of our business.
        """
        if self._connection.doubtful or not self._connection.alive:
            return
        deadline = Deadline(WITHDRAW_SECONDS)
        with suppress(CreativeError):  # then it is closed as it is: nobody waits for more
            self._connection.call("Fetch.enable", {"patterns": []}, deadline=deadline)
            made = self._connection.call(
                "Target.createBrowserContext", {"disposeOnDetach": True}, deadline=deadline
            )
            self._connection.call("Storage.getCookies", made, deadline=deadline)

    def _event(self, event: Event) -> None:
        method, params = event["method"], event["params"]
        if method == "Fetch.requestPaused":
            try:
                self._paused(params)
            except Exception:
                self._refuse(params)  # what cannot be judged does not pass, nor hang
                raise
        elif method == "Fetch.authRequired":
            self._asked_to_log_in(params)
        elif method == "Target.attachedToTarget":
            self._appeared(params["targetInfo"], params["sessionId"])
        elif method == "Target.targetDestroyed":
            target = params["targetId"]
            self._entered.discard(target)
            context = self._windows.pop(target, "")
            if self._first.get(context) == target:
                del self._first[context]

    def _appeared(self, info: dict[str, Any], session: str) -> None:
        """A page: the one of a capture is the first in its context; others are its windows."""
        target, context = info["targetId"], info.get("browserContextId", "")
        self._windows[target] = context
        first = self._first.setdefault(context, target)
        if first != target and first in self._entered:
            # A script in its address would run before it is closed, so it is disarmed; and let
            # go, since it may share its thread with the page, which would wait with it.
            for method, options in watch(worker=False, begun=True):
                self._connection.send(method, options, session)
            self._close(target)
        self._connection.send("Runtime.runIfWaitingForDebugger", {}, session)

    def _paused(self, params: dict[str, Any]) -> None:
        url: str = params["request"]["url"]
        scheme = url.partition(":")[0].lower()
        frame = params.get("frameId", "")
        if (
            frame not in self._visits
            and self._first.get(self._windows.get(frame, ""), "") in self._entered
        ):
            # A window that a page opened, or a page that is over.
            self._refuse(params)
            self._close(frame)
            return
        if self._is_others(frame):
            self._in_company = True
            self._continue(params)
            return
        visit = self._visits.get(frame)
        if visit is not None and visit.html is not None and url == HTML_URL:
            self._serve(params, visit.html)
            return
        if scheme in HARMLESS:
            self._continue(params)
            return
        visit = visit or self._visit(frame)
        probably = visit or self._only(frame)
        if probably is not None and probably.keeps_out(params):
            self._refuse(params)
            return
        try:
            found_scheme, host, port, _ = read(url)
        except (InvalidInput, BlockedAddress) as error:
            self._answer(params, error)
            return
        guard = self.guard if visit is None or visit.guard is None else visit.guard
        self._ask((guard, found_scheme, host.written, port), params)

    def _asked_to_log_in(self, params: dict[str, Any]) -> None:
        visit = self._visit(params.get("frameId", ""))
        if visit is not None:
            answer = visit.login(params)
        else:
            answer = {"response": "Default" if self._shared else "CancelAuth"}
        self._connection.send(
            "Fetch.continueWithAuth",
            {"requestId": params["requestId"], "authChallengeResponse": answer},
        )

    def _is_others(self, frame: str) -> bool:
        """Whether a frame is surely none of ours: a page in a context that we did not make, or
        any frame while we have no page (ours are closed before they leave)."""
        if not self._shared or frame in self._over:
            return False
        context = self._windows.get(frame)
        return not self._visits if context is None else context not in self._own

    def _visit(self, frame: str) -> Visit | None:
        """The capture that surely owns a frame: the only one whose secrets may go with it."""
        return next((visit for visit in list(self._visits.values()) if frame in visit.frames), None)

    def _only(self, frame: str) -> Visit | None:
        """The capture, if there is but one: what nobody owns will be its own.

        A page that closes may still ask for something; the next capture has no part in that.
        """
        if frame in self._over or self._in_company:
            return None
        visits = list(self._visits.values())
        return visits[0] if len(visits) == 1 else None

    def _ask(self, asked: Asked, params: dict[str, Any]) -> None:
        now = time.monotonic()
        frame = params.get("frameId", "")
        owner = self._visit(frame) or self._only(frame)
        with self._lock:
            known = self._verdicts.get(asked)
            if known is not None and now - known[0] < VERDICT_SECONDS:
                verdict = known[1]
            elif asked in self._waiting:
                self._waiting[asked].append(params)
                return
            else:
                self._verdicts = {
                    key: value
                    for key, value in self._verdicts.items()
                    if now - value[0] < VERDICT_SECONDS
                }
                # Each page has a count of its own: one that asks for too many stops no other.
                if len(self._waiting if owner is None else owner.hosts) < MAX_HOSTS:
                    if owner is not None:
                        owner.hosts.add(asked)
                    self._waiting[asked] = [params]
                    threading.Thread(
                        target=self._decide, args=[asked], name="gate", daemon=True
                    ).start()
                    return
                verdict = BlockedAddress(
                    f"{asked[1]}://{asked[2]}:{asked[3]}",
                    f"the page asks for more than {MAX_HOSTS} hosts",
                )
        self._answer(params, verdict)

    def _decide(self, asked: Asked) -> None:
        """In a thread of its own, since names are resolved here."""
        guard, scheme, host, port = asked
        verdict: Verdict = None
        lasts = True
        try:
            visits = list(self._visits.values())
            if not visits:
                lasts = False
                raise BlockedAddress(host, "no capture is running that could want it")
            deadline = max((visit.deadline for visit in visits), key=Deadline.remaining)
            with self._resolving:
                guard.check(f"{scheme}://{host}:{port}/", deadline)
        except CreativeError as error:
            verdict = error
            lasts = lasts and not isinstance(error, DeadlineExceeded)
        except Exception as error:  # noqa: BLE001 - what cannot be judged does not pass, nor hang
            verdict = BlockedAddress(host, f"it cannot be judged ({type(error).__name__})")
        with self._lock:
            if lasts:
                self._verdicts[asked] = (time.monotonic(), verdict)
            waiting = self._waiting.pop(asked)
        for params in waiting:
            visit = None if lasts else self._visit(params.get("frameId", ""))
            if visit is not None and not visit.deadline.expired:
                # It came meanwhile: that an earlier capture is over says nothing about it.
                self._ask(asked, params)
            else:
                self._answer(params, verdict)

    def _answer(self, params: dict[str, Any], verdict: Verdict) -> None:
        if verdict is None:
            self._continue(params)
            return
        if isinstance(verdict, EngineUnavailable):
            # Not our refusal: the page sees what it would see anyway.
            self._refuse(params, "NameNotResolved")
            return
        frame, kind = params.get("frameId", ""), params.get("resourceType", "Other")
        page = self._visits.get(frame)
        if isinstance(verdict, BlockedAddress) and kind == "Document" and page is not None:
            page.fail(verdict)
        visit = page or self._visit(frame) or self._only(frame)
        if visit is not None:
            visit.refused(params["request"]["url"], kind, verdict)
        self._refuse(params)

    def _refuse(self, params: dict[str, Any], reason: str = "BlockedByClient") -> None:
        self._connection.send(
            "Fetch.failRequest", {"requestId": params["requestId"], "errorReason": reason}
        )

    def _continue(self, params: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"requestId": params["requestId"]}
        visit = self._visit(params.get("frameId", ""))
        headers = None if visit is None else visit.headers(params)
        if headers is not None:
            answer["headers"] = headers
        self._connection.send("Fetch.continueRequest", answer)

    def _close(self, window: str) -> None:
        self._connection.send("Target.closeTarget", {"targetId": window})

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


def watch(worker: bool, begun: bool = False) -> list[tuple[str, dict[str, Any]]]:
    """Commands for every session, before its code runs; `begun`: it has a document already."""
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
        script = {"source": SCRIPT, "runImmediately": begun}
        commands.append(("Page.addScriptToEvaluateOnNewDocument", script))
    return commands
