"""How many keywords somebody may cluster in a day: the setting `max_keywords_per_day`.

Counted in the memory of the plugin's process, per user and UTC day: a restart of the plugin
begins anew, and the local runtime, which starts the plugin for each command, never gets there.
It keeps a shared workspace fair; it is no accounting.
"""

from __future__ import annotations

import datetime
import threading

from creative.errors import TooLarge


class Quota:
    """What each user has had today."""

    def __init__(self) -> None:
        self._day = datetime.date.min
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def spend(
        self, user: str, count: int, per_day: int | None, today: datetime.date | None = None
    ) -> None:
        """Count `count` keywords of `user`; without a limit they are counted all the same.

        Args:
            user: whose day it is.
            count: keywords of this run, repeated ones too.
            per_day: the limit; None: there is none.
            today: the day; None: the present one, UTC.

        Raises:
            TooLarge: the run would be over the limit; it is not counted then.
        """
        day = today or datetime.datetime.now(datetime.UTC).date()
        with self._lock:
            if day != self._day:
                self._day, self._used = day, {}
            used = self._used.get(user, 0)
            if per_day is not None and used + count > per_day:
                raise TooLarge(
                    "keywords: this list with those of today",
                    f"{used + count} keywords long ({used} were clustered today)",
                    f"{per_day} keywords a day",
                    "Go on tomorrow (UTC), or raise the setting max_keywords_per_day.",
                )
            self._used[user] = used + count


QUOTA = Quota()
"""That of this process."""
