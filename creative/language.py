"""The language-model port: a question in, a validated pydantic object out.

`LanguageModel` is what a host offers (tools.models for Dify); `ask` is what the verbs use.

- Nothing that may have been billed is sent again: a transport error ends the call. `ask` sends a
  second, different request when an answer cannot be used, and tells the model why.
- What a call cost is added to its step, whatever becomes of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from creative import model_pictures, tokens
from creative.budget import Budget
from creative.chat_marks import harmless
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, shorten
from creative.http import redact_text
from creative.loose_json import objects, without_thinking
from creative.model_errors import (
    BudgetSpent,
    FormatRefused,
    ModelRefused,
    PicturesRefused,
    RateLimited,
    failure,
)
from creative.steps import Step

__all__ = [
    "Answer",
    "Budget",
    "BudgetSpent",
    "Completion",
    "FormatRefused",
    "HalfAnswer",
    "Image",
    "LanguageModel",
    "Message",
    "ModelRefused",
    "PicturesRefused",
    "RateLimited",
    "ask",
    "failure",
    "goes_in_circles",
]

_CIRCLES, _LONGEST_CIRCLE, _CIRCLE_END = 3000, 1000, 60
PICTURE_TOKENS = 1500
"""A picture in a question, about: providers count 85 to 1,600 for one of the size that we send."""
MAX_ANSWER_CHARACTERS = 400_000
"""A model that goes on and on is not listened to any longer."""
_SHOWN = 4000
"""Characters of a useless answer that are sent back with what is wrong with it."""


def goes_in_circles(text: str) -> bool:
    """Whether the last 3,000 characters are the same 1 to 1,000 over and over.

    Small models fall into that, and only their limit of tokens would end it, if there is one.
    """
    tail = text[-_CIRCLES:]
    if len(tail) < _CIRCLES:
        return False
    end = tail[-_CIRCLE_END:]
    before = tail.rfind(end, 0, -1)
    period = len(tail) - _CIRCLE_END - before
    return 0 < period <= _LONGEST_CIRCLE and tail[period:] == tail[:-period]


class Image(BaseModel):
    """A picture for a model that sees."""

    model_config = ConfigDict(frozen=True)

    data: bytes = Field(repr=False)
    mime_type: str = Field(description="such as image/png")


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[Image, ...] = Field((), description="of a user's message only")


class Completion(BaseModel):
    """What a model answered."""

    model_config = ConfigDict(frozen=True)

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float | None = Field(None, description="in `currency`; None where it is not known")
    currency: str = "USD"
    cut: bool = Field(False, description="it ended at the model's limit of tokens")
    value: Any = Field(None, description="what the host made of it; counts if `text` is no use")


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


@runtime_checkable
class HoldsToSchema(Protocol):
    """A language model whose host has a way of its own to hold it to a schema."""

    def complete_held(
        self, messages: Sequence[Message], deadline: Deadline, schema: Mapping[str, Any]
    ) -> Completion:
        """Send `messages` once, held to `schema`; otherwise like `LanguageModel.complete`.

        Raises:
            FormatRefused: it cannot be held to it; nothing was done or billed.
        """


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
    budget: Budget | None = None,
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
        budget: what all questions of the call may cost together; None: anything.

    Raises:
        BudgetSpent: the question would go over `budget`; it was not asked.
        PicturesRefused: the model takes no pictures; ask again without, if that makes sense.
        AnswerInvalid: neither answer can be used; the error says why and how it begins.
        CreativeError: whatever kept the model from answering.
    """
    asking = _Asking(model, schema.model_json_schema(), deadline, step, budget)
    conversation = asking.begun(messages)
    try:
        completion = asking.answer(conversation)
        return _read(completion, schema, deadline, partial)
    except HalfAnswer as half:
        return _rest_of(half, schema, deadline, partial)
    except _Useless as problem:
        # It may repeat what somebody wrote into an article for this very message.
        begins = harmless(without_thinking(completion.text).strip()[:_SHOWN])
        conversation += [
            Message(role="assistant", text=begins or "(nothing)"),
            Message(
                role="user",
                text=f"That cannot be used: {harmless(str(problem))}. Answer again with the JSON "
                "object only.",
            ),
        ]
    try:
        completion = asking.answer_again(conversation)
        return _read(completion, schema, deadline, partial)
    except HalfAnswer as half:
        return _rest_of(half, schema, deadline, partial)
    except _Useless as problem:
        begun = without_thinking(completion.text)[:_SHOWN]
        begins = shorten(redact_text(begun), 160) or "(empty)"
        raise AnswerInvalid(
            model.name,
            f"twice it was not what was asked for ({problem}); it begins: {begins}",
            "Choose a model that follows instructions better, or raise its limit of tokens if "
            "the answer was cut off.",
        ) from None


