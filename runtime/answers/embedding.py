"""Embedding models: `text_embedding` calls, answered by an endpoint or by the embedded model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from creative.errors import CreativeError
from runtime.answers import embedded
from runtime.answers.chat import ModelCallFailed
from runtime.answers.endpoint import (
    READ_SECONDS,
    Endpoint,
    Refused,
    count_of,
    json_of,
    named,
    opened,
    told,
)
from runtime.answers.prices import FREE, PER, Price, text_of
from runtime.answers.reverse import Answer, Caller
from runtime.answers.spending import Say, Spending

FAILED = "invoke text-embedding model failed: request failed: "
BATCH = 64
"""Texts that an endpoint gets at a time: llama.cpp and Text Embeddings Inference take no more
without being told so."""


class Embedding:
    """Makes vectors.

    Args:
        endpoint: where embedding models are; without an address, the embedded model answers.
        spending: knows prices.
        say: told once that the embedded model answers.
    """

    def __init__(self, endpoint: Endpoint, spending: Spending, say: Say) -> None:
        self._endpoint = endpoint
        self._spending = spending
        self._say = say
        self._said = False
        self._embedded = embedded.Embedded()

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """One struct with all vectors.

        Raises:
            ModelCallFailed: in Dify's words.
            ValueError: `texts` is no list of texts.
        """
        texts = request.get("texts")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(
                "unmarshal backwards invoke request failed: 'texts' expected a slice of strings"
            )
        began, asked = time.monotonic(), request.get("model")
        endpoint = self._endpoint
        if not endpoint.base_url or endpoint.model == embedded.NAME:
            model, tokens, price = embedded.NAME, 0, FREE
            vectors = self._at_home(texts, asked)
        else:
            model = named(endpoint, asked, FAILED)
            price = self._spending.price(endpoint, model)
            with told(endpoint, model, FAILED):
                vectors, tokens = _elsewhere(endpoint, model, texts)
        caller.on_usage("text_embedding", model, tokens, 0, price.paid(tokens, 0), price.currency)
        usage = _usage(tokens, price, time.monotonic() - began)
        yield "struct", {"model": str(asked or model), "embeddings": vectors, "usage": usage}

    def close(self) -> None:
        """End the embedded model's process."""
        self._embedded.close()

    def _at_home(self, texts: list[str], asked: object) -> list[list[float]]:
        if not self._said:
            self._said = True
            self._say(
                "reverse",
                f"text_embedding: the embedded model ({embedded.SHOWN}) stands in for {asked}; "
                "STUDIO_EMBEDDING_BASE_URL and STUDIO_EMBEDDING_MODEL name another.",
            )
        try:
            return self._embedded.vectors(texts, READ_SECONDS) if texts else []
        except CreativeError as error:
            raise ModelCallFailed(f"{FAILED}[{embedded.NAME}] {error}") from None


def _elsewhere(endpoint: Endpoint, model: str, texts: list[str]) -> tuple[list[list[float]], int]:
    """The vectors, and the tokens that they took."""
    vectors: list[list[float]] = []
    tokens = 0
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        content = _asked(endpoint, model, batch)
        made = vectors_in(content)
        # Dify hands on what came, and so do we; in several batches all that follows would shift.
        if len(made) != len(batch) and len(texts) > BATCH:
            raise ModelCallFailed(
                f"Error: the endpoint made {len(made)} embeddings of {len(batch)} texts"
            )
        vectors += made
        tokens += count_of(content.get("usage"), "total_tokens", "prompt_tokens")
    return vectors, tokens


def _asked(endpoint: Endpoint, model: str, texts: list[str]) -> dict[str, Any]:
    try:
        with opened(endpoint, "embeddings", {"model": model, "input": texts}) as reply:
            return json_of(reply)
    except Refused as refused:
        if refused.status not in {404, 501}:
            raise
        # A server of language models only, mostly.
        raise ModelCallFailed(
            f"{refused} (STUDIO_EMBEDDING_MODEL={embedded.NAME} takes the embedded model instead)"
        ) from None


def vectors_in(content: Mapping[str, Any]) -> list[list[float]]:
    """The vectors of an answer to `embeddings`, in the order of the texts.

    Raises:
        ModelCallFailed: it has none.
    """
    rows = content.get("data")
    fine = isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("embedding"), list) for row in rows
    )
    if not fine:
        raise ModelCallFailed("Error: the endpoint's answer has no embeddings")
    ordered = sorted(rows or [], key=lambda row: int(row.get("index") or 0))
    return [row["embedding"] for row in ordered]


def _usage(tokens: int, price: Price, seconds: float) -> dict[str, Any]:
    paid, _ = price.of(tokens, 0)
    return {
        "tokens": tokens,
        "total_tokens": tokens,
        "unit_price": text_of(price.input),
        "price_unit": text_of(PER),
        "total_price": text_of(paid),
        "currency": price.currency,
        "latency": seconds,
    }
