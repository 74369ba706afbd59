"""The workspace's own models for nodes: the ports of `creative` over Dify's reverse calls.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here that are
handed the node's `Parameters`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.model import EmbeddingInputType
from dify_plugin.entities.model.llm import LLMModelConfig, LLMResultChunk, LLMUsage
from dify_plugin.entities.model.message import (
    AssistantPromptMessage,
    ImagePromptMessageContent,
    PromptMessage,
    PromptMessageContent,
    SystemPromptMessage,
    TextPromptMessageContent,
    UserPromptMessage,
)
from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, EngineRejected, InvalidInput, TooLarge
from creative.keywords import describe, vectors
from creative.language import (
    MAX_ANSWER_CHARACTERS,
    Completion,
    FormatRefused,
    HalfAnswer,
    Image,
    Message,
    PicturesRefused,
    RateLimited,
    failure,
    goes_in_circles,
)
from creative.steps import Step
from tools.adapter import Call, Parameters

_A_MODEL = 'a model as Dify\'s selector gives it, {"provider": …, "model": …}, or "provider/model"'
_ROLES: dict[str, type[PromptMessage]] = {
    "system": SystemPromptMessage,
    "user": UserPromptMessage,
    "assistant": AssistantPromptMessage,
}
MAX_LINE_BYTES = 4_900_000
"""Of a question: it is one line of the plugin's protocol, and one of 5 MB kills the plugin."""
_LOOK_EVERY = 500
"""Characters of an answer after which it is looked at whether it goes in circles."""
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
    if model is None:
        return None
    return describe.describer(model, call.deadline, language, call.settings.prompts)


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

    `complete` holds a model to a schema only where the user chose the response format
    `json_schema` in the model's settings: a model plugin refuses a format that its model does not
    have. `complete_held` leaves it to Dify, which knows what the model can do.
    """

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Send `messages` once; see the protocol.

        Raises:
            ModelRefused, RateLimited, PicturesRefused, FormatRefused, EngineRejected: in the words
                of the model's server.
            EngineUnavailable, DeadlineExceeded: no answer.
            HalfAnswer: one that broke off, or had no end.
            TooLarge: the question does not fit into a line of the protocol.
        """
        ask = self._session.model.llm.invoke
        prompt = self._prompt(messages)
        heard = _Heard(self.name)
        self._listen(lambda: ask(self._config(schema), prompt, stream=True), heard, deadline)
        return heard.completion()

    def complete_held(
        self, messages: Sequence[Message], deadline: Deadline, schema: Mapping[str, Any]
    ) -> Completion:
        """Send `messages` once, held to `schema` by Dify; see `creative.language.HoldsToSchema`.

        Raises:
            FormatRefused: Dify or the model refused before it began, for whatever reason; a plain
                question will tell.
            CreativeError: as `complete`.
        """
        ask = self._session.model.llm_structured_output.invoke
        prompt = self._prompt(messages)
        heard = _Held(self.name)
        config = self._config(None)
        try:
            self._listen(lambda: ask(config, prompt, dict(schema), stream=True), heard, deadline)
        except (RateLimited, PicturesRefused):
            raise
        except EngineRejected as error:
            # An answer of which nothing can be read was an answer: it is paid for.
            if not _unparsed(error):
                raise FormatRefused(self.name, error.message) from error
        except HalfAnswer as half:
            if not _unparsed(half.cause):
                raise
            # The answer is whole; only Dify could make no object of it.
        return heard.completion()

    def _listen(
        self,
        ask: Callable[[], Generator[LLMResultChunk, None, None]],
        heard: _Heard,
        deadline: Deadline,
    ) -> None:
        self._wait_no_longer(deadline)
        try:
            with contextlib.closing(ask()) as chunks:
                for chunk in chunks:
                    heard.add(chunk)
                    if heard.circling:
                        return
                    deadline.check(f"listening to {self.name}")
        except Exception as error:
            # The SDK raises a bare Exception with what Dify said, whatever it was.
            cause = (
                error
                if isinstance(error, CreativeError)
                else failure(self.name, str(error), deadline)
            )
            raise HalfAnswer(cause, heard.completion()) if heard.text else cause from error

    def _prompt(self, messages: Sequence[Message]) -> list[PromptMessage]:
        prompt = [_ROLES[message.role](content=_content(message)) for message in messages]
        size = sum(len(message.model_dump_json().encode()) for message in prompt)
        size += sum(5 * (len(m.text) - len(m.text.encode("ascii", "ignore"))) for m in messages)
        if size > MAX_LINE_BYTES:
            limit = f"{MAX_LINE_BYTES / 1e6:g} MB"
            raise TooLarge(f"the question for {self.name}", f"{size / 1e6:.1f} MB", limit)
        return prompt

    def _config(self, schema: Mapping[str, Any] | None) -> LLMModelConfig:
        settings = self._selected.get("completion_params")
        completion = dict(settings) if isinstance(settings, dict) else {}
        if completion.get("response_format") == "json_schema":
            if schema is None:
                del completion["response_format"]
            else:
                completion["json_schema"] = json.dumps({"name": "answer", "schema": schema})
        return LLMModelConfig(
            provider=self._selected["provider"],
            model=self._selected["model"],
            mode=str(self._selected.get("mode") or "chat"),
            completion_params=completion,
        )


