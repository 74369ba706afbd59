"""A model that says what it is told to, and one whose host can hold it to a schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from creative.deadline import Deadline
from creative.errors import CreativeError
from creative.language import Completion, Message

Said = str | Completion | CreativeError | Callable[[Sequence[Message]], str]


class Parrot:
    """A `LanguageModel` that notes how it was asked.

    Args:
        said: its answers, in order; a function makes one from the question, an error is raised.

    Attributes:
        asked: how ("plain" or "held"), the messages and the schema of each question.
    """

    name = "parrot"

    def __init__(self, *said: Said) -> None:
        self.said = list(said)
        self.asked: list[tuple[str, list[Message], Mapping[str, object] | None]] = []

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, object] | None = None,
    ) -> Completion:
        return self._answer("plain", messages, schema)

    def _answer(
        self, how: str, messages: Sequence[Message], schema: Mapping[str, object] | None
    ) -> Completion:
        self.asked.append((how, list(messages), schema))
        said = self.said.pop(0)
        if isinstance(said, CreativeError):
            raise said
        if isinstance(said, Completion):
            return said
        return Completion(text=said if isinstance(said, str) else said(messages))

    @property
    def heard(self) -> list[list[Message]]:
        """The messages of each question."""
        return [messages for _, messages, _ in self.asked]

    def ways(self) -> list[tuple[str, bool]]:
        """How it was asked each time, and whether with a schema."""
        return [(how, schema is not None) for how, _, schema in self.asked]


class HeldParrot(Parrot):
    """One whose host can hold it to a schema."""

    def complete_held(
        self, messages: Sequence[Message], deadline: Deadline, schema: Mapping[str, object]
    ) -> Completion:
        return self._answer("held", messages, schema)
