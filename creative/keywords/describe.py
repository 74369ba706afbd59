"""Names, intents and descriptions of clusters from a language model.

The model sees the most typical keywords of many clusters at a time and answers by numbers that
count in this call only. It never returns keywords, so none can be lost or invented. Whatever a
keyword says, it is a JSON string among others: only numbers that were asked for count, each
once, and every name is checked. A cluster without a usable answer keeps its offline name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineUnavailable,
    shorten,
)
from creative.keywords.said import (
    MAX_NAME,
    Group,
    Groups,
    Vocabulary,
    folded,
    problem,
    readable,
)
from creative.language import LanguageModel, Message, ModelRefused, RateLimited, ask
from creative.prompts import load
from creative.steps import Step

PER_CALL = 40
TOKENS_PER_CALL = 4000
KEYWORDS_SHOWN = 12
_KEYWORDS_COMPARED = 20
PARALLEL = 3
ATTEMPTS = 2
"""So often a cluster is asked for."""
FAILURES_IN_A_ROW = 3
"""After so many calls without any answer the rest is not asked for."""
RATE_PAUSE_SECONDS = 5.0
SHARE_OF_TIME = 0.85
"""Of what the call has left; the rest is for handing over the result."""
_KEYWORD_CHARACTERS = 80
_ASKED_DESCRIPTION = 120  # models take more than they are given
_BYTES_PER_TOKEN = 3  # a Chinese character, or three to four letters

_PROMPT = "name_clusters"
_SAME_LANGUAGE = "Write name and description in the language of the group's keywords."
_OTHER_LANGUAGE = "Write name and description in this language: {}."


class _HasKeyword(Protocol):
    @property
    def keyword(self) -> str: ...


class Nameable(Protocol):
    """What is read of a cluster (`creative.keywords.Cluster`)."""

    @property
    def name(self) -> str:
        """Its offline name, unlike those of the others."""

    @property
    def intent(self) -> str:
        """Its offline intent."""

    @property
    def members(self) -> Sequence[_HasKeyword]:
        """Its keywords, the most typical first."""


class Described(BaseModel):
    """What is said about a cluster."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description=f"at most {MAX_NAME} characters, unlike those of the others")
    intent: str = Field(description="one of INTENTS, or what it was before")
    description: str = Field("", description="one sentence; empty where the model gave none")
    by_model: bool = Field(True, description="false: the offline name was kept")


def describer(
    model: LanguageModel, deadline: Deadline, language: str = "", prompts: str = ""
) -> Describer:
    """Names clusters with `model`; hand it to `creative.keywords.cluster`.

    Args:
        model: who names them.
        deadline: the call's clock; a part of what is left is kept for the result.
        language: the language of names and descriptions; empty: that of the keywords.
        prompts: the user's own prompts, as `creative.prompts.load` takes them.

    Raises:
        InvalidInput: `prompts` cannot be used.
    """
    return Describer(model, deadline, language, prompts)


class Describer:
    """Names clusters with a language model; `notes` says afterwards what it could not do."""

    def __init__(
        self, model: LanguageModel, deadline: Deadline, language: str = "", prompts: str = ""
    ) -> None:
        self.model = model
        self.notes: list[str] = []
        self._deadline = deadline
        self._language = (
            _OTHER_LANGUAGE.format(shorten(language, 40)) if language else _SAME_LANGUAGE
        )
        self._compared = not language
        self._prompt = load(_PROMPT, prompts)

    def question(self, groups: str) -> list[Message]:
        """What the model is asked about `groups`, JSON."""
        return self._prompt.messages(
            {"groups": groups},
            longest=str(MAX_NAME),
            sentence=str(_ASKED_DESCRIPTION),
            language=self._language,
        )

    def __call__(self, clusters: Sequence[Nameable], step: Step) -> list[Described]:
        """One `Described` per cluster, in their order, with names that are all different.

        Raises:
            ModelRefused: the model may not or cannot be used at all, so that not one cluster
                could be named. Whatever else goes wrong leaves offline names and a note.
        """
        self.notes = []
        work = _Work(self, clusters, step)
        work.run()
        if not work.found and isinstance(work.failure, ModelRefused):
            raise work.failure
        described = _unlike(clusters, work.found, work.reasons)
        self._note(work, described)
        return described

    def _note(self, work: _Work, described: Sequence[Described]) -> None:
        kept = sum(not one.by_model for one in described)
        if kept:
            why = ", ".join(f"{n} {reason}" for reason, n in Counter(work.reasons.values()).items())
            failure = f" {work.failure.message}" if work.failure is not None else ""
            self.notes.append(
                f"{kept} of {len(described)} clusters keep the names made from their keywords "
                f"({why}).{failure}"
            )
        if work.invented:
            self.notes.append(
                f"{self.model.name} answered for {work.invented} clusters that do not exist; "
                "that was ignored."
            )


_Numbered = tuple[int, Nameable]
"""A cluster and the number by which the model knows it."""


