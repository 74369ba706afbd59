"""What every tool file shares: reading parameters, running one verb, yielding its messages.

A tool's `_invoke` reads parameters through `Parameters`, hands one verb of `creative` to
`Call.run`, and ends with `Call.messages`. While the verb works, `Call.run` yields its steps
as log messages, and one at least every `QUIET_SECONDS`, so that Dify sees that the call lives.
"""

from __future__ import annotations

import base64
import json
import math
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dify_plugin import Tool
from dify_plugin.entities.provider_config import LogMetadata
from dify_plugin.entities.tool import ToolInvokeMessage
from dify_plugin.file.file import File

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, InvalidInput, TooLarge, blot
from creative.settings import Settings
from creative.steps import Phase, Status, StepEvent, Steps

T = TypeVar("T")
Messages = Generator[ToolInvokeMessage, None, None]

QUIET_SECONDS = 12.0
MAX_JSON_BYTES = 200_000
"""Dify's MAX_VARIABLE_SIZE is 204,800 bytes."""
MAX_FILE_BYTES = 30 * 1024 * 1024
"""Dify refuses a larger file (its chunk merger's limit)."""

_LOG_STATUS = ToolInvokeMessage.LogMessage.LogStatus
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class Parameters:
    """The parameters of a call; "", None, [] and a missing key all mean "not given"."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def raw(self, name: str) -> Any:
        """The value as it came, or None if it is not given."""
        value = self._given.get(name)
        if value is None or value == [] or (isinstance(value, str) and not value.strip()):
            return None
        return value

    def text(self, name: str, default: str = "") -> str:
        """A string, unchanged."""
        value = self.raw(name)
        if value is None:
            return default
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def required_text(self, name: str, what: str) -> str:
        """A string that must be there.

        Raises:
            InvalidInput: it is not given; the error says `what` it should be.
        """
        value = self.text(name)
        if not value:
            raise InvalidInput(name, None, what)
        return value

    def number(self, name: str) -> float | None:
        """A number, also from text such as "800", or None.

        Raises:
            InvalidInput: the value is no number.
        """
        value = self.raw(name)
        if value is None:
            return None
        try:
            number = float(value) if not isinstance(value, bool) else float("nan")
        except (TypeError, ValueError):
            number = float("nan")
        if not math.isfinite(number):
            raise InvalidInput(name, value, "a number")
        return number

    def integer(self, name: str) -> int | None:
        """A whole number, also from "800" or 800.0, or None.

        Raises:
            InvalidInput: the value is no whole number.
        """
        number = self.number(name)
        if number is None:
            return None
        if not number.is_integer():
            raise InvalidInput(name, self.raw(name), "a whole number")
        return int(number)

    def boolean(self, name: str, default: bool) -> bool:
        """A yes or no, also from text such as "true".

        Raises:
            InvalidInput: the value is neither.
        """
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise InvalidInput(name, value, "true or false")

    def file(self, name: str) -> File | None:
        """A file as Dify hands it over, or None.

        Raises:
            InvalidInput: the value is no file.
        """
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # a list of one file, as Dify's tools give their files
        if not isinstance(value, File):
            raise _no_file(name, value, "a file")
        return value

    def files(self, name: str) -> list[File]:
        """Files as Dify hands them over; also a single one.

        Raises:
            InvalidInput: one of the values is no file.
        """
        value = self.raw(name)
        given = [] if value is None else value if isinstance(value, list) else [value]
        for one in given:
            if not isinstance(one, File):
                raise _no_file(name, one, "files")
        return given


def _no_file(name: str, value: Any, allowed: str) -> InvalidInput:
    """The error (not raised) for what is no file; a file's address, in it, carries a signature."""
    came = f"a list of {len(value)}" if isinstance(value, list) else "something else"
    came = value if isinstance(value, str) else came
    return InvalidInput(name, came, allowed, "Connect a file variable to it.")


@dataclass(frozen=True)
class OutputFile:
    """A file to hand to Dify."""

    data: bytes
    mime_type: str
    filename: str


