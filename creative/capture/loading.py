"""How far a page has come, as its events tell."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from creative.capture.failures import unreachable
from creative.deadline import Deadline
from creative.errors import CreativeError, DeadlineExceeded, EngineRejected
from creative.http import redact

MAX_DOCUMENTS = 20
"""Documents that a page may lead to, one after the other, until it is said to go in a circle."""
SHOWN = 3
"""Addresses in an error."""

_ENDLESS = frozenset({"EventSource", "Ping", "CSPViolationReport"})
"""Requests that a page in peace may have open."""

Answered = tuple[int, str]
"""HTTP status and its text."""


@dataclass
class Loading:
    """What is known; guarded by `changed`.

    Attributes:
        loader, url: id and address of the main document.
        interactive: it is parsed. loaded: what it needs is there, too.
        leaving: it is about to go elsewhere.
        unreachable: the address behind the browser's own error page.
        failure: what ended the capture.
        answers: loader to what its server answered.
        requests: id to session and address of what is under way.
        dialogs: how many the page has opened.
        counted: somebody waits for requests to come or go; nobody else is woken by them.
    """

    changed: threading.Condition = field(default_factory=threading.Condition)
    loader: str = ""
    url: str = ""
    interactive: bool = False
    loaded: bool = False
    leaving: bool = False
    unreachable: str = ""
    failure: CreativeError | None = None
    answers: dict[str, Answered] = field(default_factory=dict)
    requests: dict[str, tuple[str, str]] = field(default_factory=dict)
    documents: int = 0
    dialogs: int = 0
    counted: bool = False

    def moved(self, method: str, params: dict[str, Any], target: str) -> None:
        """An event of the main frame's session; `target` is that frame's id."""
        with self.changed:
            if method == "Page.frameNavigated" and "parentId" not in params["frame"]:
                frame = params["frame"]
                self.loader, self.url = frame["loaderId"], frame.get("url", "")
                self.interactive = self.loaded = self.leaving = False
                self.unreachable = frame.get("unreachableUrl", "")
                self.documents += 1
                # What the last document asked for is nobody's now.
                self.requests = {
                    key: value for key, value in self.requests.items() if key == self.loader
                }
            elif method == "Page.domContentEventFired":
                self.interactive = True
            elif method == "Page.loadEventFired":
                self.interactive = self.loaded = True
            elif params.get("frameId") != target:
                return
            elif method == "Page.frameRequestedNavigation":
                self.leaving = params.get("disposition", "currentTab") == "currentTab"
            elif method in ("Page.frameStoppedLoading", "Page.navigatedWithinDocument"):
                self.leaving = False
            self.changed.notify_all()

    def endless(self, url: str) -> EngineRejected | None:
        """What is wrong if the page that was asked for at `url` leads on and on."""
        if self.documents <= MAX_DOCUMENTS:
            return None
        return EngineRejected(
            f"The page {redact(url)}",
            f"it leads from one document to the next without end ({MAX_DOCUMENTS} so far)",
            hint="Open the address in a browser and see where it leads.",
        )

    def asked(self, session: str, params: dict[str, Any]) -> None:
        """A request began, or goes on at another address."""
        url = params["request"]["url"]
        if params.get("type") not in _ENDLESS and url.startswith("http"):
            with self.changed:
                self.requests[params["requestId"]] = (session, url)
                self._came_or_went()

    def ended(self, request: str) -> None:
        """A request is over."""
        with self.changed:
            if self.requests.pop(request, None) is not None:
                self._came_or_went()

    def gone(self, session: str) -> None:
        """A frame or worker is over, and its requests."""
        with self.changed:
            self.requests = {
                key: value for key, value in self.requests.items() if value[0] != session
            }
            self.changed.notify_all()

    def answered(self, params: dict[str, Any]) -> None:
        """A document of the main frame's session was answered."""
        response = params["response"]
        with self.changed:
            self.answers[params["loaderId"]] = (
                int(response["status"]),
                str(response.get("statusText", "")),
            )
            self.changed.notify_all()

    def fail(self, error: CreativeError) -> None:
        """The capture is over."""
        with self.changed:
            self.failure = self.failure or error
            self.changed.notify_all()

    def wait(
        self, url: str, deadline: Deadline, doing: str, early: bool, seconds: float | None = None
    ) -> tuple[str, Answered | None]:
        """Wait until the last document has loaded, or only been parsed (`early`).

        Args:
            url: where the page was asked for.
            seconds: wait no longer than that, and take it as it is.

        Returns:
            Its loader, and what was answered.

        Raises:
            EngineUnavailable: it cannot be reached.
            DeadlineExceeded: it did not come so far.
            CreativeError: what `fail` was given.
        """

        def there() -> bool:
            come = self.interactive if early else self.loaded
            return self.failure is not None or (come and not self.leaving)

        with self.changed:
            arrived = self.changed.wait_for(there, deadline.timeout(doing, seconds))
            if self.failure is not None:
                raise self.failure
            if not arrived and seconds is None:
                raise self._late(deadline, doing)
            if self.unreachable:
                raise unreachable(self.unreachable or url, "net::ERR_FAILED", False)
            return self.loader, self.answers.get(self.loader)

    def quiet(self, seconds: float, deadline: Deadline, doing: str, most: float) -> bool:
        """Wait until nothing has been under way for `seconds`, at most `most` seconds.

        Returns:
            Whether it became quiet.

        Raises:
            DeadlineExceeded: no time is left. CreativeError: what `fail` was given.
        """
        end = Deadline(deadline.timeout(doing, most))
        with self.changed:
            self.counted = True
            try:
                while not end.expired:
                    if self.failure is not None:
                        raise self.failure
                    if self.requests:
                        self.changed.wait(end.remaining())
                    elif not self.changed.wait_for(self._busy, min(seconds, end.remaining())):
                        return True
            finally:
                self.counted = False
        deadline.check(doing)
        return False

    def rest(self, seconds: float, deadline: Deadline, doing: str) -> None:
        """Do nothing for `seconds`, unless the page fails.

        Raises:
            DeadlineExceeded: no time is left. CreativeError: what `fail` was given.
        """
        with self.changed:
            self.changed.wait_for(
                lambda: self.failure is not None, deadline.timeout(doing, seconds)
            )
            if self.failure is not None:
                raise self.failure
        deadline.check(doing)

    def status_of(self, loader: str, seconds: float) -> Answered | None:
        """What a loader was answered, which the browser may tell up to `seconds` late."""
        with self.changed:
            if seconds:
                self.changed.wait_for(lambda: loader in self.answers, seconds)
            return self.answers.get(loader)

    def went_on(self, loader: str, seconds: float) -> bool:
        """Whether the page is no longer the document of `loader`.

        The browser may refuse a command a moment before it tells of the new document.
        """
        with self.changed:
            return self.changed.wait_for(
                lambda: self.failure is not None or self.loader != loader or not self.interactive,
                seconds,
            )

    def _came_or_went(self) -> None:
        if self.counted:
            self.changed.notify_all()

    def _busy(self) -> bool:
        return bool(self.requests) or self.failure is not None

    def _late(self, deadline: Deadline, doing: str) -> DeadlineExceeded:
        waiting = [redact(url) for _, url in self.requests.values() if self.documents]
        who = deadline.who
        if waiting:
            more = f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else ""
            doing += f"; still loading: {', '.join(waiting[:SHOWN])}{more}"
        if self.dialogs:
            doing += f"; it opened {self.dialogs} dialogs"
        if self.interactive:
            who += " Or set wait_for to domcontentloaded, which takes the picture earlier."
        return DeadlineExceeded(doing, deadline.seconds, deadline.limit, who)
