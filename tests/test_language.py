"""The language-model port: JSON out of what models write, one more try, errors in our tree."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
)
from creative.language import (
    Answer,
    Completion,
    HalfAnswer,
    Message,
    ModelRefused,
    RateLimited,
    ask,
    failure,
)
from creative.steps import Phase, Steps
from tests.parrots import PlainParrot


class Pets(BaseModel):
    pets: list[str]


CATS = {"pets": ["cat", "dog"]}


@pytest.mark.parametrize(
    "text",
    [
        '{"pets": ["cat", "dog"]}',
        'Sure! Here it is:\n```json\n{"pets": ["cat", "dog"]}\n```\nAnything else?',
        '<think>Maybe {"pets": ["cow"]}, or [1, 2, 3, 4, 5, 6, 7]?</think>{"pets": ["cat", "dog"]}',
        'so {"pets": ["a", "b", "c", "d", "e"]} is wrong</think>\n{"pets": ["cat", "dog"]}',
        'I see [2] {small} pets: {"pets": ["cat", "dog"]}',
        '{"pets": ["cat", "dog",],}',
        "{'pets': ['cat', 'dog']}",
        "{“pets”: [“cat”, “dog”]}",
        '["cat", "dog"]',
        'The shape is {"pets": [""]}, so: {"pets": ["cat", "dog"]}',
        '\ufeff{"pets"\n:\n["cat", "dog"]} {"pets": []}',
    ],
)
def test_json_is_found_where_models_put_it(text: str) -> None:
    assert asked([text]).value.pets == ["cat", "dog"]


QUESTION = [Message(role="system", text="Which pets?"), Message(role="user", text="All.")]


def asked(answers: Sequence[str | Completion | CreativeError], **options: Any) -> Answer[Pets]:
    with Steps().step(Phase.AI_CALL, "Asking", 100) as step:
        return ask(PlainParrot(*answers), QUESTION, Pets, Deadline(60), step, **options)


def test_the_schema_is_in_the_question_and_beside_it() -> None:
    model = PlainParrot(json.dumps(CATS))
    with Steps().step(Phase.AI_CALL, "Asking", 100) as step:
        ask(model, QUESTION, Pets, Deadline(60), step)
    (heard,) = model.heard
    assert heard[0].text.startswith("Which pets?")
    assert '"pets":{' in heard[0].text
    assert heard[1] == QUESTION[1]
    assert model.asked[0][2] == Pets.model_json_schema()


def test_a_useless_answer_is_sent_back_with_what_is_wrong() -> None:
    model = PlainParrot('<think>Hm</think>{"pets": "cat"}', json.dumps(CATS))
    with Steps().step(Phase.AI_CALL, "Asking", 100) as step:
        assert ask(model, QUESTION, Pets, Deadline(60), step).value.pets == ["cat", "dog"]
    again = model.heard[1]
    assert again[-2].role == "assistant"
    assert again[-2].text == '{"pets": "cat"}'
    assert "pets: Input should be a valid list" in again[-1].text


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["I cannot help with that.", "Still no."], "no JSON object.*it begins: Still no"),
        (["", "  "], r"it begins: \(empty\)"),
        (['{"pets": 1}', '{"pets": [{}]}'], "pets.0: Input should be a valid string"),
        (["{}", "see https://u:pw@h/x?key=1"], "https://h/x"),
        ([Completion(text='{"pets": ["c', cut=True)] * 2, "cut off"),
    ],
)
def test_two_useless_answers_are_an_error(answers: list[str], said: str) -> None:
    with pytest.raises(AnswerInvalid, match=said) as caught:
        asked(answers)
    assert "pw@" not in str(caught.value)


def test_a_transport_error_is_not_tried_again() -> None:
    model = PlainParrot(EngineUnavailable("parrot", "it fell silent"), json.dumps(CATS))
    with (
        pytest.raises(EngineUnavailable),
        Steps().step(Phase.AI_CALL, "Asking", 100) as step,
    ):
        ask(model, QUESTION, Pets, Deadline(60), step)
    assert len(model.heard) == 1


def broken_off(came: str, **options: Any) -> tuple[Answer[Pets] | None, PlainParrot, Steps]:
    """What is made of an answer that broke off after `came`; None if nothing is."""
    cause = EngineUnavailable("parrot", "the line broke")
    half = HalfAnswer(cause, Completion(text=came, completion_tokens=3))
    model, steps = PlainParrot(half, json.dumps(CATS)), Steps()
    with steps.step(Phase.AI_CALL, "Asking", 100) as step:
        try:
            return ask(model, QUESTION, Pets, Deadline(60), step, **options), model, steps
        except EngineUnavailable:
            return None, model, steps


@pytest.mark.parametrize(
    ("came", "pets"),
    [
        ('{"pets": ["cat"], "more": [1', ["cat"]),
        ('{"pets": ["cat", "dog"]}', ["cat", "dog"]),
        ('{"pets": ["cat"', None),
        ("I think", None),
    ],
)
def test_an_answer_that_broke_off_counts_as_far_as_it_goes(
    came: str, pets: list[str] | None
) -> None:
    answer, model, steps = broken_off(came, partial=True)
    assert (answer.value.pets if answer else None) == pets
    assert answer is None or answer.cut
    assert len(model.heard) == 1
    assert steps.events[-1].tokens == 3


def test_who_wants_all_of_an_answer_gets_no_half() -> None:
    answer, model, _ = broken_off('{"pets": ["cat", "dog"]}')
    assert answer is None
    assert len(model.heard) == 1


def test_useless_answers_cost_money_too() -> None:
    paid = {"prompt_tokens": 5, "completion_tokens": 2, "price": 0.25, "currency": "EUR"}
    answers = [Completion(text="no", **paid), Completion(text="never", **paid)]
    steps = Steps()
    with steps.step(Phase.AI_CALL, "Asking", 100) as step, pytest.raises(AnswerInvalid):
        ask(PlainParrot(*answers), QUESTION, Pets, Deadline(60), step)
    assert (steps.cost, steps.tokens, steps.events[-1].currency) == (0.5, 14, "EUR")


def test_out_of_time_before_the_second_question() -> None:
    deadline = Deadline(60)

    class Slow(PlainParrot):
        def complete(self, *arguments: Any, **options: Any) -> Completion:
            deadline._end = time.monotonic()
            return super().complete(*arguments, **options)

    model = Slow("no", json.dumps(CATS))
    with pytest.raises(DeadlineExceeded), Steps().step(Phase.AI_CALL, "Asking", 100) as step:
        ask(model, QUESTION, Pets, deadline, step)
    assert len(model.heard) == 1


READ = "read llm model failed: request failed: "


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        (
            "permission denied, you need to enable llm access in plugin manifest",
            ModelRefused,
            "released package",
        ),
        (f"{READ}Model gpt-9 credentials is not initialized.", ModelRefused, "Model Provider"),
        (f"{READ}Provider me/too/too does not exist.", ModelRefused, "workspace has"),
        (f"{READ}[m] Bad Request Error, 404: The model `m` does not exist", ModelRefused, "has"),
        (f"{READ}[m] Incorrect model credentials provided, please", ModelRefused, "Provider"),
        (f"{READ}[m] Rate Limit Error, 429: slow down", RateLimited, "Wait"),
        (f"{READ}[m] Rate Limit Error, Quota exceeded for requests per minute", RateLimited, ""),
        (f"{READ}[m] Rate Limit Error, You exceeded your current quota", EngineRejected, "top it"),
        (
            f"{READ}[m] Bad Request Error, maximum context length is 8 tokens",
            EngineRejected,
            "more",
        ),
        (f"{READ}[m] Bad Request Error, 400: temperature: no", EngineRejected, "settings"),
        (f"{READ}[m] Server Unavailable Error, 500: oops", EngineUnavailable, "may have been"),
        ("invocation exited without response after 250 seconds", EngineUnavailable, ""),
        (
            'invoke llm model failed: Post "http://u:pw@x/y": connection refused',
            EngineUnavailable,
            "",
        ),
        ("Failed to parse response: 1 validation error", AnswerInvalid, "SDK"),
        ("", EngineRejected, ""),
    ],
)
def test_what_dify_says_becomes_one_of_our_errors(said: str, kind: type, hint: str) -> None:
    error = failure("gpt-9", said, Deadline(5))
    assert type(error) is kind
    assert hint in error.hint
    assert "gpt-9" in error.message
    assert "pw@" not in str(error)
    # Whatever Dify wraps around it says nothing to people.
    assert "request failed" not in error.message


def test_keys_in_errors_are_hidden() -> None:
    error = failure("m", "Incorrect API key provided: sk-proj-abcDEF123456.", Deadline(5))
    assert "API key provided: …" in error.message
    assert "abcDEF" not in str(error)


@pytest.mark.parametrize("part", ["sk-", "image ", "not ", "key: ", "[a] ", "a", "model "])
def test_long_errors_take_no_time(part: str) -> None:
    said = part * (1_000_000 // len(part))
    began = time.process_time()
    message = failure("m", said, Deadline(50)).message
    assert time.process_time() - began < 2
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("x-api-key: abcdef0123456789 is wrong", "abcdef01"),
        ('{"api_key": "AIzaSyD-1234567890abc"}', "SyD-1234"),
        ("gsk_abcdefghijklmnop1234 is wrong", "abcdefgh"),
        ("Authorization: Bearer eyJhbGciOi.aaa.bbb", "hbGciOi"),
        ("Bearer token abcdefgh1234 rejected", "abcdefgh"),
        ("key sk-ant-api03-AbC_123-zzzz", "AbC_123"),
        ("api_key=0123456789abcdef", "01234567"),
        ("token%20abcdef123456", "abcdef12"),
    ],
)
def test_keys_of_many_kinds_are_not_shown(said: str, secret: str) -> None:
    message = failure("m", said, Deadline(5)).message
    assert "…" in message
    assert secret not in message


@pytest.mark.parametrize(
    "said",
    [
        "maximum token exceeded for input",
        "the key parameter is missing",
        "The API deployment for this resource does not exist",
        "API key not valid",
        "Rate limit reached on tokens per min: Limit 10000",
    ],
)
def test_words_that_are_no_keys_stay(said: str) -> None:
    assert said in failure("m", said, Deadline(5)).message


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        ("400 API key not valid. Please pass a valid API key.", ModelRefused, "provider"),
        ("The API deployment for this resource does not exist", ModelRefused, "Choose a model"),
        ("rejected as a result of our safety system", EngineRejected, "refuses this content"),
        ("filtered by Azure's content management policy", EngineRejected, "refuses this content"),
    ],
)
def test_more_reasons_are_known(said: str, kind: type[CreativeError], hint: str) -> None:
    error = failure("m", said, Deadline(5))
    assert type(error) is kind
    assert hint in error.hint


def test_an_expired_deadline_is_the_reason_whatever_is_said() -> None:
    deadline = Deadline(1e-9, "timeout_seconds", "Raise it.")
    error = failure("m", "invocation exited without response after 1 seconds", deadline)
    assert isinstance(error, DeadlineExceeded)
