"""Ideas by a language model: clusters in batches, one structured answer for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from creative import languages, prompts, tokens
from creative.content import given, words
from creative.content.idea import (
    Dropped,
    Group,
    Idea,
    IdeasRequest,
    content_types,
    fitting_type,
    known_intent,
)
from creative.content.ideas_builtin import MOST_TARGETS, targets
from creative.deadline import Deadline
from creative.errors import shorten
from creative.language import Budget, LanguageModel, ask
from creative.steps import Step

IDEAS_AT_ONCE = 5
"""In one answer: about 1,250 tokens, two minutes of a slow model; Dify ends a model's call after
240 s."""
TOKENS_AT_ONCE = 4000
"""Of clusters in one question, about."""
KEYWORDS_SHOWN = 15
TAKEN_SHOWN = 80
MOST_HEADINGS = 12


def _strings(value: Any) -> Any:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return [text for text in (given.entry(one) for one in listed) if text]


def _line(value: Any) -> str:
    return given.line(value)


_Texts = Annotated[list[str], BeforeValidator(_strings)]
_Text = Annotated[str, BeforeValidator(_line)]


class Said(BaseModel):
    """An idea as a model says it."""

    cluster: int = Field(description="number of its cluster")
    title: _Text = Field(min_length=1)
    angle: _Text = ""
    outline: _Texts = Field(default_factory=list, description="3 to 8 headings")
    target_keywords: _Texts = Field(default_factory=list)
    primary_keyword: _Text = ""
    intent: _Text = ""
    content_type: _Text = ""


class SaidIdeas(BaseModel):
    """An answer."""

    ideas: list[Said] = Field(min_length=1)


class Asker:
    """Asks one model for ideas.

    Args:
        request: the whole request.
        intents: of each group.
        model: who is asked.
        override: the provider's setting `prompts`.
        deadline: the call's clock.
        budget: of all questions.
    """

    def __init__(
        self,
        request: IdeasRequest,
        intents: Mapping[str, str],
        model: LanguageModel,
        override: str,
        deadline: Deadline,
        budget: Budget | None,
    ) -> None:
        self.request = request
        self.intents = intents
        self.model = model
        self.deadline = deadline
        self.budget = budget
        self.prompt = prompts.load("content_ideas", override, instructions=request.instructions)

    def batches(self, groups: Sequence[Group]) -> Iterator[list[Group]]:
        """Groups that fit into one question."""
        most = max(1, IDEAS_AT_ONCE // self.request.ideas_per_cluster)
        batch: list[Group] = []
        room = TOKENS_AT_ONCE
        for group in groups:
            needed = tokens.count(json.dumps(self._shown(group, 1), ensure_ascii=False))
            if batch and (len(batch) == most or needed > room):
                yield batch
                batch, room = [], TOKENS_AT_ONCE
            batch.append(group)
            room -= needed
        if batch:
            yield batch

    def ideas(
        self, groups: Sequence[Group], taken: Sequence[str], step: Step, wrong: Sequence[str] = ()
    ) -> tuple[list[tuple[Group, Idea]], list[Dropped]]:
        """Ideas for some groups, and what of the answer cannot be used.

        Args:
            groups: at most as many as `batches` puts together.
            taken: titles that exist already, the newest last.
            step: told what it costs.
            wrong: why ideas of earlier answers could not be used.

        Raises:
            CreativeError: whatever kept the model from answering, or an answer that is no use.
        """
        shown = [self._shown(group, number) for number, group in enumerate(groups, 1)]
        kinds = self.request.content_types or tuple(content_types())
        messages = self.prompt.messages(
            {
                "clusters": json.dumps(shown, ensure_ascii=False, indent=1),
                "taken": "\n".join(taken[-TAKEN_SHOWN:]) or "(none)",
            },
            language=languages.name(self.request.language),
            each=str(self.request.ideas_per_cluster),
            audience=self.request.audience,
            content_types="\n".join(f"- {one}: {content_types()[one].says}" for one in kinds),
        )
        if wrong:
            causes = shorten("; ".join(dict.fromkeys(wrong)), 400)
            told = f"{messages[0].text}\n\nIdeas of the last answer could not be used: {causes}."
            messages = [messages[0].model_copy(update={"text": told}), *messages[1:]]
        answer = ask(
            self.model, messages, SaidIdeas, self.deadline, step, partial=True, budget=self.budget
        )
        kept: list[tuple[Group, Idea]] = []
        dropped: list[Dropped] = []
        for said in answer.value.ideas:
            reason = self._useless(said, len(groups))
            if reason:
                dropped.append(Dropped(title=said.title[:200], reason=reason))
                continue
            group = groups[said.cluster - 1]
            if sum(other is group for other, _ in kept) >= self.request.ideas_per_cluster:
                reason = f"more than {self.request.ideas_per_cluster} for its cluster"
                dropped.append(Dropped(title=said.title[:200], reason=reason))
                continue
            kept.append((group, self._idea(said, group)))
        return kept, dropped

    def _shown(self, group: Group, number: int) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "cluster": number,
            "name": group.name,
            "intent": self.intents.get(group.name, ""),
            "keywords": list(group.keywords[:KEYWORDS_SHOWN]),
        }
        return {**shown, "description": group.description} if group.description else shown

    def _useless(self, said: Said, count: int) -> str:
        if not 1 <= said.cluster <= count:
            return "of no cluster that was asked for"
        if "{{" in said.title or "<data" in said.title or said.title.startswith("{"):
            return "a piece of the question"
        told = languages.guess(" ".join([said.title, said.angle, *said.outline]))
        if told.sure and told.tag and told.tag != languages.base(self.request.language):
            return f"written in {languages.name(told.tag)}"
        return ""

    def _idea(self, said: Said, group: Group) -> Idea:
        """The idea with what can be known for sure: keywords of its cluster, kind and length."""
        own = {one.casefold(): one for one in group.keywords}
        named = [own[one.casefold()] for one in said.target_keywords if one.casefold() in own]
        primary = own.get(said.primary_keyword.casefold()) or (named or group.keywords)[0]
        wanted = tuple(dict.fromkeys([primary, *named]))[:MOST_TARGETS]
        intent = known_intent(said.intent) or self.intents.get(group.name, "informational")
        kind = said.content_type.lower().replace(" ", "_").replace("-", "_")
        allowed = self.request.content_types or tuple(content_types())
        notes = ""
        strange = [one for one in said.target_keywords if one.casefold() not in own]
        if strange:
            notes = f"Keywords that are not in the cluster were left out: {', '.join(strange[:5])}."
        kind = kind if kind in allowed else fitting_type(intent, self.request.content_types)
        headings = [one[:150] for one in dict.fromkeys(said.outline)]
        return Idea(
            title=said.title[:200],
            angle=said.angle,
            outline=tuple(headings[:MOST_HEADINGS]),
            target_keywords=wanted if len(wanted) > 1 else targets(group, primary),
            primary_keyword=primary,
            intent=intent,
            content_type=kind,
            estimated_words=words.scaled(content_types()[kind].words, self.request.language),
            cluster=group.name,
            notes=notes,
        )