class Call:
    """One call of one tool: its settings, its deadline, its steps.

    Args:
        tool: the tool that is called.
        parameters: its parameters; `timeout_seconds` is read from them.
        default_seconds: the time-out if `timeout_seconds` is not given.
    """

    def __init__(self, tool: Tool, parameters: Parameters, default_seconds: float) -> None:
        self._tool = tool
        self._events: queue.SimpleQueue[StepEvent | None] = queue.SimpleQueue()
        self._open: dict[int, ToolInvokeMessage] = {}
        self.settings = Settings.from_credentials(tool.runtime.credentials)
        # What a server repeats of them must not get into errors and logs.
        self.secrets = self.settings.secrets()
        self.deadline = Deadline.for_call(
            parameters.number("timeout_seconds"), self.settings.max_seconds, default_seconds
        )
        self.steps = Steps(self._events.put)

    def conceal(self, secrets: Iterable[str]) -> None:
        """Keep these values too, which came as parameters, out of errors and logs."""
        self.secrets = sorted({*self.secrets, *secrets}, key=len, reverse=True)

    def run(self, verb: Callable[[], T]) -> Generator[ToolInvokeMessage, None, T]:
        """Run `verb`, yielding its steps as log messages; its exceptions come out here."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def work() -> None:
            try:
                outcome.append(verb())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                failure.append(error)
            finally:
                self._events.put(None)

        # A greenlet in the plugin (gevent has patched threading), a thread elsewhere.
        threading.Thread(target=work, name="verb", daemon=True).start()
        last: StepEvent | None = None
        while True:
            try:
                event = self._events.get(timeout=QUIET_SECONDS)
            except queue.Empty:
                yield self._still(last)
                continue
            if event is None:
                break
            last = event
            yield self._log(event)
        if failure and not isinstance(failure[0], Exception):
            # The SDK sends nothing for a SystemExit: the caller would wait until the time-out.
            raise RuntimeError(f"the work ended with {failure[0]!r}") from failure[0]
        if failure and isinstance(failure[0], CreativeError):
            raise failure[0].without(self.secrets)
        if failure:
            raise failure[0]
        return outcome[0]

    def messages(
        self,
        *,
        text: str,
        data: Mapping[str, Any],
        variables: Mapping[str, Any],
        files: Sequence[OutputFile] = (),
    ) -> Messages:
        """The result: text for people, compact JSON, the declared variables, the files.

        What the steps used becomes `usage` in the JSON and among the variables, and a last step
        brings the call to 100 percent; a node has nothing to do for either.

        Raises:
            AnswerInvalid: a result without text: an empty success is a failure.
            TooLarge: the JSON or a file is larger than Dify accepts.
        """
        if not text.strip():
            raise AnswerInvalid("the tool", "it has nothing to say about its result")
        usage = self.steps.usage.data()
        data, variables = {**data, "usage": usage}, {**variables, "usage": usage}
        size = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_JSON_BYTES:
            raise TooLarge("The result's JSON", f"{size} bytes", f"{MAX_JSON_BYTES} bytes")
        for file in files:
            if len(file.data) > MAX_FILE_BYTES:
                raise TooLarge(
                    f"The file {file.filename}",
                    f"{len(file.data) / 2**20:.1f} MB",
                    "30 MB (Dify accepts no larger file)",
                )
        yield from self._done()
        yield self._tool.create_text_message(text.encode(errors="replace").decode())
        yield self._tool.create_json_message(dict(data))
        for name, value in variables.items():
            yield self._tool.create_variable_message(name, value)
        for file in files:
            yield self._tool.create_blob_message(
                file.data, {"mime_type": file.mime_type, "filename": file.filename}
            )

    def _done(self) -> Messages:
        """The log messages of the last step, which hands over what there is."""
        if self.steps.events and self.steps.events[-1].percent == 100:
            return  # the verb has told its end by itself
        # No verb runs any more: what the queue has is this step's.
        with self.steps.step(Phase.DONE, "Done", function="adapter.messages"):
            pass
        while not self._events.empty():
            event = self._events.get()
            if event is not None:
                yield self._log(event)

    def _log(self, event: StepEvent) -> ToolInvokeMessage:
        data: dict[str, Any] = {
            "number": event.number,
            "phase": event.phase.value,
            "function": event.function,
            "percent": event.percent,
        }
        label = blot(event.label, self.secrets)
        if event.preview:
            encoded = base64.b64encode(event.preview).decode()
            data["preview"] = f"data:image/jpeg;base64,{encoded}"
        if event.status is Status.START:
            message = self._tool.create_log_message(label, data, status=_LOG_STATUS.START)
            self._open[event.number] = message
            return message
        if event.status is Status.PROGRESS:
            return self._tool.create_log_message(
                label, data, status=_LOG_STATUS.START, parent=self._open.get(event.number)
            )
        data["seconds"] = round(event.elapsed, 3)
        data["duration_ms"] = event.duration_ms
        failed = event.status is Status.ERROR
        return self._tool.finish_log_message(
            self._open.pop(event.number),
            status=_LOG_STATUS.ERROR if failed else _LOG_STATUS.SUCCESS,
            error=blot(event.error, self.secrets) or None,
            data=data,
            metadata=_spent(event),
        )

    def _still(self, last: StepEvent | None) -> ToolInvokeMessage:
        label = blot(last.label, self.secrets) if last is not None else "Starting"
        percent = last.percent if last is not None else 0
        return self._tool.create_log_message(
            f"Still working: {label}",
            {"percent": percent, "seconds_left": round(self.deadline.remaining())},
            status=_LOG_STATUS.START,
            parent=self._open.get(last.number) if last is not None else None,
        )


def _spent(event: StepEvent) -> dict[LogMetadata, Any]:
    """What a step cost, by the names under which Dify shows it; empty if it cost nothing."""
    spent: dict[LogMetadata, Any] = {}
    if event.cost is not None:
        spent = {LogMetadata.TOTAL_PRICE: event.cost, LogMetadata.CURRENCY: event.currency}
    if event.tokens:
        spent[LogMetadata.TOTAL_TOKENS] = event.tokens
    return spent
