"""The workspace's own models for nodes: the ports of `creative` over Dify's reverse calls.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here that are
handed the node's `Parameters`.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.model import EmbeddingInputType
from dify_plugin.entities.model.llm import LLMModelConfig, LLMResultChunk, LLMUsage
from dify_plugin.entities.model.message import (
    AssistantPromptMessage,
    PromptMessage,
    SystemPromptMessage,
    UserPromptMessage,
)
from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, InvalidInput
from creative.keywords import describe, vectors
from creative.language import (
    MAX_ANSWER_CHARACTERS,
    Completion,
    HalfAnswer,
    Message,
    failure,
)
from creative.steps import Step
from tools.adapter import Call, Parameters

_A_MODEL = 'a model as Dify\'s selector gives it, {"provider": …, "model": …}, or "provider/model"'
_ROLES: dict[str, type[PromptMessage]] = {
    "system": SystemPromptMessage,
    "user": UserPromptMessage,
    "assistant": AssistantPromptMessage,
}
_PROVIDER_PARTS = 3
"""Parts of a provider's whole name: langgenius/openai/openai."""


def language_model(tool: Tool, parameters: Parameters, name: str) -> LanguageModel | None:
    """The language model that the parameter `name` selects, or None if it is not given.

    Raises:
        InvalidInput: the value selects nothing.
    """
    selected = _selected(parameters.raw(name), name)
    return None if selected is None else LanguageModel(tool, selected)


def embedding_model(tool: Tool, parameters: Parameters, name: str) -> EmbeddingModel | None:
    """The embedding model that the parameter `name` selects, or None if it is not given.

    Raises:
        InvalidInput: the value selects nothing.
    """
    selected = _selected(parameters.raw(name), name)
    return None if selected is None else EmbeddingModel(tool, selected)


def describer(
    tool: Tool, parameters: Parameters, call: Call, language: str = ""
) -> describe.Describer | None:
    """What names clusters with the parameter `model`; None if it is not given."""
    model = language_model(tool, parameters, "model")
    return None if model is None else describe.describer(model, call.deadline, language)


def embedder(
    tool: Tool, parameters: Parameters, call: Call
) -> Callable[[list[str], Step], Any] | None:
    """What makes vectors with the parameter `embedding_model`; None if it is not given."""
    model = embedding_model(tool, parameters, "embedding_model")
    return None if model is None else vectors.embedder(model, call.deadline)


def _selected(value: Any, name: str) -> dict[str, Any] | None:
    """What a selector's value says; its string twin may be JSON or "provider/model"."""
    given = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            given = json.loads(value)
    if isinstance(given, str):
        parts = given.strip().split("/")
        split = _PROVIDER_PARTS if len(parts) > _PROVIDER_PARTS else 1
        given = {"provider": "/".join(parts[:split]), "model": "/".join(parts[split:])}
    if given is None or given == {}:
        return None
    fine = isinstance(given, dict) and all(
        isinstance(given.get(key), str) and given[key].strip() for key in ("provider", "model")
    )
    if not fine:
        raise InvalidInput(name, value, _A_MODEL)
    return dict(given)


class _Reverse:
    """A model of the workspace, reached through the session that the node was called in."""

    def __init__(self, tool: Tool, selected: Mapping[str, Any]) -> None:
        self._session = tool.session
        self._longest = tool.session.max_invocation_timeout
        self._selected = selected
        self.name = str(selected["model"])

    def _wait_no_longer(self, deadline: Deadline) -> None:
        """The SDK gives up after so many seconds of silence, and cannot be interrupted before."""
        left = math.ceil(deadline.timeout(f"asking {self.name}"))
        self._session.max_invocation_timeout = min(self._longest, left)


