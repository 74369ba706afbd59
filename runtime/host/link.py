"""What a host speaks to: a plugin's own process, or a plugin that somebody else started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runtime.errors import StudioError
from runtime.host.stdio import Complaint, SessionEvent


class Link(Protocol):
    """A way to a plugin."""

    def start(self) -> None:
        """Begin to connect and return at once."""

    def wait_ready(self, seconds: float | None = None) -> None:
        """Wait until calls can be sent.

        Raises:
            PluginStartFailed, PluginDied: there is no plugin.
        """

    def send(self, line: bytes) -> None:
        """Queue a line for the plugin; its calls are told if it never arrives."""

    def kill(self, reason: StudioError) -> None:
        """End the plugin's process because of `reason`, which its calls are told."""

    def cut(self, reason: StudioError) -> None:
        """Let go of the plugin in the middle of its calls, which are told `reason`."""

    def stop(self) -> None:
        """End the link and everything that was started for it."""


@dataclass(frozen=True)
class Ears:
    """Who listens at the near end of a link; called in threads of the link.

    Attributes:
        deliver: takes what belongs to a call.
        tell_everyone: told why all open calls are over.
        notice: told (kind, text) of everything else worth a line.
    """

    deliver: Callable[[SessionEvent | Complaint], None]
    tell_everyone: Callable[[StudioError], None]
    notice: Callable[[str, str], None]


Linking = Callable[[Ears], Link]
"""Makes the link of a host."""
