"""Rerank and moderation models, answered by an endpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from runtime.answers.chat import ModelCallFailed
from runtime.answers.endpoint import Endpoint, count_of, json_of, named, opened, told
from runtime.answers.reverse import Answer, Caller
from runtime.answers.spending import Spending

RERANK_FAILED = "invoke rerank model failed: request failed: "
_LOGIT = 60.0
"""Beyond it a score is 0 or 1 in every digit."""
MODERATION_FAILED = "invoke moderation model failed: request failed: "


class Rerank:
    """Orders documents by a query: POST rerank, as Jina, Cohere, vLLM and llama.cpp have it.

    Args:
        endpoint: where rerank models are.
        spending: knows prices.
    """

    def __init__(self, endpoint: Endpoint, spending: Spending) -> None:
        self._endpoint = endpoint
        self._spending = spending

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """{"model", "docs": [{"index", "text", "score"}]}, the best first, at most `top_n`, none
        under `score_threshold`.

        Raises:
            ModelCallFailed: in Dify's words.
            ValueError: `docs` is no list of texts.
        """
        docs, query = request.get("docs"), request.get("query")
        if not isinstance(docs, list) or not all(isinstance(text, str) for text in docs):
            raise ValueError(
                "unmarshal backwards invoke request failed: 'docs' expected a slice of strings"
            )
        asked = request.get("model")
        model = named(self._endpoint, asked, RERANK_FAILED)
        ranked: list[dict[str, Any]] = []
        if docs:  # Dify's model plugins do not ask for nothing either
            body = {"model": model, "query": query, "documents": docs, "top_n": len(docs)}
            with told(self._endpoint, model, RERANK_FAILED):
                with opened(self._endpoint, "rerank", body) as reply:
                    content = json_of(reply)
                ranked = _ranked(content, docs)
            price = self._spending.price(self._endpoint, model)
            tokens = count_of(content.get("usage"), "total_tokens", "prompt_tokens")
            paid = price.paid(tokens, 0)
            caller.on_usage("rerank", model, tokens, 0, paid, price.currency)
        least, most = request.get("score_threshold"), request.get("top_n")
        if isinstance(least, int | float):
            ranked = [doc for doc in ranked if doc["score"] >= least]
        if isinstance(most, int) and most > 0:
            ranked = ranked[:most]
        yield "struct", {"model": str(asked or model), "docs": ranked}


def _ranked(content: Mapping[str, Any], docs: list[str]) -> list[dict[str, Any]]:
    """The documents of an answer, the best first. vLLM and Jina call the list `results`, Voyage
    `data`; the score is `relevance_score`, or `score` with Text Embeddings Inference.

    llama.cpp gives raw logits: scores outside 0 to 1 are brought there, so that a threshold means
    something. (The SDK's class for such endpoints stretches every list to 0 to 1 instead, where
    the worst document of a good list counts as 0.)
    """
    rows = content.get("results") or content.get("data") or []
    found: list[dict[str, Any]] = []
    for row in rows if isinstance(rows, list) else []:
        index = row.get("index") if isinstance(row, dict) else None
        score = row.get("relevance_score", row.get("score")) if isinstance(row, dict) else None
        if not isinstance(index, int) or not isinstance(score, int | float):
            raise ModelCallFailed("Error: the endpoint's answer has a row without index or score")
        if not 0 <= index < len(docs):
            raise ModelCallFailed(f"Error: the endpoint's answer ranks a document {index}")
        found.append({"index": index, "text": docs[index], "score": float(score)})
    if not found:
        raise ModelCallFailed("Error: the endpoint's answer has no results")
    if any(not 0 <= doc["score"] <= 1 for doc in found):
        for doc in found:
            doc["score"] = 1 / (1 + math.exp(-max(-_LOGIT, min(_LOGIT, doc["score"]))))
    return sorted(found, key=lambda doc: doc["score"], reverse=True)


class Moderation:
    """Says whether a text breaks rules: POST moderations, as OpenAI has it.

    Args:
        endpoint: where moderation models are.
        spending: knows prices.
    """

    def __init__(self, endpoint: Endpoint, spending: Spending) -> None:
        self._endpoint = endpoint
        self._spending = spending

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """{"result": true} if the text is flagged.

        Raises:
            ModelCallFailed: in Dify's words.
        """
        model = named(self._endpoint, request.get("model"), MODERATION_FAILED)
        body = {"model": model, "input": str(request.get("text") or "")}
        with told(self._endpoint, model, MODERATION_FAILED):
            with opened(self._endpoint, "moderations", body) as reply:
                rows = json_of(reply).get("results")
            if not isinstance(rows, list) or not rows:
                raise ModelCallFailed("Error: the endpoint's answer has no results")
        price = self._spending.price(self._endpoint, model)
        caller.on_usage("moderation", model, 0, 0, price.paid(0, 0), price.currency)
        flagged = any(isinstance(row, dict) and row.get("flagged") is True for row in rows)
        yield "struct", {"result": flagged}