class LanguageModel(_Reverse):
    """A language model of the workspace: `creative.language.LanguageModel`.

    A model is held to a schema only where the user chose the response format `json_schema` in
    the model's settings: a model plugin refuses a format that its model does not have.
    """

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Send `messages` once; see the protocol.

        Raises:
            ModelRefused, RateLimited, EngineRejected: in the words of the model's server.
            EngineUnavailable, DeadlineExceeded: no answer.
            HalfAnswer: one that broke off, or had no end.
        """
        self._wait_no_longer(deadline)
        prompt = [_ROLES[message.role](content=message.text) for message in messages]
        heard = _Heard(self.name)
        try:
            chunks = self._session.model.llm.invoke(self._config(schema), prompt, stream=True)
            with contextlib.closing(chunks):
                for chunk in chunks:
                    heard.add(chunk)
                    deadline.check(f"listening to {self.name}")
        except Exception as error:
            # The SDK raises a bare Exception with what Dify said, whatever it was.
            cause = (
                error
                if isinstance(error, CreativeError)
                else failure(self.name, str(error), deadline)
            )
            raise HalfAnswer(cause, heard.completion()) if heard.text else cause from error
        return heard.completion()

    def _config(self, schema: Mapping[str, Any] | None) -> LLMModelConfig:
        settings = self._selected.get("completion_params")
        completion = dict(settings) if isinstance(settings, dict) else {}
        if schema is not None and completion.get("response_format") == "json_schema":
            completion["json_schema"] = json.dumps({"name": "answer", "schema": schema})
        return LLMModelConfig(
            provider=self._selected["provider"],
            model=self._selected["model"],
            mode=str(self._selected.get("mode") or "chat"),
            completion_params=completion,
        )


class _Heard:
    """What has come of an answer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._usage: LLMUsage | None = None
        self._reason = ""
        self.text = ""

    def add(self, chunk: LLMResultChunk) -> None:
        """Raises: AnswerInvalid, if there is no end to it."""
        self.text += chunk.delta.message.get_text_content()
        self._usage = chunk.delta.usage or self._usage
        self._reason = chunk.delta.finish_reason or self._reason
        if len(self.text) > MAX_ANSWER_CHARACTERS:
            raise AnswerInvalid(
                self._name,
                f"it is longer than {MAX_ANSWER_CHARACTERS} characters and goes on",
                "Choose another model, or give it a limit of tokens.",
            )

    def completion(self) -> Completion:
        """It as a whole."""
        cut = self._reason.lower() in {"length", "max_tokens"}
        if self._usage is None:
            return Completion(text=self.text, cut=cut)
        return Completion(
            text=self.text,
            prompt_tokens=self._usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens,
            price=_price(self._usage.total_price),
            currency=self._usage.currency or "USD",
            cut=cut,
        )


class EmbeddingModel(_Reverse):
    """An embedding model of the workspace: `creative.keywords.vectors.EmbeddingModel`."""

    def __init__(self, tool: Tool, selected: Mapping[str, Any]) -> None:
        super().__init__(tool, selected)
        # A plugin's process serves many workspaces, and does not learn which one it is in: equal
        # names may be different models there. One user's calls reach the same one.
        user = tool.runtime.user_id
        self.scope = f"{user}\0{selected['provider']}" if user else ""

    def embed(self, texts: Sequence[str], deadline: Deadline) -> vectors.Embedded:
        """Send `texts` once; see the protocol.

        Raises:
            ModelRefused, RateLimited, EngineRejected: in the words of the model's server.
            EngineUnavailable, DeadlineExceeded: no answer.
        """
        self._wait_no_longer(deadline)
        config = TextEmbeddingModelConfig(
            provider=self._selected["provider"], model=self._selected["model"]
        )
        try:
            made = self._session.model.text_embedding.invoke(
                config, list(texts), EmbeddingInputType.DOCUMENT
            )
        except Exception as error:
            # The SDK raises a bare Exception with what Dify said, whatever it was.
            raise failure(self.name, str(error), deadline) from error
        return vectors.Embedded(
            vectors=made.embeddings,
            tokens=made.usage.total_tokens,
            price=_price(made.usage.total_price),
            currency=made.usage.currency or "USD",
        )


def _price(total: Any) -> float | None:
    """Dify says 0 where it does not know the price."""
    return float(total) or None
