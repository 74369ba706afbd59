"""Host: one plugin, warm, with many calls in flight."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runtime.answers.reverse import Answers, Caller, OnUsage, refusal
from runtime.declaration import Plugin, Provider, Tool
from runtime.errors import LimitExceeded, ProtocolViolation, StudioError, ToolFailed, UsageError
from runtime.host import stdio
from runtime.host.chunks import ChunkMerger, whole_blob
from runtime.host.faults import Faults
from runtime.host.limits import Limits
from runtime.host.link import Ears, Link, Linking
from runtime.host.messages import Message, tool_message
from runtime.host.parameters import closest
from runtime.host.process import PluginProcess

HINT_MARK = "\nWhat to do: "
"""A tool's error may carry what to do after this mark; it is shown as the hint."""

USER = "studio"
_REVERSE = "invoke"


@dataclass(frozen=True)
class _Gone:
    """Put into a call's inbox when the process died."""

    reason: StudioError


_Inbox = queue.SimpleQueue[stdio.SessionEvent | stdio.Complaint | _Gone]


class Host:
    """A plugin's process and the calls into it.

    Use it as a context manager: the process starts with the first call, or with `start`, and
    ends with the context.

    Args:
        declaration: what the plugin declares.
        folder: the plugin's folder.
        python: the interpreter that has the plugin's dependencies.
        credentials: given to every call that brings none of its own.
        limits: what to enforce; default: Dify's.
        answers: who answers reverse calls; default: nobody.
        on_notice: called with (kind, text); kind is stray, log, stderr, reverse or warning.
        link: the way to a plugin that somebody else started; default: a process of our own.
        faults: how to misbehave.
    """

    def __init__(
        self,
        declaration: Plugin,
        folder: Path,
        python: Path | str,
        *,
        credentials: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        answers: Answers | None = None,
        on_notice: Callable[[str, str], None] | None = None,
        link: Linking | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.declaration = declaration
        self.folder = folder
        self.credentials = dict(credentials or {})
        self.faults = faults or Faults()
        self.limits = self.faults.limits(limits or Limits())
        self.answers = answers or Answers()
        self._notice = _guarded(on_notice or _nobody)
        self._inboxes: dict[str, _Inbox] = {}
        self._callers: dict[str, Caller] = {}
        self._lock = threading.Lock()
        self._python = python
        self._process: PluginProcess | None = None
        ears = Ears(self._deliver, self._tell_everyone, self._notice)
        self._link: Link = self.faults.linking(link or self._own_process)(ears)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process, if it does not run, and return at once."""
        self._link.start()

    def wait_ready(self) -> None:
        """Start the process, if it does not run, and wait for its first heartbeat.

        Raises:
            PluginStartFailed: it does not become ready.
        """
        self._link.start()
        self._link.wait_ready()

    def stop(self) -> None:
        """End the process and everything that it started."""
        self._link.stop()

    @property
    def process(self) -> PluginProcess:
        """The plugin's process.

        Raises:
            AttributeError: somebody else started the plugin.
        """
        if self._process is None:
            raise AttributeError("This host has no process of its own.")
        return self._process

    # --- calls -------------------------------------------------------------------------

    def invoke(
        self,
        tool: str,
        parameters: Mapping[str, Any],
        *,
        credentials: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        on_usage: OnUsage | None = None,
    ) -> Iterator[Message]:
        """Call a tool and yield its messages as they come, files put together.

        Args:
            tool: its name.
            parameters: sent as they are; `runtime.host.parameters` checks and casts them.
            credentials: instead of the host's.
            timeout: absolute limit in seconds; default and ceiling: PLUGIN_MAX_EXECUTION_TIMEOUT.
            on_usage: told what models the tool used through reverse calls.

        Raises:
            UsageError: no such tool, or a parameter that is no JSON.
            ToolFailed: the tool raised.
            LimitExceeded: out of time, or a line or a file too large.
            PluginDied, PluginStartFailed: the process is gone.
            ProtocolViolation: the tool sent a message that the daemon does not know.
        """
        provider, found = self.find(tool)
        data = {
            "type": "tool",
            "action": "invoke_tool",
            "provider": provider.identity.name,
            "tool": found.name,
            "tool_parameters": dict(parameters),
            "credentials": dict(self.credentials if credentials is None else credentials),
            "credential_type": "api-key",
        }
        files = ChunkMerger(self.limits)
        for payload in self._call(data, timeout, on_usage):
            kind, content, meta = tool_message(payload)
            if kind == "blob_chunk":
                merged = files.add(content, meta)
                if merged is not None:
                    yield merged
            elif kind == "blob":
                yield whole_blob(content, meta)
            else:
                yield Message(kind, content, meta)
        if files.unfinished:
            self._notice(
                "warning", f"{files.unfinished} file(s) of the tool never ended; Dify drops them."
            )

    def find(self, tool: str) -> tuple[Provider, Tool]:
        """The tool of that name and its provider.

        Raises:
            UsageError: there is none; the error names those that exist.
        """
        found = self.declaration.find(tool)
        if found is None:
            names = [known.name for _, known in self.declaration.tools]
            raise UsageError(
                f"{self.declaration.id} has no tool '{tool}'.",
                f"{closest(tool, names)}Its tools: {', '.join(names)}.",
            )
        return found

    def validate_credentials(self, credentials: Mapping[str, Any] | None = None) -> None:
        """Let the plugin check credentials; every provider of it.

        Raises:
            ToolFailed: the plugin refuses them, in its own words.
        """
        given = dict(self.credentials if credentials is None else credentials)
        for provider in self.declaration.providers:
            data = {
                "type": "tool",
                "action": "validate_tool_credentials",
                "provider": provider.identity.name,
                "credentials": given,
            }
            payloads = list(self._call(data, None))
            if not any(payload.get("result") is True for payload in payloads):
                raise ProtocolViolation(
                    f"{self.declaration.id} answered the credential check with nothing.",
                    "The provider class must implement _validate_credentials.",
                )

    def options(
        self, tool: str, parameter: str, credentials: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The choices of a dynamic-select parameter: [{"value", "label", "icon"}].

        Raises:
            UsageError: no such tool or parameter, or it is no dynamic-select.
            ToolFailed: the tool raised.
        """
        provider, found = self.find(tool)
        declared = found.parameter(parameter)
        dynamic = [p.name for p in found.parameters if p.type == "dynamic-select"]
        if declared is None or declared.type != "dynamic-select":
            raise UsageError(
                f"{tool} has no dynamic-select parameter '{parameter}'.",
                f"It has: {', '.join(dynamic) or 'none'}.",
            )
        data = {
            "type": "dynamic_parameter",
            "action": "fetch_parameter_options",
            "provider": provider.identity.name,
            "provider_action": found.name,
            "parameter": parameter,
            "credentials": dict(self.credentials if credentials is None else credentials),
            "credential_type": "api-key",
        }
        choices: list[dict[str, Any]] = []
        for payload in self._call(data, None):
            choices.extend(payload.get("options") or [])
        return choices

    # --- inside ------------------------------------------------------------------------

    def _own_process(self, ears: Ears) -> Link:
        self._process = PluginProcess(
            [str(self._python), "-m", self.declaration.entrypoint],
            self.folder,
            {"INSTALL_METHOD": "local"},
            self.limits,
            ears.deliver,
            ears.tell_everyone,
            ears.notice,
        )
        return self._process

    def _call(
        self,
        data: Mapping[str, Any],
        timeout: float | None,
        on_usage: OnUsage | None = None,
    ) -> Iterator[dict[str, Any]]:
        """One session: send `data`, yield the stream's payloads until its end."""
        ceiling = self.limits.PLUGIN_MAX_EXECUTION_TIMEOUT
        limit = ceiling if timeout is None else min(timeout, ceiling)
        session = str(uuid.uuid4())
        try:
            line = stdio.request(session, {"user_id": USER, **data})
        except ValueError as error:
            raise UsageError(
                f"The call cannot be sent to a plugin: {error}.", "Give it what JSON can say."
            ) from None
        inbox: _Inbox = queue.SimpleQueue()
        caller = Caller(self.declaration, str(data.get("tool") or ""), session)
        if on_usage is not None:
            caller = replace(caller, on_usage=on_usage)
        # Registered before it is sent: a death in between is told to this call too.
        with self._lock:
            self._inboxes[session] = inbox
            self._callers[session] = caller
        try:
            self.wait_ready()
            end = time.monotonic() + limit
            self._link.send(line)
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
                        raise _tool_failed(content)
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
                self._inboxes.pop(session, None)
                self._callers.pop(session, None)

    def _deliver(self, event: stdio.SessionEvent | stdio.Complaint) -> None:
        """In the reader's thread: hand an event to its call, or answer a reverse call."""
        with self._lock:
            inbox = self._inboxes.get(event.session) if event.session is not None else None
            caller = self._callers.get(event.session or "")
        if inbox is None or caller is None:
            # Like the daemon, we do not listen to a call that has ended.
            if isinstance(event, stdio.Complaint):
                self._notice("warning", f"The plugin complains: {event.text}")
        elif isinstance(event, stdio.SessionEvent) and _answerable(event):
            threading.Thread(target=self._reverse, args=(event, caller), daemon=True).start()
        else:
            inbox.put(event)

    def _tell_everyone(self, reason: StudioError) -> None:
        with self._lock:
            inboxes = list(self._inboxes.values())
        for inbox in inboxes:
            inbox.put(_Gone(reason))

    def _listens(self, session: str) -> bool:
        with self._lock:
            return session in self._inboxes

    def _reverse(self, event: stdio.SessionEvent, caller: Caller) -> None:
        """Answer one reverse call."""
        kind, request_id = event.data["type"], event.data["backwards_request_id"]

        def reply(what: str, message: str, data: Mapping[str, Any] | None) -> None:
            self._link.send(
                stdio.backwards_response(event.session, request_id, what, message, data)
            )

        denied = self.faults.refusal(kind) or refusal(kind, self.declaration.permissions)
        try:
            if denied is not None:
                raise PermissionError(denied)
            answers = self.answers.answer(kind, event.data["request"], caller)
            for message, data in answers:
                if not self._listens(event.session):
                    break  # its call is over: what makes the answers ends with them
                reply("response", message, data)
        except Exception as error:  # noqa: BLE001 - the plugin is told, as the daemon does
            self._notice("reverse", f"{kind}: {error}")
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


def _nobody(kind: str, text: str) -> None:
    """Notices for nobody."""


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


def _tool_failed(content: Mapping[str, Any]) -> ToolFailed:
    arguments = content.get("args")
    details = arguments if isinstance(arguments, dict) else {}
    text = str(content.get("message") or details.get("description") or "no message")
    # Several problems in one text keep their hints where they are.
    message, _, hint = text.partition(HINT_MARK) if text.count(HINT_MARK) == 1 else (text, "", "")
    return ToolFailed(
        str(content.get("error_type") or "Error"), message, hint, str(details.get("traceback", ""))
    )


def _copy(error: StudioError) -> StudioError:
    """The same error for each of several callers, so that tracebacks do not mix."""
    twin = error.__class__.__new__(error.__class__)
    twin.__dict__.update(error.__dict__)
    twin.args = error.args
    return twin
