"""Steps: phases and their percentages, who works, verbs inside verbs."""

from __future__ import annotations

import pytest

from creative.steps import Phase, Status, StepEvent, Steps


def heard_of(steps: Steps) -> list[tuple[int, str, int]]:
    return [(e.number, e.phase.value, e.percent) for e in steps.events]


def test_phases_follow_each_other_without_a_gap() -> None:
    ranges = [(phase.first, phase.last) for phase in Phase]
    assert ranges == [(0, 10), (10, 25), (25, 70), (70, 85), (85, 98), (98, 100)]


def test_a_step_fills_its_phase_unless_it_names_less() -> None:
    steps = Steps()
    with steps.step(Phase.INIT, "Reading", until=4):
        pass
    with steps.step(Phase.AI_CALL, "Drawing", until=40) as step:
        step.progress(0.5)
    with steps.step(Phase.AI_CALL, "Enlarging"):
        pass
    with steps.step(Phase.DONE, "Done"):
        pass
    assert heard_of(steps) == [
        (1, "INIT", 0), (1, "INIT", 4),
        (2, "AI_CALL", 25), (2, "AI_CALL", 32), (2, "AI_CALL", 40),
        (3, "AI_CALL", 40), (3, "AI_CALL", 70),
        (4, "DONE", 98), (4, "DONE", 100),
    ]  # fmt: skip


def test_percentages_never_fall() -> None:
    steps = Steps()
    with steps.step(Phase.SAVE, "Saving"):
        pass
    with steps.step(Phase.INIT, "Once more") as step:
        step.progress(0.1)
    assert [e.percent for e in steps.events] == [85, 98, 98, 98, 98]


def _private(steps: Steps) -> None:
    with steps.step(Phase.PREP, "Inside"):
        pass


def test_a_worker_that_tells_less_than_before_moves_nothing_back() -> None:
    steps = Steps()
    with steps.step(Phase.AI_CALL, "Drawing") as step:
        step.progress(0.8)
        step.progress(0.2)
    assert [event.percent for event in steps.events] == [25, 61, 61, 70]


def test_the_function_that_works_is_named() -> None:
    steps = Steps()
    _private(steps)
    with steps.step(Phase.SAVE, "Outside"):
        pass
    with steps.step(Phase.DONE, "Done", function="ads.variants"):
        pass
    assert [e.function for e in steps.events[::2]] == [
        "tests.test_steps",
        "tests.test_the_function_that_works_is_named",
        "ads.variants",
    ]


def test_verbs_are_named_as_the_house_names_them() -> None:
    from creative import keywords
    from creative.deadline import Deadline

    steps = Steps()
    rows = keywords.read_keywords("espresso maker\nespresso machine\ncoffee beans")
    clustering = keywords.cluster(
        keywords.ClusterRequest(rows=rows, min_size=1), Deadline(60), steps
    )
    keywords.export(clustering, steps)
    named = [e.function for e in steps.events if e.status is Status.DONE]
    assert named == ["keywords.cluster"] * 4 + ["keywords.export"]


def test_a_verb_inside_a_verb_takes_a_piece_of_it() -> None:
    heard: list[StepEvent] = []
    steps = Steps(heard.append)
    with steps.step(Phase.PREP, "Preparing"):
        pass
    inner = steps.part(Phase.AI_CALL, until=65)
    with inner.step(Phase.INIT, "Looking"):
        pass
    with inner.step(Phase.AI_CALL, "Drawing") as step:
        step.spent(0.5, pictures=1, model="m")
    with steps.step(Phase.AI_CALL, "Asking") as step:
        step.spent(0.25, tokens_in=3)
    assert heard_of(steps) == [
        (1, "PREP", 10), (1, "PREP", 25),
        (2, "AI_CALL", 25), (2, "AI_CALL", 29),
        (3, "AI_CALL", 35), (3, "AI_CALL", 53),
        (4, "AI_CALL", 53), (4, "AI_CALL", 70),
    ]  # fmt: skip
    assert heard == steps.events
    assert (steps.cost, steps.usage.pictures, steps.tokens) == (0.75, 1, 3)
    assert (inner.cost, inner.tokens) == (0.5, 0)


def test_what_a_failed_step_spent_is_counted_and_told() -> None:
    steps = Steps()

    def asks() -> None:
        with steps.step(Phase.AI_CALL, "Asking") as step:
            step.spent(0.1, tokens_in=5, tokens_out=2, model="m")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asks()
    event = steps.events[-1]
    assert (event.status, event.error, event.percent) == (Status.ERROR, "no", 25)
    assert (event.cost, event.tokens, event.currency) == (0.1, 7, "USD")
    assert steps.usage.data()["tokens_in"] == 5


def test_durations_are_milliseconds() -> None:
    import time

    steps = Steps()
    with steps.step(Phase.INIT, "Waiting"):
        time.sleep(0.05)
    assert 50 <= steps.events[-1].duration_ms < 30_000
