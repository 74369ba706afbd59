"""Variants by a language model that answers badly, late, or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, DeadlineExceeded, EngineUnavailable, InvalidInput
from creative.language import Completion, HalfAnswer, Message, ModelRefused
from tests.ads_written import three, wrote
from tests.authors import Parrot, Said


class TestBadAnswers:
    def test_nonsense_twice(self) -> None:
        model = Parrot("I cannot help with that.", "Still not.")
        with pytest.raises(AnswerInvalid, match="parrot"):
            wrote(model)
        assert len(model.heard) == 2

    def test_nonsense_once(self) -> None:
        assert len(wrote(Parrot("Sure!", three())).copies) == 3

    @pytest.mark.parametrize("empty", [{"x": []}, {}, {"x": [{"post_text": None}] * 3}])
    def test_empty_lists(self, empty: dict[str, Any]) -> None:
        with pytest.raises(AnswerInvalid):
            wrote(Parrot(empty, empty))

    def test_half_a_list_is_half_the_variants(self) -> None:
        written = wrote(Parrot({"x": three()["x"][:2]}))
        assert len(written.copies) == 2
        assert written.dropped == ("x-3: parrot wrote 2 of 3 variants",)

    def test_more_than_was_asked_for_is_ignored(self) -> None:
        assert len(wrote(Parrot({"x": three()["x"] * 4})).copies) == 3

    def test_an_answer_that_is_cut_off(self) -> None:
        whole = json.dumps(three())
        text = whole[: whole.index("Why carry")]
        written = wrote(Parrot(Completion(text=text, cut=True)))
        assert len(written.copies) == 2
        assert any("limit of tokens" in note for note in written.notes)
        assert written.dropped == ("x-3: parrot wrote 2 of 3 variants",)

    def test_an_answer_that_breaks_off(self) -> None:
        text = json.dumps(three())[:-3]
        half = HalfAnswer(EngineUnavailable("parrot", "the line broke"), Completion(text=text))
        assert len(wrote(Parrot(half)).copies) >= 2

    def test_a_model_that_refuses_is_asked_once(self) -> None:
        model = Parrot(ModelRefused("parrot", "no such model"))
        with pytest.raises(ModelRefused):
            wrote(model)
        assert len(model.heard) == 1

    def test_a_later_part_that_fails_leaves_the_earlier_ones(self) -> None:
        one = {"headlines": ["Run lighter", "Only 180 grams", "Fleetfoot"],
               "descriptions": ["Only 180 grams on your feet.", "Made for every day."]}  # fmt: skip
        model = Parrot({"google_search": [one]}, EngineUnavailable("parrot", "it flew away"))
        written = wrote(model, platforms=("google_search",), count=20)
        assert len(written.copies) == 1
        assert len(written.dropped) == 19
        assert any("wrote only a part" in note for note in written.notes)

    def test_what_was_paid_for_before_time_ran_out_is_kept(self) -> None:
        one = {"headlines": ["Run lighter", "Only 180 grams", "Fleetfoot"],
               "descriptions": ["Only 180 grams on your feet.", "Made for every day."]}  # fmt: skip

        def slow(messages: Sequence[Message], clock: Deadline) -> Said:
            assert clock.remaining() <= 54  # the rest is for what came before
            return clock.error("waiting for parrot")

        model = Parrot({"google_search": [one]}, slow)
        written = wrote(model, seconds=60, platforms=("google_search",), count=20)
        assert [copy.id for copy in written.copies] == ["google_search-1"]
        assert len(written.dropped) == 19
        assert all("Out of time after 60 s" in reason for reason in written.dropped[-12:])
        [note] = [note for note in written.notes if "wrote only a part" in note]
        assert "Out of time after 60 s (timeout_seconds) while asking parrot" in note
        assert written.broken

    def test_time_that_runs_out_while_texts_are_mended_costs_no_variant(self) -> None:
        answer = three()
        answer["x"][0]["headline"] = ["Run lighter " * 12]

        def slow(messages: Sequence[Message], clock: Deadline) -> Said:
            return clock.error("waiting for parrot")

        written = wrote(Parrot(answer, slow))
        assert len(written.copies) == 3
        assert any("did not mend" in note for note in written.notes)
        assert written.broken

    def test_out_of_time(self) -> None:
        def slow(messages: Sequence[Message], clock: Deadline) -> Said:
            return DeadlineExceeded("waiting for parrot", 1, "timeout_seconds", "Raise it.")

        with pytest.raises(DeadlineExceeded):
            wrote(Parrot(slow))

    def test_impossible_wishes_cost_nothing(self) -> None:
        model = Parrot()
        with pytest.raises(InvalidInput, match="must_include"):
            wrote(model, must_include=("cheap",), must_avoid=("cheap",))
        assert model.heard == []
