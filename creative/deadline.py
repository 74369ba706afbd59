"""Deadline: the one clock of a call.

Dify's daemon ends a call after PLUGIN_MAX_EXECUTION_TIMEOUT (600 s by default, absolute); a
plugin can neither raise nor read that. So a call takes the smaller of its own
`timeout_seconds` and the provider's `max_seconds`, and everything below is handed this one
object: nothing else invents a time-out.
"""

from __future__ import annotations

import time

from creative.errors import DeadlineExceeded, InvalidInput

DEFAULT_MAX_SECONDS = 570.0
"""Under the daemon's 600 s, with room to hand over the result."""


class Deadline:
    """A point in time that a call must not pass.

    Args:
        seconds: how long from now, in seconds; more than 0.
        limit: the name of the limit, for the error.
        who: who can raise it and how, for the error.
    """

    def __init__(
        self,
        seconds: float,
        limit: str = "timeout_seconds",
        who: str = "Raise timeout_seconds.",
    ) -> None:
        self.seconds = seconds
        self.limit = limit
        self.who = who
        self._end = time.monotonic() + seconds

    @classmethod
    def for_call(
        cls,
        timeout_seconds: float | None = None,
        max_seconds: float | None = None,
        default: float = 120.0,
    ) -> Deadline:
        """The deadline of a tool call: `timeout_seconds` (or `default`), clamped to `max_seconds`.

        Raises:
            InvalidInput: `timeout_seconds` or `max_seconds` is 0 or less.
        """
        ceiling = DEFAULT_MAX_SECONDS if max_seconds is None else max_seconds
        asked = default if timeout_seconds is None else timeout_seconds
        if ceiling <= 0:
            raise InvalidInput("max_seconds", max_seconds, "more than 0 seconds")
        if asked <= 0:
            raise InvalidInput("timeout_seconds", timeout_seconds, "more than 0 seconds")
        if asked > ceiling:
            return cls(
                ceiling,
                "the plugin setting max_seconds",
                "Raise max_seconds in the plugin's settings; above 600 s, Dify's administrator "
                "must raise PLUGIN_MAX_EXECUTION_TIMEOUT and PLUGIN_DAEMON_TIMEOUT too.",
            )
        return cls(asked, "timeout_seconds", f"Raise timeout_seconds (up to {ceiling:g} s).")

    def remaining(self) -> float:
        """Seconds left; 0 when there are none."""
        return max(0.0, self._end - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    def check(self, doing: str) -> None:
        """Raise DeadlineExceeded, naming what was going on, if no time is left."""
        if self.expired:
            raise self.error(doing)

    def error(self, doing: str) -> DeadlineExceeded:
        """The error for running out of time while `doing` something (not raised)."""
        return DeadlineExceeded(doing, self.seconds, self.limit, self.who)

    def timeout(self, doing: str, most: float | None = None) -> float:
        """Seconds that one blocking step may take: what is left, at most `most`.

        Raises:
            DeadlineExceeded: nothing is left.
        """
        self.check(doing)
        left = self.remaining()
        return left if most is None else min(left, most)

    def sleep(self, seconds: float, doing: str) -> None:
        """Sleep `seconds`, or raise DeadlineExceeded as soon as the deadline passes."""
        time.sleep(min(seconds, self.timeout(doing)))
        self.check(doing)
