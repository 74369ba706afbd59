"""What can go wrong in the local runtime.

    StudioError             exit code 1
    ├── UsageError          exit code 2: the command line asks for something impossible
    ├── PackageInvalid      a plugin or package that Dify would refuse: a list of findings
    ├── PluginStartFailed   the plugin's process never became ready
    ├── PluginDied          the plugin's process ended while calls were in flight
    ├── LimitExceeded       one of the daemon's limits, by the daemon's name for it
    ├── ProtocolViolation   the plugin sent what the daemon would not understand
    ├── ToolFailed          the tool itself raised an error
    └── WorkflowInvalid     a workflow file or its inputs cannot be used

Each message is one clear sentence about what happened; `hint` says what to do.
"""

from __future__ import annotations


class StudioError(Exception):
    """Base of the tree; `message` and `hint` are for people."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class UsageError(StudioError):
    """An unknown tool or parameter, a wrong type, a missing input, a missing file."""

    exit_code = 2


class PackageInvalid(StudioError):
    """A plugin folder or package that breaks a rule of Dify's."""


class PluginStartFailed(StudioError):
    """The process ended or fell silent before its first heartbeat."""


class PluginDied(StudioError):
    """The process ended while calls were in flight."""


class LimitExceeded(StudioError):
    """A limit that the daemon enforces; `limit` is the daemon's name for it."""

    def __init__(self, limit: str, message: str, hint: str = "") -> None:
        self.limit = limit
        super().__init__(f"{message} ({limit})", hint)


class ProtocolViolation(StudioError):
    """A message of the plugin that the daemon would drop or end the session for."""


class ToolFailed(StudioError):
    """The tool raised.

    Args:
        error_type: the exception's class name in the plugin.
        message: what the tool said.
        hint: what the tool said to do.
        traceback: the plugin's traceback, for `--verbose`.
    """

    def __init__(self, error_type: str, message: str, hint: str = "", traceback: str = "") -> None:
        self.error_type = error_type
        self.traceback = traceback
        super().__init__(message, hint)


class WorkflowInvalid(StudioError):
    """A workflow file, or a start input, that cannot be run."""

    exit_code = 2
