"""The language-model port: a question in, a validated pydantic object out.

`LanguageModel` is what a host offers (tools.models for Dify); `ask` is what the verbs use.

- Nothing that may have been billed is sent again: a transport error ends the call. `ask` sends a
  second, different request when an answer cannot be used, and tells the model why.
- What a call cost is added to its step, whatever becomes of the answer.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
    shorten,
)
from creative.http import redact_text
from creative.loose_json import objects, without_thinking
from creative.steps import Step

MAX_ANSWER_CHARACTERS = 400_000
"""A model that goes on and on is not listened to any longer."""
_SHOWN = 4000
"""Characters of a useless answer that are sent back with what is wrong with it."""
_SPENDING = threading.Lock()


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    text: str


class Completion(BaseModel):
    """What a model answered."""

    model_config = ConfigDict(frozen=True)

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float | None = Field(None, description="in `currency`; None where it is not known")
    currency: str = "USD"
    cut: bool = Field(False, description="it ended at the model's limit of tokens")


class LanguageModel(Protocol):
    """A language model that somebody offers."""

    @property
    def name(self) -> str:
        """What to call it in front of people."""

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Send `messages` once.

        Args:
            messages: system, user and assistant messages.
            deadline: the call's clock.
            schema: JSON schema that the answer should have; used where the model can be held
                to one, and ignored elsewhere.

        Raises:
            HalfAnswer: the answer began and broke off.
            CreativeError: whatever kept the model from answering.
        """


class ModelRefused(EngineRejected):
    """A model that will refuse every other call too: no permission, key or such model."""


class RateLimited(EngineRejected):
    """A refusal that time heals; nothing was done or billed."""


class HalfAnswer(CreativeError):
    """An answer broke off: the line, the host or the clock ended it.

    Args:
        cause: why.
        completion: what had come until then.
    """

    def __init__(self, cause: CreativeError, completion: Completion) -> None:
        self.cause = cause
        self.completion = completion
        super().__init__(cause.message, cause.hint)


@dataclass(frozen=True)
class Answer[S: BaseModel]:
    """A usable answer.

    Attributes:
        value: validated.
        cut: it broke off or ended at the model's limit of tokens; `value` is what was complete.
    """

    value: S
    cut: bool = False


def ask[S: BaseModel](
    model: LanguageModel,
    messages: Sequence[Message],
    schema: type[S],
    deadline: Deadline,
    step: Step,
    *,
    partial: bool = False,
) -> Answer[S]:
    """Ask for JSON and validate it; ask once more if it cannot be used.

    Args:
        model: who is asked.
        messages: the question; the schema is added to the first one.
        schema: what the answer must be.
        deadline: the call's clock.
        step: told what the answers cost.
        partial: whether an answer that was cut off, or broke off, is taken as far as it is
            complete.

    Raises:
        AnswerInvalid: neither answer can be used; the error says why and how it begins.
        CreativeError: whatever kept the model from answering.
    """
    wanted = schema.model_json_schema()
    conversation = [_with_schema(messages[0], wanted), *messages[1:]]
    try:
        completion = _completed(model, conversation, wanted, deadline, step)
        return _read(completion, schema, partial)
    except HalfAnswer as half:
        return _rest_of(half, schema, partial)
    except _Useless as problem:
        begins = without_thinking(completion.text).strip()[:_SHOWN]
        conversation += [
            Message(role="assistant", text=begins or "(nothing)"),
            Message(
                role="user",
                text=f"That cannot be used: {problem}. Answer again with the JSON object only.",
            ),
        ]
    try:
        completion = _completed(model, conversation, wanted, deadline, step)
        return _read(completion, schema, partial)
    except HalfAnswer as half:
        return _rest_of(half, schema, partial)
    except _Useless as problem:
        begins = shorten(redact_text(without_thinking(completion.text)), 160) or "(empty)"
        raise AnswerInvalid(
            model.name,
            f"twice it was not what was asked for ({problem}); it begins: {begins}",
            "Choose a model that follows instructions better, or raise its limit of tokens if "
            "the answer was cut off.",
        ) from None


class _Useless(Exception):
    """Why an answer cannot be used, in words for the model."""


def _with_schema(first: Message, schema: Mapping[str, Any]) -> Message:
    shown = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    text = (
        f"{first.text}\n\nAnswer with one JSON object and nothing else: no explanation, no "
        f"markdown. It must match this JSON schema: {shown}"
    )
    return Message(role=first.role, text=text)


def _completed(
    model: LanguageModel,
    messages: Sequence[Message],
    schema: Mapping[str, Any],
    deadline: Deadline,
    step: Step,
) -> Completion:
    deadline.check(f"asking {model.name}")
    try:
        done = model.complete(messages, deadline, schema)
    except HalfAnswer as half:
        _spent(half.completion, step)
        raise
    _spent(done, step)
    return done


def _spent(done: Completion, step: Step) -> None:
    with _SPENDING:  # several calls may share a step
        step.spent(done.price, done.prompt_tokens + done.completion_tokens, done.currency)


def _rest_of[S: BaseModel](half: HalfAnswer, schema: type[S], partial: bool) -> Answer[S]:
    """What is complete of an answer that broke off: it was paid for."""
    try:
        if partial:
            value = _read(half.completion, schema, partial).value
            return Answer(value, cut=True)
    except _Useless:
        pass  # nothing in it is complete: what ended it is what there is to tell
    raise half.cause from None