class _Work:
    """One run of a describer."""

    def __init__(self, owner: Describer, clusters: Sequence[Nameable], step: Step) -> None:
        self._model, self._question, self._step = owner.model, owner.question, step
        self._clusters = list(enumerate(clusters, 1))
        # Names in another language have other words.
        self._vocabulary = Vocabulary([_compared(c) for c in clusters]) if owner._compared else None
        left = owner._deadline.remaining() * SHARE_OF_TIME
        self._deadline = Deadline(left, owner._deadline.limit, owner._deadline.who)
        self._fruitless = 0
        self.found: dict[int, Group] = {}
        self.reasons: dict[int, str] = {}
        self.invented = 0
        self.failure: CreativeError | None = None

    def run(self) -> None:
        """Ask for all clusters, several calls at a time."""
        parts = list(_parts(self._clusters))
        done = 0
        with ThreadPoolExecutor(PARALLEL) as pool:
            for finished in as_completed([pool.submit(self._part, part) for part in parts]):
                done += finished.result()
                self._step.progress(
                    done / len(self._clusters),
                    f"Naming clusters with {self._model.name}: {done} of {len(self._clusters)}",
                )

    def _part(self, part: list[_Numbered]) -> int:
        """Ask for some clusters until each is named or has had its attempts."""
        pending, size = list(part), len(part)
        attempts: Counter[int] = Counter()
        while pending and self._goes_on():
            asked, rest = pending[:size], pending[size:]
            attempts.update(number for number, _ in asked)
            try:
                cut, named = self._asked(asked)
            except CreativeError as error:
                self._failed(error, asked)
                if not isinstance(error, AnswerInvalid):
                    pending = rest
                    continue
                cut, named = False, 0
                size = max(1, size // 4)  # small models lose themselves in long lists
            else:
                self._fruitless = 0
                if cut:
                    size = named or max(1, size // 2)  # what fits into the limit of tokens
            missing = [one for one in asked if one[0] not in self.found]
            progress = cut and named > 0
            pending = [one for one in missing if progress or attempts[one[0]] < ATTEMPTS] + rest
        for number, _ in pending:
            self.reasons.setdefault(number, "were not asked for")
        return len(part)

    def _goes_on(self) -> bool:
        if isinstance(self.failure, ModelRefused) or self._fruitless >= FAILURES_IN_A_ROW:
            return False
        return not self._deadline.expired

    def _failed(self, error: CreativeError, asked: Sequence[_Numbered]) -> None:
        self._fruitless += 1
        self.failure = self.failure or error
        kind = (
            "for lack of time"
            if isinstance(error, DeadlineExceeded)
            else "since the model did not answer"
            if isinstance(error, EngineUnavailable)
            else "since the model's answer was of no use"
        )
        for number, _ in asked:
            self.reasons[number] = kind

    def _asked(self, asked: Sequence[_Numbered]) -> tuple[bool, int]:
        """One call: whether its answer was cut off, and how many clusters it named."""
        try:
            answer = self._ask(asked)
        except RateLimited:
            self._deadline.sleep(RATE_PAUSE_SECONDS, f"waiting for {self._model.name}")
            answer = self._ask(asked)
        wanted = {number for number, _ in asked}
        groups, unreadable = readable(answer.value.groups)
        numbers = Counter(group.id for group in groups)
        self.invented += sum(number not in wanted for number in numbers)
        named = 0
        for number in wanted:
            self.reasons[number] = (
                "came in a form that cannot be used" if number in unreadable else "were left out"
            )
        for group in groups:
            if group.id not in wanted:
                continue
            wrong = "came twice" if numbers[group.id] > 1 else self._wrong(group)
            if wrong:
                self.reasons[group.id] = wrong
            else:
                self.found[group.id] = group
                del self.reasons[group.id]
                named += 1
        return answer.cut, named

    def _wrong(self, group: Group) -> str:
        """Why a name cannot be used; empty if it can."""
        if why := problem(group):
            return why
        said = (group.name, group.description)
        if self._vocabulary is not None and not self._vocabulary.fits(group.id - 1, said):
            return "got a name that has nothing to do with it"
        return ""

    def _ask(self, asked: Sequence[_Numbered]) -> Any:
        shown = {"groups": [_shown(*one) for one in asked]}
        text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        return ask(
            self._model, self._question(text), Groups, self._deadline, self._step, partial=True
        )


def _compared(cluster: Nameable) -> list[str]:
    return [member.keyword for member in cluster.members[:_KEYWORDS_COMPARED]]


def _shown(number: int, cluster: Nameable) -> dict[str, Any]:
    keywords = [
        shorten(member.keyword, _KEYWORD_CHARACTERS) for member in cluster.members[:KEYWORDS_SHOWN]
    ]
    return {"id": number, "keywords": keywords}


def _parts(clusters: Sequence[_Numbered]) -> Iterator[list[_Numbered]]:
    """Clusters that go into one call."""
    part: list[_Numbered] = []
    tokens = 0.0
    for one in clusters:
        size = len(json.dumps(_shown(*one), ensure_ascii=False).encode()) / _BYTES_PER_TOKEN
        if part and (len(part) == PER_CALL or tokens + size > TOKENS_PER_CALL):
            yield part
            part, tokens = [], 0.0
        part.append(one)
        tokens += size
    if part:
        yield part


def _unlike(
    clusters: Sequence[Nameable], found: dict[int, Group], reasons: dict[int, str]
) -> list[Described]:
    """Everything put together; of equal names the first stays."""
    # Offline names are unlike each other: those that stay come first.
    taken = {folded(c.name) for number, c in enumerate(clusters, 1) if number not in found}
    described = []
    for number, cluster in enumerate(clusters, 1):
        group = found.get(number)
        if group is None:
            described.append(_offline(cluster, cluster.name))
        elif folded(group.name) in taken:
            reasons[number] = "got a name that another one has"
            described.append(_offline(cluster, _free(cluster.name, taken)))
        else:
            taken.add(folded(group.name))
            described.append(
                Described(
                    name=group.name,
                    intent=group.intent or cluster.intent,
                    description=group.description,
                )
            )
    return described


def _offline(cluster: Nameable, name: str) -> Described:
    return Described(name=name, intent=cluster.intent, by_model=False)


def _free(name: str, taken: set[str]) -> str:
    """`name`, or with a number if the model gave it to another cluster; it is taken then."""
    free, number = name, 2
    while folded(free) in taken:
        free, number = f"{name} ({number})", number + 1
    taken.add(folded(free))
    return free
