"""One page: opened in a context of its own, loaded, photographed, thrown away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from creative.capture import access, facts, frame, look, moment, output, shots
from creative.capture.blank import Blanks
from creative.capture.cdp import Connection, Event, Refused
from creative.capture.failures import crashed, rejected, unreachable
from creative.capture.gate import HTML_URL, Gate, Visit, watch
from creative.capture.request import Screenshot, ScreenshotRequest
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, BlockedAddress, CreativeError
from creative.http import redact

FONTS_SECONDS = 3.0
"""How long a picture waits for fonts after the page has loaded."""
MOVE_SECONDS = 2.0
"""How long the news of an answer or a new document may come after what follows from it."""

_STATUS_ERROR = "net::ERR_HTTP_RESPONSE_CODE_FAILURE"
"""An error status without a body to show."""

_FACTS = f"""Promise.race([document.fonts.ready, new Promise(done => setTimeout(done,
{int(FONTS_SECONDS * 1000)}))]).then(() => ({{title: document.title, url: location.href}}))"""


@dataclass
class _State:
    """What the page's events have told; guarded by `changed`."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    loader: str = ""
    loaded: bool = False
    leaving: bool = False
    unreachable: str = ""
    failure: CreativeError | None = None
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)


class Page:
    """An open page. Use `opened`."""

    def __init__(
        self,
        connection: Connection,
        gate: Gate,
        request: ScreenshotRequest,
        deadline: Deadline,
        target: str,
        session: str,
    ) -> None:
        self.visit = Visit(target, request.html.encode() if request.html else None, deadline,
                           self._fail)  # fmt: skip
        self._connection = connection
        self._gate = gate
        self.request = request
        self.deadline = deadline
        self._session = session
        self._sessions = {session}
        self._state = _State()

    def prepare(self) -> None:
        """Size the page and take from it what the gate cannot see."""
        self._connection.listen(self._session, self._event)
        self._gate.enter(self.visit)
        self._connection.call_all(
            [
                ("Page.enable", {}),
                *watch(worker=False),
                ("Inspector.enable", {}),
                ("Network.setBypassServiceWorker", {"bypass": True}),
                *frame.commands(self.request),
                *moment.commands(self.request),
                *look.commands(self.request),
                *access.commands(self.request),
                ("Emulation.setScrollbarsHidden", {"hidden": True}),
                ("Emulation.setFocusEmulationEnabled", {"enabled": True}),
                ("Page.setInterceptFileChooserDialog", {"enabled": True}),
            ],
            self.deadline,
            self._session,
        )

    def load(self, url: str) -> tuple[str, str, int]:
        """Go to `url` and wait until it has loaded, its fonts too.

        Returns:
            Final address ("" for html), title, HTTP status (0 for html).

        Raises:
            BlockedAddress: the page, or where it led, must not be reached.
            EngineUnavailable: nothing answers there, or the page crashed.
            EngineRejected: it answered with a status of 400 and up, or with no page.
            DeadlineExceeded: it did not finish loading.
        """
        doing = f"loading the page {redact(url)}"
        answer = self.call("Page.navigate", {"url": url}, doing)
        if answer.get("errorText"):
            error = str(answer["errorText"])
            answered = self._status(str(answer.get("loaderId")), error)
            if answered is not None and answered[0] >= 400:
                raise rejected(url, answered)
            raise unreachable(url, error, bool(answer.get("isDownload")))
        while True:
            loader, answered = self._loaded(url, doing)
            try:
                told = self.evaluate(_FACTS, f"waiting for the fonts of {redact(url)}")
            except Refused:
                # If the page went elsewhere, its world went with it.
                if not self._went_on(loader):
                    raise
                continue
            break
        told = told if isinstance(told, dict) else {}
        final = _without_user(str(told.get("url", "")))
        title = str(told.get("title", "")).strip()
        if self.request.html and final.startswith(HTML_URL):
            return "", title, 0
        if answered is None or urlsplit(final).scheme not in ("http", "https"):
            raise AnswerInvalid(
                f"the page {redact(url)}",
                f"it led to {redact(final)}, which is no page on the web",
                "Open the address in a browser and see where it leads.",
            )
        if answered[0] >= 400:
            raise rejected(final, answered)
        return final, title, answered[0]

    def judged(self) -> None:
        """Wait until all that the page has received is judged.

        Raises:
            BlockedAddress: something in it came from a private address.
        """
        self._connection.settle(self.deadline)
        with self._state.changed:
            if self._state.failure is not None:
                raise self._state.failure

    def forget(self) -> None:
        """Hear no more of it."""
        self._gate.leave(self.visit)
        for session in list(self._sessions):
            self._connection.forget(session)

    def call(self, method: str, params: dict[str, Any], doing: str) -> dict[str, Any]:
        """Send the page a command; see `Connection.call`."""
        return self._connection.call(
            method, params, deadline=self.deadline, session=self._session, doing=doing
        )

    def evaluate(self, expression: str, doing: str) -> Any:
        """The JSON value of an expression, a promise's too, in a world of its own.

        Raises:
            Refused: the page went elsewhere meanwhile, or the expression threw.
        """
        # An isolated world: the page's own code cannot have replaced what is used here.
        world = self.call("Page.createIsolatedWorld", {"frameId": self.visit.target}, doing)
        answer = self.call(
            "Runtime.evaluate",
            {
                "expression": expression,
                "contextId": world["executionContextId"],
                "awaitPromise": True,
                "returnByValue": True,
            },
            doing,
        )
        return answer.get("result", {}).get("value")

    def _loaded(self, url: str, doing: str) -> tuple[str, tuple[int, str] | None]:
        """Wait for the load event of the last document; its loader and what was answered."""
        state = self._state
        with state.changed:
            while state.failure is None and not (state.loaded and not state.leaving):
                if not state.changed.wait(self.deadline.timeout(doing)):
                    raise self.deadline.error(doing)
            if state.failure is not None:
                raise state.failure
            if state.unreachable:
                raise unreachable(state.unreachable or url, "net::ERR_FAILED", False)
            return state.loader, state.answers.get(state.loader)

    def _status(self, loader: str, error: str) -> tuple[int, str] | None:
        """HTTP status and text of a navigation that failed; the browser may tell them late."""
        answers = self._state.answers
        with self._state.changed:
            if error == _STATUS_ERROR:
                seconds = self.deadline.timeout("waiting for the page's status", MOVE_SECONDS)
                self._state.changed.wait_for(lambda: loader in answers, seconds)
            return answers.get(loader)

    def _went_on(self, loader: str) -> bool:
        """Whether the page is no longer the document of `loader`.

        The browser may refuse a command a moment before it tells of the new document.
        """
        state = self._state
        with state.changed:
            return state.changed.wait_for(
                lambda: state.failure is not None or state.loader != loader or not state.loaded,
                self.deadline.timeout("waiting for the page to go on", MOVE_SECONDS),
            )

    def _fail(self, error: CreativeError) -> None:
        with self._state.changed:
            self._state.failure = self._state.failure or error
            self._state.changed.notify_all()
        self._connection.fail(self._session, error)

    def _event(self, event: Event) -> None:
        method, params = event["method"], event.get("params", {})
        session = event.get("sessionId", "")
        if method == "Target.attachedToTarget":
            self._attached(params)
        elif method == "Target.detachedFromTarget":
            self._connection.forget(params["sessionId"])
            self._sessions.discard(params["sessionId"])
        elif method == "Network.responseReceived":
            self._received(session, params)
        elif method == "Network.requestWillBeSent" and "redirectResponse" in params:
            self._judge(params["redirectResponse"])
        elif method == "Page.frameAttached":
            self.visit.frames.add(params["frameId"])
        elif method == "Page.javascriptDialogOpening":
            self._connection.send("Page.handleJavaScriptDialog", {"accept": False}, session)
        elif method in ("Inspector.targetCrashed", "Inspector.detached"):
            if session == self._session:
                self._fail(crashed())
        elif session == self._session:
            self._moved(method, params)

    def _moved(self, method: str, params: dict[str, Any]) -> None:
        state = self._state
        with state.changed:
            if method == "Page.frameNavigated" and "parentId" not in params["frame"]:
                frame = params["frame"]
                state.loader, state.loaded, state.leaving = frame["loaderId"], False, False
                state.unreachable = frame.get("unreachableUrl", "")
            elif method == "Page.loadEventFired":
                state.loaded = True
            elif params.get("frameId") != self.visit.target:
                return
            elif method == "Page.frameRequestedNavigation":
                state.leaving = params.get("disposition", "currentTab") == "currentTab"
            elif method in ("Page.frameStoppedLoading", "Page.navigatedWithinDocument"):
                state.leaving = False
            state.changed.notify_all()

    def _attached(self, params: dict[str, Any]) -> None:
        """A frame of another process, or a worker: it waits until it is let go."""
        session, kind = params["sessionId"], params["targetInfo"]["type"]
        if kind not in ("iframe", "worker", "worklet", "auction_worklet"):
            # Service workers and what else may come: never let go.
            return
        self._sessions.add(session)
        self._connection.listen(session, self._event)
        for method, options in watch(worker=kind != "iframe"):
            self._connection.send(method, options, session)
        self._connection.send("Runtime.runIfWaitingForDebugger", {}, session)

    def _received(self, session: str, params: dict[str, Any]) -> None:
        response = params["response"]
        if session == self._session and params.get("type") == "Document":
            with self._state.changed:
                self._state.answers[params["loaderId"]] = (
                    int(response["status"]),
                    str(response.get("statusText", "")),
                )
                self._state.changed.notify_all()
        self._judge(response)

    def _judge(self, response: dict[str, Any]) -> None:
        """Withhold the picture if a response came from a private address after all."""
        address = response.get("remoteIPAddress")
        if not address or urlsplit(response["url"]).scheme not in ("http", "https"):
            return
        try:
            self._gate.guard.check_connected(response["url"], address, self.deadline)
        except BlockedAddress as error:
            self._fail(error)


