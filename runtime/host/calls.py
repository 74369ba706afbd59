"""The calls into a plugin: what is sent, who waits for which answer, what is asked back."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtime.answers.reverse import Answers, Caller, OnUsage, refusal
from runtime.declaration import Plugin
from runtime.errors import LimitExceeded, ProtocolViolation, StudioError, ToolFailed, UsageError
from runtime.host import stdio
from runtime.host.faults import Faults
from runtime.host.limits import Limits
from runtime.host.link import Ears, Link, Linking
from runtime.settings import PREFIX

HINT_MARK = "\nWhat to do: "
"""A tool's error may carry what to do after this mark; it is shown as the hint."""

USER = "studio"
_REVERSE = "invoke"


@dataclass(frozen=True)
class _Gone:
    """Put into a call's inbox when the process died."""

    reason: StudioError


_Inbox = queue.SimpleQueue[stdio.SessionEvent | stdio.Complaint | _Gone]


@dataclass(frozen=True)
class _Open:
    """A call in flight."""

    inbox: _Inbox
    caller: Caller


class Calls:
    """All calls of one host over its link.

    Args:
        declaration: what the plugin declares.
        limits: what to enforce.
        answers: who answers reverse calls.
        faults: how to misbehave.
        notice: called with (kind, text).
        linking: makes the link.

    Attributes:
        answers: who answers reverse calls.
        link: the way to the plugin.
        notice: told (kind, text); never raises.
    """

    def __init__(
        self,
        declaration: Plugin,
        limits: Limits,
        answers: Answers,
        faults: Faults,
        notice: Callable[[str, str], None],
        linking: Linking,
    ) -> None:
        self._declaration = declaration
        self._limits = limits
        self.answers = answers
        self._faults = faults
        self.notice = _guarded(notice)
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()
        self.link: Link = linking(Ears(self._deliver, self._tell_everyone, self.notice))

    def wait_ready(self) -> None:
        """Start the link, if it is not started, and wait until calls can be sent."""
        self.link.start()
        self.link.wait_ready()

    def call(
        self,
        data: Mapping[str, Any],
        timeout: float | None,
        on_usage: OnUsage | None = None,
    ) -> Iterator[dict[str, Any]]:
        """One session: send `data`, yield the stream's payloads until its end.

        Args:
            data: the daemon's request, without the user.
            timeout: absolute limit in seconds; default and ceiling: PLUGIN_MAX_EXECUTION_TIMEOUT.
            on_usage: told what models were used through reverse calls.

        Raises:
            UsageError: `data` is no JSON.
            ToolFailed: the plugin answered with an error.
            LimitExceeded, PluginDied, PluginStartFailed, ProtocolViolation: see `Host.invoke`.
        """
        ceiling = self._limits.PLUGIN_MAX_EXECUTION_TIMEOUT
        limit = ceiling if timeout is None else min(timeout, ceiling)
        session = str(uuid.uuid4())
        try:
            line = stdio.request(session, {"user_id": USER, **data})
        except ValueError as error:
            raise UsageError(
                f"The call cannot be sent to a plugin: {error}.", "Give it what JSON can say."
            ) from None
        inbox: _Inbox = queue.SimpleQueue()
        caller = Caller(self._declaration, str(data.get("tool") or ""), session)
        if on_usage is not None:
            caller = replace(caller, on_usage=on_usage)
        # Registered before it is sent: a death in between is told to this call too.
        with self._lock:
            self._open[session] = _Open(inbox, caller)
        try:
            self.wait_ready()
            end = time.monotonic() + limit
            if inbox.empty():  # else it has been told of a death, and must not be carried out
                self.link.send(line)
            while True:
                try:
                    event = inbox.get(timeout=max(0.0, end - time.monotonic()))
                except queue.Empty:
                    raise _out_of_time(limit, ceiling) from None
                match event:
                    case _Gone(reason):
                        raise _copy(reason)
                    case stdio.Complaint(_, text):
                        raise ProtocolViolation(
                            f"The plugin could not read the call: {text}",
                            "The SDK it uses may be too old for this host.",
                        )
                    case stdio.SessionEvent(_, "stream", content):
                        yield content
                    case stdio.SessionEvent(_, "error", content):
                        raise self._tool_failed(content, data)
                    case stdio.SessionEvent(_, "end", _):
                        return
                    case stdio.SessionEvent(_, kind, _):
                        raise ProtocolViolation(
                            "The plugin sent a reverse call without type, id or request; "
                            "the daemon ends the call."
                            if kind == _REVERSE
                            else f"The plugin sent a session message of the unknown type {kind!r}; "
                            "the daemon ends the call.",
                            "Use the SDK to talk to the daemon.",
                        )
        finally:
            with self._lock:
                self._open.pop(session, None)

    def _deliver(self, event: stdio.SessionEvent | stdio.Complaint) -> None:
        """In the reader's thread: hand an event to its call, or answer a reverse call."""
        with self._lock:
            call = self._open.get(event.session or "")
        if call is None:
            # Like the daemon, we do not listen to a call that has ended.
            if isinstance(event, stdio.Complaint):
                self.notice("warning", f"The plugin complains: {event.text}")
        elif isinstance(event, stdio.SessionEvent) and _answerable(event):
            threading.Thread(target=self._reverse, args=(event, call.caller), daemon=True).start()
        else:
            call.inbox.put(event)

    def _tool_failed(self, content: Mapping[str, Any], data: Mapping[str, Any]) -> ToolFailed:
        arguments = content.get("args")
        details = arguments if isinstance(arguments, dict) else {}
        text = str(content.get("message") or details.get("description") or "no message")
        # Several problems in one text keep their hints where they are.
        message, _, hint = (
            text.partition(HINT_MARK) if text.count(HINT_MARK) == 1 else (text, "", "")
        )
        return ToolFailed(
            str(content.get("error_type") or "Error"),
            message,
            hint or self._missing(data),
            str(details.get("traceback", "")),
        )

    def _missing(self, data: Mapping[str, Any]) -> str:
        """What to do about credentials that Dify would not have called the plugin without."""
        given = data.get("credentials") or {}
        missing = [
            credential.name
            for provider in self._declaration.providers
            if provider.identity.name == data.get("provider")
            for credential in provider.credentials
            if credential.required and not given.get(credential.name)
        ]
        if not missing:
            return ""
        settings = ", ".join(f"{PREFIX}{name.upper()}" for name in missing)
        return (
            f"The plugin declares as required, and was not given: {', '.join(missing)}. "
            f"Set {settings} in .env."
        )

    def _tell_everyone(self, reason: StudioError) -> None:
        with self._lock:
            calls = list(self._open.values())
        for call in calls:
            call.inbox.put(_Gone(reason))

    def _listens(self, session: str) -> bool:
        with self._lock:
            return session in self._open

    def _reverse(self, event: stdio.SessionEvent, caller: Caller) -> None:
        """Answer one reverse call."""
        kind, request_id = event.data["type"], event.data["backwards_request_id"]

        def reply(what: str, message: str, data: Mapping[str, Any] | None) -> None:
            self.link.send(stdio.backwards_response(event.session, request_id, what, message, data))

        denied = self._faults.refusal(kind) or refusal(kind, self._declaration.permissions)
        try:
            if denied is not None:
                raise PermissionError(denied)
            answers = self.answers.answer(kind, event.data["request"], caller)
            for message, data in answers:
                if not self._listens(event.session):
                    break  # its call is over: what makes the answers ends with them
                reply("response", message, data)
        except Exception as error:  # noqa: BLE001 - the plugin is told, as the daemon does
            self.notice("reverse", f"{kind}: {error}")
            reply("error", str(error), None)
        reply("end", "", None)