def _read[S: BaseModel](completion: Completion, schema: type[S], partial: bool) -> Answer[S]:
    """Raises: _Useless."""
    problem = ""
    for value in objects(completion.text, partial):
        try:
            return Answer(schema.model_validate(_shaped(value, schema)), completion.cut)
        except ValidationError as error:
            problem = problem or _told(error)
    if completion.cut:
        raise _Useless("it was cut off at the limit of tokens; answer shorter")
    raise _Useless(problem or "there is no JSON object in it")


def _shaped(value: Any, schema: type[BaseModel]) -> Any:
    """A bare array is put into the one array that the schema has."""
    fields = list(schema.model_fields.items())
    if isinstance(value, list) and len(fields) == 1:
        return {fields[0][1].alias or fields[0][0]: value}
    return value


def _told(error: ValidationError) -> str:
    told = [
        f"{'.'.join(str(part) for part in one['loc']) or 'the object'}: {one['msg']}"
        for one in error.errors()[:5]
    ]
    return shorten("; ".join(told), 400)


def _refused(model: str, said: str, hint: str) -> CreativeError:
    return ModelRefused(model, said, hint=hint)


def _limited(model: str, said: str, hint: str) -> CreativeError:
    return RateLimited(model, said, hint=hint)


def _rejected(model: str, said: str, hint: str) -> CreativeError:
    return EngineRejected(model, said, hint=hint)


def _unavailable(model: str, said: str, hint: str) -> CreativeError:
    return EngineUnavailable(model, shorten(said, 500).rstrip("."), hint)


def _unreadable(model: str, said: str, hint: str) -> CreativeError:
    return AnswerInvalid(model, shorten(said, 500).rstrip("."), hint)


# The first rule that fits counts. Limits per minute and used-up accounts both come as 429 and
# speak of quotas.
_RULES: tuple[tuple[str, Callable[[str, str, str], CreativeError], str], ...] = (
    (
        r"permission denied",
        _refused,
        "This build of the plugin may not use models of this kind: install the released package, "
        "whose manifest asks for it.",
    ),
    (
        r"credentials? (is|are) not (initialized|provided|set)|incorrect model credentials|"
        r"invalid.{0,12}(api.?key|token|credential)|incorrect api key|unauthori[sz]ed|"
        r"authentication|\b40[13]\b|forbidden",
        _refused,
        "Set up the model's provider: in Dify under Settings, Model Provider; for the local "
        "runtime with STUDIO_LLM_BASE_URL and STUDIO_LLM_API_KEY.",
    ),
    (
        r"provider .{0,80}(not exist|not found)|model .{0,80}(not exist|not found|not support)|"
        r"no such model|unknown model|\b404\b",
        _refused,
        "Choose a model that the workspace has.",
    ),
    (
        r"per (second|minute|day)|rate.?limit (was )?(reached|exceeded)|too many requests|"
        r"overloaded",
        _limited,
        "Wait a little, or choose a model with a higher limit.",
    ),
    (
        r"quota|insufficient|billing|credit",
        _rejected,
        "The model's account has no credit left: top it up or choose another model.",
    ),
    (
        r"rate.?limit|\b429\b",
        _limited,
        "Wait a little, or choose a model with a higher limit.",
    ),
    (
        r"context.{0,12}(length|window|size)|maximum.{0,20}tokens|too many tokens|too long|"
        r"batch.?size|too large",
        _rejected,
        "Choose a model that takes more at once.",
    ),
    (
        r"failed to parse response",
        _unreadable,
        "Try again; if it happens again, the plugin's SDK and this Dify do not fit together.",
    ),
    (
        r"exited without response|time.?out|timed out|connection|connect:|dial tcp|unavailable|"
        r"\b50[0234]\b|server error|stopped in the middle|body closed|\beof\b",
        _unavailable,
        "Try again later, or choose another model. It was not asked twice, since the first time "
        "may have been billed.",
    ),
)

_WRAPPED = re.compile(r"^((invoke|read) [\w -]+ model failed: |request failed: |\[[^\]]+\] )+")
"""What daemon, API and model plugin put in front of what went wrong."""
_KEY = re.compile(r"\b(sk|pk|rk|api|key|bearer|token)([-_ ]|%20)[\w.*-]{6,}", re.IGNORECASE)


def failure(model: str, said: str, deadline: Deadline) -> CreativeError:
    """The error (not raised) for what a model's host said instead of an answer.

    Dify hands on what went wrong as one text, made of its own words, the model plugin's and
    those of the model's server.

    Args:
        model: the model, for people.
        said: the text.
        deadline: the call's clock; if its time is up, that is the reason.
    """
    if deadline.expired:
        return deadline.error(f"waiting for {model}")
    said = _WRAPPED.sub("", said.strip())
    shown = _KEY.sub(r"\1…", redact_text(said)) or "no reason"
    for pattern, make, hint in _RULES:
        if re.search(pattern, said, re.IGNORECASE):
            return make(model, shown, hint)
    return _rejected(model, shown, "Check the model's settings, or choose another one.")
