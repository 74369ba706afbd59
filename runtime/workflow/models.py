"""Language models for the nodes that ask them: llm, question-classifier, parameter-extractor.

Every model that a node names is asked of the configured OpenAI-compatible endpoint, through the
same answers that plugins get to their reverse calls; only the endpoint's STUDIO_LLM_MODEL, if
set, stands in for the name.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from graphon.file.enums import FileTransferMethod, FileType
from graphon.file.models import File
from graphon.model_runtime.entities.common_entities import I18nObject
from graphon.model_runtime.entities.llm_entities import (
    LLMMode,
    LLMResult,
    LLMResultChunk,
    LLMResultChunkWithStructuredOutput,
    LLMResultWithStructuredOutput,
    LLMUsage,
)
from graphon.model_runtime.entities.message_entities import (
    AssistantPromptMessage,
    PromptMessage,
    PromptMessageTool,
    UserPromptMessage,
)
from graphon.model_runtime.entities.model_entities import (
    AIModelEntity,
    FetchFrom,
    ModelFeature,
    ModelPropertyKey,
    ModelType,
)
from graphon.nodes.llm.entities import ModelConfig

from runtime.answers.chat import ModelCallFailed
from runtime.answers.reverse import Answers, Caller
from runtime.declaration import Plugin
from runtime.workflow.store import FileStore

CONTEXT_TOKENS = 128_000
"""An endpoint does not say how long its context is; it refuses what is too long itself."""
_FEATURES = [ModelFeature.VISION, ModelFeature.STRUCTURED_OUTPUT, ModelFeature.DOCUMENT]


class ModelFailed(ValueError):
    """A model did not answer; graphon fails the node with what it says."""


class Model:
    """graphon's `LLMProtocol` over our answers.

    Args:
        answers: who asks models.
        config: of the node: provider, name, mode, completion_params.
        stopped: whether the run has been stopped.
    """

    def __init__(self, answers: Answers, config: ModelConfig, stopped: Callable[[], bool]) -> None:
        self._answers = answers
        self._stopped = stopped
        self._config = config
        self._parameters = dict(config.completion_params)
        self._stop = self._parameters.pop("stop", None) or None
        self._caller = Caller(
            Plugin.model_validate({"author": "dify", "name": "workflow", "version": "0.0.0"})
        )

    @property
    def provider(self) -> str:
        """As the node names it."""
        return self._config.provider

    @property
    def model_name(self) -> str:
        """As the node names it."""
        return self._config.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The completion parameters."""
        return self._parameters

    @parameters.setter
    def parameters(self, value: Mapping[str, Any]) -> None:
        self._parameters = dict(value)

    @property
    def stop(self) -> Sequence[str] | None:
        """Texts at which the model stops."""
        return self._stop

    def get_model_schema(self) -> AIModelEntity:
        """What the model can: text and pictures in, answers held to a schema out.

        Calling tools is left out, so that parameters are extracted by asking for JSON, which
        every endpoint can.
        """
        return AIModelEntity(
            model=self.model_name,
            label=I18nObject.model_validate({"en_US": self.model_name}),
            model_type=ModelType.LLM,
            features=_FEATURES,
            fetch_from=FetchFrom.CUSTOMIZABLE_MODEL,
            model_properties={
                ModelPropertyKey.MODE: LLMMode.CHAT.value,
                ModelPropertyKey.CONTEXT_SIZE: CONTEXT_TOKENS,
            },
        )

    def get_llm_num_tokens(self, prompt_messages: Sequence[PromptMessage]) -> int:
        """A guess: four characters a token."""
        return sum(len(message.get_text_content()) for message in prompt_messages) // 4

    def invoke_llm(
        self,
        *,
        prompt_messages: Sequence[PromptMessage],
        model_parameters: Mapping[str, Any],
        tools: Sequence[PromptMessageTool] | None,
        stop: Sequence[str] | None,
        stream: bool,
    ) -> Any:
        """Ask; chunks if `stream`, else the whole answer.

        Raises:
            ModelFailed: no endpoint, or what it said.
        """
        request = self._request(prompt_messages, model_parameters, stop)
        if tools:
            request["tools"] = [tool.model_dump(mode="json") for tool in tools]
        chunks = self._chunks("llm", request)
        return chunks if stream else _whole(list(chunks), prompt_messages)

    def invoke_llm_with_structured_output(
        self,
        *,
        prompt_messages: Sequence[PromptMessage],
        json_schema: Mapping[str, Any],
        model_parameters: Mapping[str, Any],
        stop: Sequence[str] | None,
        stream: bool,
    ) -> Any:
        """The same, held to a schema."""
        request = self._request(prompt_messages, model_parameters, stop)
        request["structured_output_schema"] = dict(json_schema)
        chunks = self._chunks("llm_structured_output", request)
        if stream:
            return chunks
        collected = list(chunks)
        whole = _whole(collected, prompt_messages)
        found = getattr(collected[-1], "structured_output", None)
        return LLMResultWithStructuredOutput(**dict(whole), structured_output=found)

    def is_structured_output_parse_error(self, error: Exception) -> bool:
        """Answers that are not of the schema fail as other answers do."""
        return False

    def _request(
        self,
        messages: Sequence[PromptMessage],
        parameters: Mapping[str, Any],
        stop: Sequence[str] | None,
    ) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "model": self.model_name,
            "model_type": "llm",
            "mode": "chat",
            "completion_params": {k: v for k, v in parameters.items() if k != "stop"},
            "prompt_messages": [message.model_dump(mode="json") for message in messages],
            "stop": list(stop or ()),
            "stream": True,
        }

    def _chunks(
        self, kind: str, request: Mapping[str, Any]
    ) -> Generator[LLMResultChunk | LLMResultChunkWithStructuredOutput, None, None]:
        shape = LLMResultChunkWithStructuredOutput if "structured" in kind else LLMResultChunk
        try:
            for _, chunk in self._answers.answer(kind, request, self._caller):
                if self._stopped():
                    raise ModelFailed("The run has been stopped.")
                yield shape.model_validate(chunk)
        except (ModelCallFailed, LookupError) as error:
            raise ModelFailed(str(error)) from error


