"""Host: one plugin, warm, with many calls in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.answers.reverse import Answers, OnUsage
from runtime.declaration import Plugin, Provider, Tool
from runtime.errors import ProtocolViolation, UsageError
from runtime.host.calls import HINT_MARK, Calls
from runtime.host.chunks import ChunkMerger, whole_blob
from runtime.host.faults import Faults
from runtime.host.limits import Limits
from runtime.host.link import Ears, Link, Linking
from runtime.host.messages import Message, tool_message
from runtime.host.parameters import closest
from runtime.host.process import PluginProcess

__all__ = ["HINT_MARK", "Host"]


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
        self._python = python
        self._process: PluginProcess | None = None
        self._calls = Calls(
            declaration,
            self.limits,
            answers or Answers(),
            self.faults,
            on_notice or _nobody,
            self.faults.linking(link or self._own_process),
        )

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process, if it does not run, and return at once."""
        self._calls.link.start()

    def wait_ready(self) -> None:
        """Start the process, if it does not run, and wait for its first heartbeat.

        Raises:
            PluginStartFailed: it does not become ready.
        """
        self._calls.wait_ready()

    def stop(self) -> None:
        """End the process and everything that it started."""
        self._calls.link.stop()

    @property
    def answers(self) -> Answers:
        """Who answers reverse calls."""
        return self._calls.answers

    @answers.setter
    def answers(self, answers: Answers) -> None:
        self._calls.answers = answers

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
            "credentials": self._given(provider, credentials),
            "credential_type": "api-key",
        }
        files = ChunkMerger(self.limits)
        for payload in self._calls.call(data, timeout, on_usage):
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
            self._calls.notice(
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
        for provider in self.declaration.providers:
            data = {
                "type": "tool",
                "action": "validate_tool_credentials",
                "provider": provider.identity.name,
                "credentials": self._given(provider, credentials),
            }
            payloads = list(self._calls.call(data, None))
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
            "credentials": self._given(provider, credentials),
            "credential_type": "api-key",
        }
        choices: list[dict[str, Any]] = []
        for payload in self._calls.call(data, None):
            choices.extend(payload.get("options") or [])
        return choices

    # --- inside ------------------------------------------------------------------------

    def _given(self, provider: Provider, credentials: Mapping[str, Any] | None) -> dict[str, Any]:
        return provider.with_defaults(self.credentials if credentials is None else credentials)

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


def _nobody(kind: str, text: str) -> None:
    """Notices for nobody."""
