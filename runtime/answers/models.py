"""Reverse calls to models, answered by any OpenAI-compatible endpoint.

The shapes are those that the daemon 0.6.10 hands on (pkg/entities/model_entities), and failures
are worded as Dify's API and its model plugins word them, so that a plugin sees what it would see
there. Completion parameters go to the endpoint as they are, except `response_format` and
`json_schema`, which Dify keeps as two texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from runtime.answers.embedding import Embedding
from runtime.answers.endpoint import Endpoint
from runtime.answers.llm import Llm
from runtime.answers.nodes import Nodes
from runtime.answers.ranking import Moderation, Rerank
from runtime.answers.reverse import Answer, Answerer, Caller
from runtime.answers.speech import listen, speak
from runtime.answers.spending import Say, Spending
from runtime.answers.structured import Structured

if TYPE_CHECKING:
    from runtime.settings import Settings

_OTHERS = ("rerank", "moderation", "tts", "speech2text")
Closing = list[Callable[[], None]]


def model_answers(
    settings: Settings, say: Say | None = None, closing: Closing | None = None
) -> dict[str, Answerer]:
    """Who answers calls to models, as the settings say.

    STUDIO_LLM_BASE_URL, STUDIO_LLM_API_KEY and STUDIO_LLM_MODEL name the endpoint of language
    models. The other kinds are asked for there too, with STUDIO_EMBEDDING_MODEL,
    STUDIO_RERANK_MODEL, STUDIO_MODERATION_MODEL, STUDIO_TTS_MODEL and STUDIO_SPEECH2TEXT_MODEL,
    unless they have a …_BASE_URL (and …_API_KEY) of their own.

    Args:
        settings: where these are read.
        say: told notices, as (kind, text).
        closing: gets what must be called at the end.
    """
    llm, embedding = endpoints(settings)
    others = {kind: endpoint_of(settings, kind) for kind in _OTHERS}
    return answerers(llm, embedding, others, say, closing)


def endpoints(settings: Settings) -> tuple[Endpoint, Endpoint]:
    """Where language models are, and where embedding models are; see `model_answers`."""
    return endpoint_of(settings, "llm"), endpoint_of(settings, "embedding")


def endpoint_of(settings: Settings, kind: str) -> Endpoint:
    """Where models of a kind are: llm, embedding, rerank, moderation, tts or speech2text."""
    own = settings.get(f"{kind}_base_url")
    of = kind if own else "llm"
    return Endpoint(
        settings.get(f"{of}_base_url") or "",
        settings.get(f"{of}_api_key") or "",
        settings.get(f"{kind}_model") or "",
        f"STUDIO_{of.upper()}_BASE_URL",
        f"STUDIO_{kind.upper()}_MODEL",
    )


def answerers(
    llm: Endpoint,
    embedding: Endpoint,
    others: Mapping[str, Endpoint] | None = None,
    say: Say | None = None,
    closing: Closing | None = None,
) -> dict[str, Answerer]:
    """Who answers calls to models with these endpoints; see `model_answers`."""
    tell = say or _silence
    spending = Spending(tell)
    language = Llm(llm, spending)
    structured = Structured(language)
    nodes = Nodes(language, structured)
    vectors = Embedding(embedding, spending, tell)
    if closing is not None:
        closing.append(vectors.close)
    at = {kind: (others or {}).get(kind, Endpoint()) for kind in _OTHERS}
    return {
        "llm": language.answer,
        "llm_structured_output": structured.answer,
        "system_summary": nodes.summarise,
        "node_parameter_extractor": nodes.extract,
        "node_question_classifier": nodes.classify,
        "text_embedding": vectors.answer,
        "multimodal_embedding": partial(_no_pictures, "embedding"),
        "rerank": Rerank(at["rerank"], spending).answer,
        "multimodal_rerank": partial(_no_pictures, "rerank"),
        "moderation": Moderation(at["moderation"], spending).answer,
        "tts": partial(speak, at["tts"]),
        "speech2text": partial(listen, at["speech2text"]),
    }


def _no_pictures(kind: str, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
    raise LookupError(
        f"invoke multimodal {kind} model failed: OpenAI-compatible endpoints have no multimodal "
        f"{kind} in common, so this local runtime does not answer these calls; run the tool "
        "inside Dify for that"
    )


def _silence(kind: str, text: str) -> None:
    """Notices for nobody."""
