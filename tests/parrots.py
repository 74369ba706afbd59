"""Parrots that note how they were asked, for tests of the language port itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from creative.deadline import Deadline
from creative.errors import CreativeError
from creative.language import Completion, Message
from tests import authors

Said = str | Completion | CreativeError | Callable[[Sequence[Message], Deadline], str]


class PlainParrot(authors.Parrot):
    """A parrot whose host counts no tokens for a plain text.

    Attributes:
        asked: how ("plain" or "held"), the messages and the schema of each question.
    """

    def __init__(self, *answers: Said) -> None:
        super().__init__(*answers)
        self.asked: list[tuple[str, list[Message], Mapping[str, Any] | None]] = []

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        return self._noted("plain", messages, deadline, schema)

    def _noted(
        self,
        how: str,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None,
    ) -> Completion:
        self.asked.append((how, list(messages), schema))
        self.heard.append(list(messages))
        said = self.answers.pop(0)
        said = said(messages, deadline) if callable(said) else said
        return Completion(text=said) if isinstance(said, str) else authors.completion(said)

    def ways(self) -> list[tuple[str, bool]]:
        """How it was asked each time, and whether with a schema."""
        return [(how, schema is not None) for how, _, schema in self.asked]


class HeldParrot(PlainParrot):
    """One whose host can hold it to a schema."""

    def complete_held(
        self, messages: Sequence[Message], deadline: Deadline, schema: Mapping[str, Any]
    ) -> Completion:
        return self._noted("held", messages, deadline, schema)
