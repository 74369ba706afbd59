"""Language models: `llm` calls, answered by an OpenAI-compatible endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from runtime.answers.chat import Collector, body_of
from runtime.answers.endpoint import Endpoint, events, is_stream, json_of, named, opened, told
from runtime.answers.reverse import Answer, Caller
from runtime.answers.spending import Spending

FAILED = "read llm model failed: request failed: "


class Llm:
    """Asks the endpoint of language models.

    Args:
        endpoint: where it is.
        spending: knows prices, and says which it does not know.
    """

    def __init__(self, endpoint: Endpoint, spending: Spending) -> None:
        self.endpoint = endpoint
        self._spending = spending

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """Chunks as the daemon sends them; the last one has the usage.

        Raises:
            ModelCallFailed: in Dify's words.
            ValueError: the request cannot be understood.
        """
        model = named(self.endpoint, request.get("model"), FAILED)
        with told(self.endpoint, model, FAILED):
            yield from (("stream", chunk) for chunk in self.chunks(request, model, caller))

    def chunks(
        self,
        request: Mapping[str, Any],
        model: str,
        caller: Caller,
        changes: Mapping[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The same, without the wrapping of failures.

        Args:
            request: of the reverse call.
            model: to ask the endpoint for.
            caller: told the usage.
            changes: fields of the endpoint's body that are other than the request says.
        """
        began = time.monotonic()
        body = {**body_of(request, model), **(changes or {})}
        price = self._spending.price(self.endpoint, model)
        collector = Collector(str(request.get("model") or model), price)
        with opened(self.endpoint, "chat/completions", body) as reply:
            if is_stream(reply):
                for event in events(reply):
                    yield from collector.add(event)
            else:
                yield from collector.whole(json_of(reply))
        last = collector.last(time.monotonic() - began)
        put, got = collector.tokens
        caller.on_usage("llm", model, put, got, price.paid(put, got), price.currency)
        yield last
