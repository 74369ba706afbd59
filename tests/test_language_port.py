"""`ask` beyond one answer: formats, budgets and pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import BaseModel

from creative import model_pictures
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    TooLarge,
)
from creative.language import (
    Answer,
    Budget,
    BudgetSpent,
    Completion,
    FormatRefused,
    HalfAnswer,
    Image,
    Message,
    ModelRefused,
    PicturesRefused,
    ask,
    failure,
    goes_in_circles,
)
from creative.steps import Phase, Steps
from tests.parrots import HeldParrot, PlainParrot, Said


class Pets(BaseModel):
    pets: list[str]


GOOD = '{"pets": ["cat"]}'
QUESTION = [Message(role="system", text="Which pets?"), Message(role="user", text="All.")]


def run(
    model: PlainParrot,
    messages: Sequence[Message] = QUESTION,
    steps: Steps | None = None,
    schema: type[BaseModel] = Pets,
    **options: Any,
) -> Answer[Any]:
    with (steps or Steps()).step(Phase.AI_CALL, "Asking", 70) as step:
        return ask(model, messages, schema, Deadline(120), step, **options)


def refused() -> FormatRefused:
    return FormatRefused("parrot", "no response_format")


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ([GOOD], [("plain", True)]),
        (["no", GOOD], [("plain", True), ("held", True)]),
        (["no", refused(), GOOD], [("plain", True), ("held", True), ("plain", True)]),
        # The user's own choice of a format is taken back where the model has none.
        ([refused(), GOOD], [("plain", True), ("plain", False)]),
    ],
)
def test_a_model_is_held_to_the_schema_where_it_could_not_keep_to_it(
    said: list[Said], ways: list[tuple[str, bool]]
) -> None:
    model = HeldParrot(*said)
    assert run(model).value.pets == ["cat"]
    assert model.ways() == ways


def test_what_the_host_made_of_an_answer_counts_where_the_answer_is_no_use() -> None:
    value = {"pets": ["cat"]}
    assert run(PlainParrot(Completion(text="a cat", value=value))).value.pets == ["cat"]
    assert run(PlainParrot(Completion(text='{"pets": ["dog"]}', value=value))).value.pets == ["dog"]
    cut = Completion(text='{"pets": ["c', value=value, cut=True)
    with pytest.raises(AnswerInvalid, match="cut off"):
        run(PlainParrot(cut, cut))


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("x" * 3000, True),
        ("start " + "a sentence of some length. " * 150, True),
        (("word " * 199 + "end. ") * 4, True),
        ("\n" * 5000, True),
        ("x" * 2999, False),
        ("".join(f'{{"id": {n}, "name": "the same name"}}, ' for n in range(200)), False),
        ("ab" * 1500 + "and on it goes", False),
    ],
)
def test_circles_are_told_from_long_lists(text: str, circles: bool) -> None:
    assert goes_in_circles(text) is circles


def paid(text: str, tokens_in: int, tokens_out: int, price: float | None = None) -> Completion:
    return Completion(text=text, prompt_tokens=tokens_in, completion_tokens=tokens_out, price=price)


def test_steps_are_told_what_went_in_and_out_and_who_was_paid() -> None:
    steps = Steps()
    run(PlainParrot(paid("no", 30, 5, 0.25), paid(GOOD, 40, 6, 0.5)), steps=steps)
    usage = steps.events[-1].usage
    assert (usage.tokens_in, usage.tokens_out, usage.models) == (70, 11, ["parrot"])
    assert usage.price == 0.75


def test_a_question_that_was_refused_costs_nothing() -> None:
    steps = Steps()
    with pytest.raises(EngineUnavailable):
        run(PlainParrot(EngineUnavailable("parrot", "silent")), steps=steps)
    assert steps.events[-1].usage.models == []
    budget = Budget(max_tokens=400)
    with pytest.raises(EngineUnavailable):
        run(PlainParrot(EngineUnavailable("parrot", "silent")), budget=budget)
    assert budget.tokens == 0
    assert run(PlainParrot(GOOD), budget=budget).value.pets == ["cat"]


def test_a_budget_of_tokens_is_for_all_questions_together() -> None:
    budget = Budget(max_tokens=1000)
    model = PlainParrot(paid(GOOD, 300, 200), paid(GOOD, 300, 200), GOOD)
    run(model, budget=budget)
    assert budget.tokens == 500
    run(model, budget=budget)
    with pytest.raises(BudgetSpent, match=r"parrot was not asked: .*its limit is 1000"):
        run(model, budget=budget)
    assert len(model.asked) == 2


def test_a_budget_counts_the_second_question_too() -> None:
    model = PlainParrot(paid("no", 300, 200), GOOD)
    with pytest.raises(BudgetSpent):
        run(model, budget=Budget(max_tokens=600))
    assert len(model.asked) == 1


def test_a_budget_expects_answers_as_long_as_the_longest() -> None:
    budget = Budget(max_tokens=1000)
    budget.settle(budget.reserve("m", 100), 100, 400, None)
    budget.settle(budget.reserve("m", 1), 1, 9, None)
    with pytest.raises(BudgetSpent, match="about 491 tokens more"):
        budget.reserve("m", 91)
    assert budget.reserve("m", 90) == 490


def test_questions_that_are_under_way_count() -> None:
    budget = Budget(max_tokens=1000)
    first = budget.reserve("m", 600)
    with pytest.raises(BudgetSpent):
        budget.reserve("m", 500)
    budget.settle(first, 100, 20, None)
    assert budget.reserve("m", 500) == 520


def test_a_budget_of_money() -> None:
    budget = Budget(max_price=1.0)
    model = PlainParrot(*(paid(GOOD, 100, 100, 0.4) for _ in range(9)))
    run(model, budget=budget)
    run(model, budget=budget)
    with pytest.raises(BudgetSpent, match=r"cost about .*its limit is 1\."):
        run(model, budget=budget)
    assert len(model.asked) == 2
    assert budget.price == 0.8


def test_a_budget_of_money_does_not_add_currencies() -> None:
    budget = Budget(max_price=9.0)
    answers = [
        Completion(
            text=GOOD, prompt_tokens=100, completion_tokens=100, price=price, currency=currency
        )
        for price, currency in ((0.5, "USD"), (3.0, "RMB"), (0.5, "USD"))
    ]
    model = PlainParrot(*answers)
    run(model, budget=budget)
    run(model, budget=budget)
    assert budget.price == 0.5
    with pytest.raises(BudgetSpent, match=r"0\.5000 USD, 3\.0000 RMB, which cannot be held"):
        run(model, budget=budget)
    assert len(model.asked) == 2


def test_a_budget_without_counts_of_the_host_is_estimated() -> None:
    budget = Budget(max_tokens=10_000)
    run(PlainParrot(GOOD), budget=budget)
    assert 20 < budget.tokens < 300


def test_half_an_answer_is_in_the_budget() -> None:
    budget = Budget(max_tokens=10_000)
    half = HalfAnswer(EngineUnavailable("parrot", "broke"), paid('{"pets": ["c', 50, 7))
    with pytest.raises(EngineUnavailable):
        run(PlainParrot(half), budget=budget)
    assert budget.tokens == 57


def picture(
    width: int, height: int, kind: str = "PNG", mode: str = "RGB", noise: bool = False
) -> bytes:
    image = Pillow.effect_noise((width, height), 90) if noise else Pillow.new(mode, (width, height))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind)
    return buffer.getvalue()


def seen(*data: bytes) -> list[Pillow.Image]:
    """The pictures as the model gets them."""
    images = tuple(Image(data=one, mime_type="image/x") for one in data)
    model = PlainParrot(GOOD)
    run(model, [QUESTION[0], Message(role="user", text="Look.", images=images)])
    sent = model.asked[0][1][1].images
    assert sum(len(image.data) for image in sent) <= model_pictures.MOST_BYTES
    found: list[Pillow.Image] = [Pillow.open(io.BytesIO(image.data)) for image in sent]
    kinds = {"image/png": "PNG", "image/jpeg": "JPEG"}
    assert [kinds[image.mime_type] for image in sent] == [one.format for one in found]
    return found


def test_small_pictures_are_sent_as_they_are() -> None:
    given = [picture(80, 60), picture(30, 30, "JPEG")]
    model = PlainParrot(GOOD)
    images = tuple(Image(data=one, mime_type="") for one in given)
    run(model, [QUESTION[0], Message(role="user", text="Look.", images=images)])
    assert [image.data for image in model.asked[0][1][1].images] == given


def test_large_pictures_are_made_smaller() -> None:
    wide, tall, alpha, webp = seen(
        picture(4000, 100),
        picture(300, 3000),
        picture(20, 2000, mode="RGBA"),
        picture(9, 7, "WEBP"),
    )
    assert wide.size == (1568, 39)
    assert tall.size == (157, 1568)
    assert (alpha.mode, alpha.size) == ("RGB", (16, 1568))
    assert (webp.format, webp.size) == ("JPEG", (9, 7))


def test_many_heavy_pictures_share_the_line() -> None:
    found = seen(*[picture(1500, 1500, noise=True)] * 4)
    assert all(min(one.size) > 300 for one in found)


def test_turned_pictures_are_sent_upright() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Pillow.new("RGB", (40, 20)).save(buffer, "JPEG", exif=exif)
    assert seen(buffer.getvalue())[0].size == (20, 40)


@pytest.mark.parametrize("data", [b"", b"<svg/>", picture(50, 50)[:60]])
def test_what_is_no_picture_is_not_sent(data: bytes) -> None:
    model = PlainParrot(GOOD)
    image = Image(data=data, mime_type="image/png")
    with pytest.raises(InvalidInput, match="a picture for the model"):
        run(model, [QUESTION[0], Message(role="user", text="Look.", images=(image,))])
    assert model.asked == []


def test_too_many_pictures_are_refused() -> None:
    payload = model_pictures.Payload(data=picture(1500, 1500, noise=True), most_bytes=200)
    with pytest.raises(TooLarge, match="a picture for the model"):
        model_pictures.shrink(payload, lambda *_: None)


READ = "read llm model failed: request failed: "


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Invalid content type. image_url is only supported by certain models.", PicturesRefused),
        (
            "image input is not supported - hint: you may need to provide the mmproj",
            PicturesRefused,
        ),
        ("400: `m` does not support image input", PicturesRefused),
        ("model m is not a multimodal model", PicturesRefused),
        ("messages[1]: unknown variant `image_url`, expected `text`", PicturesRefused),
        ("This model only supports text", PicturesRefused),
        ("sequence: this model is missing data required for image input", PicturesRefused),
        ("No endpoints found that support image input", PicturesRefused),
        ("400, 'response_format' of type 'json_schema' is not supported", FormatRefused),
        ("Invalid schema for response_format 'answer'", FormatRefused),
        ("failed to parse grammar", FormatRefused),
        # These speak of pictures or formats, and refuse neither.
        ("400: temperature: no", EngineRejected),
        ("Model image-9 does not exist", ModelRefused),
        ("maximum context length is 8 tokens, with the image", EngineRejected),
    ],
)
def test_refusals_of_pictures_and_formats_are_told_apart(said: str, kind: type) -> None:
    error = failure("m", f"{READ}[m] {said}", Deadline(5))
    assert type(error) is kind
    assert error.hint