def _answerable(event: stdio.SessionEvent) -> bool:
    """Whether it is a reverse call with all that the daemon wants in it."""
    wanted = {"type": str, "backwards_request_id": str, "request": dict}
    return event.type == _REVERSE and all(
        isinstance(event.data.get(name), kind) for name, kind in wanted.items()
    )


def _guarded(notice: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """Notices come from the threads that serve the plugin; they must outlive a closed terminal."""

    def say(kind: str, text: str) -> None:
        with contextlib.suppress(Exception):
            notice(kind, text)

    return say


def _out_of_time(limit: float, ceiling: float) -> LimitExceeded:
    if limit < ceiling:
        return LimitExceeded(
            "--timeout", f"The tool did not finish within {limit:g} s.", "Raise --timeout."
        )
    return LimitExceeded(
        "PLUGIN_MAX_EXECUTION_TIMEOUT",
        f"The tool did not finish within {limit:g} s; the daemon ends the call then "
        "('killed by timeout').",
        "Split the work, or have Dify's administrator raise the limit.",
    )


def _copy(error: StudioError) -> StudioError:
    """The same error for each of several callers, so that tracebacks do not mix."""
    twin = error.__class__.__new__(error.__class__)
    twin.__dict__.update(error.__dict__)
    twin.args = error.args
    return twin