@contextmanager
def opened(
    connection: Connection,
    gate: Gate,
    request: ScreenshotRequest,
    deadline: Deadline,
    blanks: Blanks | None = None,
) -> Iterator[Page]:
    """An empty page in a context of its own: no cookie or cache of another call is in it."""
    blanks = blanks or Blanks(connection)
    blank = blanks.take({}, deadline)
    page = Page(connection, gate, request, deadline, blank.target, blank.session)
    try:
        page.prepare()
        yield page
    finally:
        page.forget()
        # Also after the deadline: this is no part of the answer.
        blanks.give_back(blank)


def picture(page: Page, place: tuple[str, str, int], browser: str) -> Screenshot:
    """Photograph a loaded page; `place` is what `Page.load` returned."""
    final_url, title, status = place
    look.apply(page)
    moment.settle(page)
    parts, notes = shots.find(page)
    pictures = output.pictures(page, parts, final_url, title)
    found = facts.read(page, final_url) if page.request.with_facts else None
    # What the page received before the picture may still wait to be judged.
    page.judged()
    return Screenshot(
        pictures=pictures,
        notes=(*notes, *output.notes(page.request)),
        page=found,
        final_url=final_url,
        title=title,
        status=status,
        browser=browser,
        blocked=tuple(page.visit.blocked),
        blocked_count=page.visit.blocked_count,
    )


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