def _content(message: Message) -> str | list[PromptMessageContent]:
    if not message.images:
        return message.text
    return [TextPromptMessageContent(data=message.text), *map(_picture, message.images)]


def _picture(image: Image) -> ImagePromptMessageContent:
    kind = image.mime_type.rpartition("/")[2]
    return ImagePromptMessageContent(
        format=kind,
        mime_type=image.mime_type,
        base64_data=base64.b64encode(image.data).decode(),
        filename=f"picture.{kind}",
        detail=ImagePromptMessageContent.DETAIL.HIGH,
    )


def _unparsed(cause: CreativeError) -> bool:
    """Whether Dify or the SDK says that a whole answer is no object."""
    said = cause.message.lower()
    return "parse structured output" in said or "failed to parse response" in said


class _Heard:
    """What has come of an answer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._usage: LLMUsage | None = None
        self._reason = ""
        self._looked = 0
        self.text = ""
        self.circling = False

    def add(self, chunk: LLMResultChunk) -> None:
        """Raises: AnswerInvalid, if there is no end to it."""
        self.text += chunk.delta.message.get_text_content()
        self._usage = chunk.delta.usage or self._usage
        self._reason = chunk.delta.finish_reason or self._reason
        if len(self.text) - self._looked >= _LOOK_EVERY:
            self._looked = len(self.text)
            self.circling = goes_in_circles(self.text)
        if len(self.text) > MAX_ANSWER_CHARACTERS:
            raise AnswerInvalid(
                self._name,
                f"it is longer than {MAX_ANSWER_CHARACTERS} characters and goes on",
                "Choose another model, or give it a limit of tokens.",
            )

    def completion(self) -> Completion:
        """All of it."""
        cut = self.circling or self._reason.lower() in {"length", "max_tokens"}
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


class _Held(_Heard):
    """What has come of an answer that Dify holds to a schema."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._spent: list[LLMUsage] = []
        self._object: Any = None

    def add(self, chunk: LLMResultChunk) -> None:
        """As for any answer; a repair has a usage of its own, and the object comes at the end."""
        super().add(chunk)
        if chunk.delta.usage:
            self._spent.append(chunk.delta.usage)
        self._object = getattr(chunk, "structured_output", None) or self._object

    def completion(self) -> Completion:
        """All of it, repairs included."""
        done = super().completion()
        if len(self._spent) > 1:
            prices = [price for used in self._spent if (price := _price(used.total_price))]
            done = done.model_copy(
                update={
                    "prompt_tokens": sum(used.prompt_tokens for used in self._spent),
                    "completion_tokens": sum(used.completion_tokens for used in self._spent),
                    "price": sum(prices) if prices else None,
                }
            )
        # Dify closes what was cut off, and would sell half a sentence as a whole one.
        ended = "{" not in self.text or self.text.rstrip("` \n").endswith(("}", "]"))
        value = dict(self._object) if ended and isinstance(self._object, Mapping) else None
        return done.model_copy(update={"value": value})


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