class _Useless(Exception):
    """Why an answer cannot be used, in words for the model."""


@dataclass(frozen=True)
class _Asking:
    """One question, with its second attempt."""

    model: LanguageModel
    schema: Mapping[str, Any]
    deadline: Deadline
    step: Step
    budget: Budget | None

    def begun(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation with the schema in it, and pictures as models take them."""
        first, *others = self._seen(messages)
        shown = json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))
        text = (
            f"{first.text}\n\nAnswer with one JSON object and nothing else: no explanation, no "
            f"markdown. It must match this JSON schema: {shown}"
        )
        return [first.model_copy(update={"text": text}), *others]

    def _seen(self, messages: Sequence[Message]) -> Sequence[Message]:
        given = [image.data for message in messages for image in message.images]
        if not given:
            return messages
        made = iter(model_pictures.fitted(given, self.deadline))
        return [
            message.model_copy(
                update={
                    "images": tuple(
                        Image(data=data, mime_type=mime_type)
                        for _, (data, mime_type) in zip(message.images, made, strict=False)
                    )
                }
            )
            for message in messages
        ]

    def answer(self, messages: Sequence[Message]) -> Completion:
        """Ask; without the native format if that is what was refused."""
        try:
            return self._paid(self.model.complete, messages, self.schema)
        except FormatRefused:
            return self._paid(self.model.complete, messages, None)

    def answer_again(self, messages: Sequence[Message]) -> Completion:
        """Ask, and hold the model to the schema if its host can do that.

        Not the first time: a host may say that a model can be held to a schema, and be wrong. A
        model that could not keep to it by itself has nothing to lose.
        """
        if isinstance(self.model, HoldsToSchema):
            try:
                return self._paid(self.model.complete_held, messages, self.schema)
            except FormatRefused:
                pass  # refused before it began: nothing was billed
        return self.answer(messages)

    def _paid[T](
        self,
        ask_model: Callable[[Sequence[Message], Deadline, T], Completion],
        messages: Sequence[Message],
        schema: T,
    ) -> Completion:
        self.deadline.check(f"asking {self.model.name}")
        likely = sum(tokens.count(one.text) + PICTURE_TOKENS * len(one.images) for one in messages)
        reserved = 0 if self.budget is None else self.budget.reserve(self.model.name, likely)
        done = None
        try:
            done = ask_model(messages, self.deadline, schema)
        except HalfAnswer as half:
            done = half.completion
            raise
        finally:
            if self.budget is not None:
                currency = done.currency if done is not None else "USD"
                self.budget.settle(reserved, *_used(done, likely), currency)
            if done is not None:
                self.step.spent(
                    done.price,
                    currency=done.currency,
                    tokens_in=done.prompt_tokens,
                    tokens_out=done.completion_tokens,
                    model=self.model.name,
                )
        return done


def _used(done: Completion | None, likely: int) -> tuple[int, int, float | None]:
    """Tokens in, tokens out and price for a budget; estimated where the host says nothing."""
    if done is None:
        return 0, 0, None
    if done.prompt_tokens or done.completion_tokens:
        return done.prompt_tokens, done.completion_tokens, done.price
    return likely, tokens.count(done.text), done.price


def _rest_of[S: BaseModel](
    half: HalfAnswer, schema: type[S], deadline: Deadline, partial: bool
) -> Answer[S]:
    """What is complete of an answer that broke off: it was paid for."""
    try:
        if partial:
            value = _read(half.completion, schema, deadline, partial).value
            return Answer(value, cut=True)
    except _Useless:
        pass  # nothing in it is complete: what ended it is what there is to tell
    raise half.cause from None


def _read[S: BaseModel](
    completion: Completion, schema: type[S], deadline: Deadline, partial: bool
) -> Answer[S]:
    """Raises: _Useless."""
    problem = ""
    found = objects(completion.text, deadline, partial, completion.cut)
    said = () if completion.value is None or completion.cut else (completion.value,)
    for value in chain(found, said):
        try:
            return Answer(schema.model_validate(_shaped(value, schema)), completion.cut)
        except ValidationError as error:
            problem = problem or _told(error)
    if completion.cut:
        raise _Useless("it was cut off at the limit of tokens; answer shorter")
    raise _Useless(problem or "there is no JSON object in it")


def _shaped(value: Any, schema: type[BaseModel]) -> Any:
    """A bare array is put into the one array that the schema has; an array of one is opened."""
    fields = list(schema.model_fields.items())
    if isinstance(value, list) and len(fields) == 1:
        return {fields[0][1].alias or fields[0][0]: value}
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _told(error: ValidationError) -> str:
    told = [
        f"{'.'.join(str(part) for part in one['loc']) or 'the object'}: {one['msg']}"
        for one in error.errors()[:5]
    ]
    return shorten("; ".join(told), 400)
