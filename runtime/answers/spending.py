"""Prices for calls, and a word where none is known."""

from __future__ import annotations

import threading
from collections.abc import Callable

from runtime.answers.endpoint import Endpoint
from runtime.answers.prices import Price, price_of

Say = Callable[[str, str], None]
"""Told (kind, text), as `runtime.host.Host`'s on_notice is."""


class Spending:
    """Knows what models cost; says once for each model that nobody knows.

    Args:
        say: told so.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def price(self, endpoint: Endpoint, model: str) -> Price:
        """The price of a model at an endpoint."""
        price = price_of(endpoint.base_url, model)
        if not price.known:
            with self._lock:
                news = model not in self._said
                self._said.add(model)
            if news:
                self._say("reverse", f"No price is known for {model}; its cost counts as 0.")
        return price
