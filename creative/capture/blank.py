"""Empty pages, each in a context of its own, used once and thrown away.

To open one costs a browser more than to load most pages: it starts a process for it. So the
local browser keeps one ready, and closes used ones when the picture has been handed over.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from creative.capture.cdp import Connection, Event
from creative.deadline import Deadline
from creative.errors import CreativeError

CLOSE_SECONDS = 2.0
"""How long a page may take to go away; a browser that takes longer is not used again."""
OPEN_SECONDS = 10.0
"""How long a page that nobody waits for yet may take to open."""


@dataclass(frozen=True)
class Blank:
    """An empty page: ids of its context, its target and the session that is attached to it."""

    context: str
    target: str
    session: str


def open_blank(connection: Connection, options: dict[str, Any], deadline: Deadline) -> Blank:
    """An empty page in a new context.

    Args:
        connection: to the browser.
        options: for Target.createBrowserContext (a proxy).
        deadline: of whoever waits for it.
    """
    context = connection.call(
        "Target.createBrowserContext", {"disposeOnDetach": True, **options}, deadline=deadline
    )["browserContextId"]
    try:
        _, created = connection.call_all(
            [
                ("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": context}),
                ("Target.createTarget", {"url": "about:blank", "browserContextId": context}),
            ],
            deadline,
        )
        target = created["targetId"]
        attached = connection.call(
            "Target.attachToTarget", {"targetId": target, "flatten": True}, deadline=deadline
        )
    except BaseException:
        close_context(connection, context)
        raise
    return Blank(context, target, attached["sessionId"])


def close_context(connection: Connection, context: str) -> None:
    """Throw a context away, with its pages; also after the deadline, since the answer does not
    depend on it."""
    if not connection.alive:
        return
    try:
        connection.call(
            "Target.disposeBrowserContext",
            {"browserContextId": context},
            deadline=Deadline(CLOSE_SECONDS),
        )
    except CreativeError:
        connection.doubtful = True


class Blanks:
    """Opens and closes the pages of one connection.

    Args:
        connection: to the browser.
        ahead: whether to keep one ready, and to close used ones in the background.
    """

    def __init__(self, connection: Connection, ahead: bool = False) -> None:
        self._connection = connection
        self._ahead = ahead
        self._lock = threading.Lock()
        self._ready: Blank | None = None
        self._opening = False

    def take(self, options: dict[str, Any], deadline: Deadline) -> Blank:
        """An empty page for one call; see `open_blank`."""
        if not options:
            with self._lock:
                ready, self._ready = self._ready, None
            if ready is not None:
                return ready
        return open_blank(self._connection, options, deadline)

    def give_back(self, blank: Blank) -> None:
        """Throw a used page away, and get the next one ready."""
        if not self._ahead:
            close_context(self._connection, blank.context)
            return
        threading.Thread(target=self._turn_over, args=[blank], name="blank", daemon=True).start()

    def _turn_over(self, blank: Blank) -> None:
        close_context(self._connection, blank.context)
        self.prepare()

    def prepare(self) -> None:
        """Have a page ready for the next call."""
        with self._lock:
            if self._opening or self._ready is not None or self._connection.doubtful:
                return
            self._opening = True
        ready: Blank | None = None
        try:
            ready = open_blank(self._connection, {}, Deadline(OPEN_SECONDS))
            self._watch(ready)
        except CreativeError:
            # Nobody waits for it: the call that comes next opens its own and reports why not.
            self._connection.doubtful = True
        finally:
            with self._lock:
                self._ready, self._opening = ready, False

    def _watch(self, blank: Blank) -> None:
        """Give a page up that dies before anybody needs it."""

        def event(event: Event) -> None:
            if event["method"] in ("Inspector.targetCrashed", "Inspector.detached"):
                with self._lock:
                    if self._ready is blank:
                        self._ready = None
                self._connection.forget(blank.session)
                self._connection.send(
                    "Target.disposeBrowserContext", {"browserContextId": blank.context}
                )

        self._connection.listen(blank.session, event)
        self._connection.send("Inspector.enable", session=blank.session)