def _whole(chunks: Sequence[LLMResultChunk], prompt_messages: Sequence[PromptMessage]) -> LLMResult:
    if not chunks:
        raise ModelFailed("The model answered nothing.")
    usage = next((c.delta.usage for c in reversed(chunks) if c.delta.usage), None)
    calls = [call for chunk in chunks for call in chunk.delta.message.tool_calls]
    text = "".join(chunk.delta.message.get_text_content() for chunk in chunks)
    return LLMResult(
        model=chunks[-1].model,
        prompt_messages=list(prompt_messages),
        message=AssistantPromptMessage(content=text, tool_calls=calls),
        usage=usage or LLMUsage.empty_usage(),
    )


class History:
    """What was said before; graphon's `PromptMessageMemory`.

    Args:
        turns: (query, answer) of each turn.
    """

    def __init__(self, turns: Sequence[tuple[str, str]]) -> None:
        self._turns = turns

    def get_history_prompt_messages(
        self, max_token_limit: int = 2000, message_limit: int | None = None
    ) -> Sequence[PromptMessage]:
        """The last turns that fit, oldest first; four characters count as a token."""
        room = max_token_limit * 4
        kept: list[PromptMessage] = []
        for query, answer in reversed(
            self._turns[-message_limit:] if message_limit else self._turns
        ):
            room -= len(query) + len(answer)
            if room < 0:
                break
            kept[:0] = [UserPromptMessage(content=query), AssistantPromptMessage(content=answer)]
        return kept


class Serializer:
    """What a node shows of its prompts; nobody reads it here."""

    def serialize(self, *, model_mode: LLMMode, prompt_messages: Sequence[PromptMessage]) -> Any:
        """The prompts as plain data."""
        return [message.model_dump(mode="json") for message in prompt_messages]


class Saver:
    """Keeps the pictures that a model answers with; graphon's `LLMFileSaver`.

    Args:
        store: of the run.
    """

    def __init__(self, store: FileStore) -> None:
        self._store = store

    def save_binary_string(
        self,
        data: bytes,
        mime_type: str,
        file_type: FileType,
        extension_override: str | None = None,
    ) -> File:
        """A file with these bytes."""
        extension = extension_override or mimetypes.guess_extension(mime_type) or ""
        id = self._store.put(data, mime_type, f"answer{extension}")
        return self._store.file(id, FileTransferMethod.TOOL_FILE, str(file_type))

    def save_remote_url(self, url: str, file_type: FileType) -> File:
        """A file with what lies at `url`."""
        response = self._store.http_get(url)
        response.raise_for_status()
        mime = response.headers.get("content-type", "").partition(";")[0].strip()
        return self.save_binary_string(response.content, mime, file_type)
