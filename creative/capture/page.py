"""One page: made what was asked for, loaded, listened to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from creative.capture import access, frame, look, rules
from creative.capture.address import without_user
from creative.capture.blank import Blank
from creative.capture.cdp import ENDED, BrowserGone, Connection, Event, Refused
from creative.capture.failures import crashed, rejected, unheld, unreachable
from creative.capture.fields import is_early
from creative.capture.gate import HTML_URL, Gate, watch
from creative.capture.guard import Guard
from creative.capture.loading import Answered, Loading
from creative.capture.request import ScreenshotRequest
from creative.capture.visit import Visit
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, BlockedAddress, CreativeError
from creative.http import redact

FONTS_SECONDS = 3.0
"""How long a picture waits for fonts after the page has loaded."""
MOVE_SECONDS = 2.0
"""How long the news of an answer or a new document may come after what follows from it."""

CRASH_SECONDS = 0.5
"""How long the news of a crash may come after what follows from it."""
_ABORTED = "net::ERR_ABORTED"
_STATUS_ERROR = "net::ERR_HTTP_RESPONSE_CODE_FAILURE"
"""An error status without a body to show."""
_WORLD = "creative-studio"

# Getters are taken from the prototype: an element named "title" hides the document's own.
_ABOUT = f"""(() => {{
  const own = name => Object.getOwnPropertyDescriptor(Document.prototype, name).get.call(document);
  return Promise.race([own("fonts").ready,
    new Promise(done => setTimeout(done, {int(FONTS_SECONDS * 1000)}))])
    .then(() => ({{title: String(own("title")).slice(0, 1000), url: location.href}}));
}})()"""


class Page:
    """An open page. Use `opened`.

    Attributes:
        loading: how far it has come.
        notes: what differs from what was asked, a sentence each; whoever finds out adds one.
        url: where it is, once it has loaded.
    """

    def __init__(
        self,
        connection: Connection,
        gate: Gate,
        request: ScreenshotRequest,
        deadline: Deadline,
        blank: Blank,
        html: bytes | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.visit = Visit(blank.target, html, deadline, self._fail)
        self.visit.guard = guard
        self.request = request
        self.deadline = deadline
        self.loading = Loading()
        self.notes: list[str] = []
        self.url = ""
        self.answered: Answered | None = None
        self._asked = ""
        self._connection = connection
        self._gate = gate
        self._guard = guard or gate.guard
        self._blank = blank
        self._session = blank.session
        self._sessions = {blank.session}
        self._world: tuple[str, int] | None = None

    @property
    def shown(self) -> str:
        """Its address, for texts."""
        return redact(self.url or self.request.url) if self.visit.html is None else "given source"

    def prepare(self) -> None:
        """Make the page what was asked for, and take from it what the gate cannot see.

        Raises:
            InvalidInput: the browser knows no such time zone or language, or the list of
                STUDIO_BLOCK_LIST cannot be read.
        """
        request = self.request
        doors = access.Doors(request)
        self.visit.doors = doors if doors.any else None
        if request.block_ads:
            known = rules.load()
            self.visit.unwanted = lambda url, kind: known.unwanted(url, kind, self._host())
        self._connection.listen(self._session, self._event)
        self._gate.enter(self.visit, self._blank.context)
        if request.geolocation is not None:
            self._may_be_located()
        try:
            self._connection.call_all(
                [
                    *watch(worker=False),
                    ("Inspector.enable", {}),
                    ("Network.setBypassServiceWorker", {"bypass": True}),
                    *frame.commands(request),
                    *look.commands(request),
                    *access.commands(request),
                    ("Emulation.setScrollbarsHidden", {"hidden": True}),
                    ("Emulation.setFocusEmulationEnabled", {"enabled": True}),
                    ("Page.setInterceptFileChooserDialog", {"enabled": True}),
                ],
                self.deadline,
                self._session,
            )
        except Refused as refused:
            wrong = look.wrong(request, refused.message)
            if wrong is None:
                raise
            raise wrong from None

    def load(self, url: str) -> tuple[str, str, int]:
        """Go to `url` and wait until it has loaded, its fonts too; or as far as `wait_for` says.

        Returns:
            Final address ("" for html and markdown), title, HTTP status (0 for these).

        Raises:
            BlockedAddress: the page, or where it led, must not be reached.
            EngineUnavailable: nothing answers there, or the page crashed.
            EngineRejected: it answered with a status of `fail_on_status` and up, or with no
                page, or it leads from one page to the next without end.
            DeadlineExceeded: it did not finish loading.
        """
        doing = f"loading the page {redact(url)}"
        self._asked = url
        answer = self.call("Page.navigate", {"url": url}, doing)
        if answer.get("errorText"):
            error = str(answer["errorText"])
            seconds = MOVE_SECONDS if error == _STATUS_ERROR else 0
            answered = self.loading.status_of(
                str(answer.get("loaderId")), min(seconds, self.deadline.remaining())
            )
            if answered is not None and answered[0] >= 400:
                # Without a body there is nothing to photograph, whatever fail_on_status says.
                raise rejected(url, answered)
            download = bool(answer.get("isDownload"))
            if error == _ABORTED and not download:
                # So ends, too, the navigation of a page whose process died: that is told apart.
                self.loading.rest(CRASH_SECONDS, self.deadline, doing)
            raise unreachable(url, error, download)
        early = is_early(self.request)
        told = self.told(_ABOUT, f"waiting for the fonts of {redact(url)}", early, doing)
        answered = self.answered
        told = told if isinstance(told, dict) else {}
        final = self.url = without_user(str(told.get("url", "")))
        title = str(told.get("title", "")).strip()
        if self.visit.html is not None and final.startswith(HTML_URL):
            return "", title, 0
        if answered is None or urlsplit(final).scheme not in ("http", "https"):
            raise AnswerInvalid(
                f"the page {redact(url)}",
                f"it led to {redact(final)}, which is no page on the web",
                "Open the address in a browser and see where it leads.",
            )
        if 0 < self.request.fail_on_status <= answered[0]:
            raise rejected(final, answered)
        return final, title, answered[0]

    def told(self, expression: str, doing: str, early: bool = True, loading: str = "") -> Any:
        """`evaluate`, in the document that the page leads to in the end.

        Args:
            expression, doing: see `evaluate`.
            early: whether that document need only be parsed.
            loading: what is going on until then.
        """
        while True:
            loader, self.answered = self.loading.wait(
                self._asked, self.deadline, loading or doing, early
            )
            try:
                return self.evaluate(expression, doing)
            except Refused:
                # If the page went elsewhere, its world went with it.
                seconds = self.deadline.timeout("waiting for the page to go on", MOVE_SECONDS)
                if not self.loading.went_on(loader, seconds):
                    raise

    def rest_of_load(self, seconds: float) -> None:
        """Wait until the page has loaded, at most `seconds`."""
        doing = f"loading the page {self.shown}"
        self.loading.wait(self._asked, self.deadline, doing, False, seconds)

    def judged(self) -> None:
        """Wait until all that the page has received is judged.

        Raises:
            BlockedAddress: something in it came from a private address.
        """
        self._connection.settle(self.deadline)
        with self.loading.changed:
            if self.loading.failure is not None:
                raise self.loading.failure

    def forget(self) -> None:
        """Listen no more."""
        self._gate.leave(self.visit)
        for session in list(self._sessions):
            self._connection.forget(session)

    def call(
        self, method: str, params: dict[str, Any], doing: str, deadline: Deadline | None = None
    ) -> dict[str, Any]:
        """Send the page a command; see `Connection.call`."""
        return self._connection.call(
            method, params, deadline=deadline or self.deadline, session=self._session, doing=doing
        )

    def send(self, method: str, params: dict[str, Any]) -> None:
        """Send the page a command whose result nobody needs."""
        self._connection.send(method, params, self._session)

    def evaluate(self, expression: str, doing: str, deadline: Deadline | None = None) -> Any:
        """The JSON value of an expression, a promise's too, in a world of its own.

        Raises:
            Refused: the page went elsewhere meanwhile, or the expression threw.
        """
        loader = self.loading.loader
        if self._world is None or self._world[0] != loader:
            # An isolated world: the page's own code cannot have replaced what is used here.
            options = {"frameId": self.visit.target, "worldName": _WORLD}
            made = self.call("Page.createIsolatedWorld", options, doing, deadline)
            self._world = (loader, int(made["executionContextId"]))
        params = {
            "expression": expression,
            "contextId": self._world[1],
            "awaitPromise": True,
            "returnByValue": True,
        }
        try:
            answer = self.call("Runtime.evaluate", params, doing, deadline)
        except Refused:
            self._world = None
            raise
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            said = str(thrown.get("exception", {}).get("description", thrown.get("text", "")))
            raise Refused("Runtime.evaluate", said.partition("\n")[0])
        return answer.get("result", {}).get("value")

    def _host(self) -> str:
        """Of the page now: what it asks for is another site's, or not."""
        try:
            return urlsplit(self.loading.url or self.request.url).hostname or ""
        except ValueError:
            return ""

    def _may_be_located(self) -> None:
        """Let the page, and no other in it, ask where it is."""
        parts = urlsplit(without_user(self.request.url))
        if not parts.netloc:
            return
        origin = f"{parts.scheme}://{parts.netloc}/"
        self._connection.call(
            "Browser.grantPermissions",
            {
                "permissions": ["geolocation"],
                "origin": origin,
                "browserContextId": self._blank.context,
            },
            deadline=self.deadline,
        )

    def _fail(self, error: CreativeError) -> None:
        self.loading.fail(error)
        self._connection.fail(self._session, error)

    def _event(self, event: Event) -> None:
        method, params = event["method"], event.get("params", {})
        session = event.get("sessionId", "")
        if method.startswith("Network."):
            self._network(method, params, session)
        elif method == "Target.attachedToTarget":
            self._attached(params)
        elif method == "Target.detachedFromTarget":
            self._connection.forget(params["sessionId"])
            self._sessions.discard(params["sessionId"])
            self.loading.gone(params["sessionId"])
        elif method == "Page.frameAttached":
            self.visit.frames.add(params["frameId"])
        elif method == "Page.javascriptDialogOpening":
            self.loading.dialogs += 1
            # A page that asks whether to stay is left; whatever else it asks is declined.
            accept = params.get("type") == "beforeunload"
            self._connection.send("Page.handleJavaScriptDialog", {"accept": accept}, session)
        elif session != self._session:
            return
        elif method in ("Inspector.targetCrashed", "Inspector.detached"):
            self._fail(crashed())
        elif method == ENDED:
            self._fail(BrowserGone(self._connection.browser))
        else:
            self.loading.moved(method, params, self.visit.target)
            endless = self.loading.endless(self._asked)
            if endless is not None:
                self._fail(endless)

    def _network(self, method: str, params: dict[str, Any], session: str) -> None:
        if method == "Network.requestWillBeSent":
            self.loading.asked(session, params)
            if "redirectResponse" in params:
                self._judge(params["redirectResponse"])
        elif method == "Network.responseReceived":
            if session == self._session and params.get("type") == "Document":
                self.loading.answered(params)
            self._judge(params["response"])
        elif method in ("Network.loadingFinished", "Network.loadingFailed"):
            self.loading.ended(params["requestId"])

    def _attached(self, params: dict[str, Any]) -> None:
        """A frame of another process, or a worker: it waits until it is let go."""
        session, kind = params["sessionId"], params["targetInfo"]["type"]
        if kind not in ("iframe", "worker", "worklet", "auction_worklet"):
            # Service workers and what else may come: never let go.
            return
        if kind == "iframe" and params["targetInfo"].get("url") == "about:srcdoc":
            self._fail(unheld())
        self._sessions.add(session)
        self._connection.listen(session, self._event)
        commands = watch(worker=kind != "iframe")
        if kind == "iframe":
            commands += [*look.frame_commands(self.request), *access.identity(self.request)]
        for method, options in commands:
            self._connection.send(method, options, session)
        self._connection.send("Runtime.runIfWaitingForDebugger", {}, session)

    def _judge(self, response: dict[str, Any]) -> None:
        """Withhold the picture if a response came from a private address after all."""
        address = response.get("remoteIPAddress")
        if not address or urlsplit(response["url"]).scheme not in ("http", "https"):
            return
        try:
            self._guard.check_connected(response["url"], address, self.deadline)
        except BlockedAddress as error:
            self._fail(error)
