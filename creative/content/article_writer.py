"""The questions that an article is made of, each with its checks and one second attempt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, field_validator

from creative import languages, prompts
from creative.content import article_checks, article_text, given, links, meta, words
from creative.content.article_checks import MOST_AGAIN, MOST_AGAIN_TWICE
from creative.content.article_plan import Part
from creative.content.article_request import ArticleRequest
from creative.deadline import Deadline
from creative.language import Budget, LanguageModel, ask
from creative.steps import Step

SHOWN_SUMMARIES = 14
SHOWN_END = 400
"""Characters of the section before."""
MOST_TEXT = 60_000
"""Characters of one answer."""


class SectionText(BaseModel):
    """A section as a model says it."""

    text: str = Field(min_length=1, max_length=MOST_TEXT)
    summary: str = ""


class _Mended(BaseModel):
    text: str = Field(min_length=1, max_length=MOST_TEXT)


class Question(BaseModel):
    """A question of the FAQ."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


def _line(value: Any) -> str:
    return given.line(value, 1000)


_Text = Annotated[str, BeforeValidator(_line)]


class Ending(BaseModel):
    """What comes after the sections."""

    faq: list[Question] = Field(default_factory=list)
    faq_heading: _Text = ""
    meta_title: _Text = ""
    meta_description: _Text = ""
    slug: _Text = ""


@dataclass(frozen=True)
class Draft:
    """A part that was written.

    Attributes:
        part: what was asked for.
        text: in Markdown, tidied, with links to sources only.
        summary: one sentence.
        removed: addresses that were taken out.
        repeats: whether most of it has been said before, even in the second answer.
    """

    part: Part
    text: str
    summary: str
    removed: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def count(self) -> int:
        """Words, or signs."""
        return words.count(self.text)


class Writer:
    """Asks one model for one article.

    Args:
        request: what is to be written.
        model: who writes.
        override: the provider's setting `prompts`.
        deadline: the call's clock.
        budget: of all questions.
    """

    def __init__(
        self,
        request: ArticleRequest,
        model: LanguageModel,
        override: str,
        deadline: Deadline,
        budget: Budget | None,
    ) -> None:
        self.request = request
        self.model = model
        self.deadline = deadline
        self.budget = budget
        self.prompts = {
            name: prompts.load(name, override, instructions=request.instructions)
            for name in ("article_plan", "article_section", "article_mend", "article_end")
        }
        self.language = languages.name(request.language)
        self.unit = words.unit(request.language)

    def outline(self, count: int, step: Step) -> list[str]:
        """Headings, `count` of them or nearly so.

        Raises:
            CreativeError: see `creative.language.ask`.
        """
        tag = self.request.language

        class Outline(BaseModel):
            headings: list[_Text] = Field(min_length=2)

            @field_validator("headings")
            @classmethod
            def _in_the_language(cls, listed: list[str]) -> list[str]:
                if found := article_checks.wrong_language(" ".join(listed), tag):
                    raise ValueError(f"they are in {found}, not in {languages.name(tag)}")
                return listed

        messages = self.prompts["article_plan"].messages(
            {"article": self._article(())},
            language=self.language,
            sections=str(count),
            audience=self.request.audience,
        )
        answer = ask(self.model, messages, Outline, self.deadline, step, budget=self.budget)
        read = (given.line(article_text.tidy_heading(one), 150) for one in answer.value.headings)
        return list(dict.fromkeys(one for one in read if one))[: count + 2]

    def part(
        self, part: Part, number: int, outline: Sequence[str], before: Sequence[Draft], step: Step
    ) -> Draft:
        """Write a part.

        Args:
            part: which, and how long.
            number: of its section in the outline, from 1; 0: the opening.
            outline: all headings.
            before: what is written already.
            step: told what it costs.

        Raises:
            AnswerInvalid: two answers were no use: refusals, another language, an echo, …
            CreativeError: whatever kept the model from answering.
        """
        messages = self.prompts["article_section"].messages(
            {
                "article": self._article(outline),
                "sources": self._sources(),
                "before": _told(before),
                "section": part.heading or "(the opening)",
            },
            language=self.language,
            words=str(part.target),
            unit=self.unit,
            tone=self.request.tone,
            audience=self.request.audience,
            links=self._links(),
            task=_task(part, number, len(outline)),
        )
        known = self._check(part.target, "article_section")
        earlier = [draft.text for draft in before]
        seen: list[str] = []

        def check(text: str) -> str:
            if text not in seen:
                seen.append(text)
            most = MOST_AGAIN if text == seen[0] else MOST_AGAIN_TWICE
            return known(text) or article_checks.repeats(text, earlier, most)

        answer = ask(
            self.model, messages, _checked(SectionText, check), self.deadline, step,
            budget=self.budget,
        ).value  # fmt: skip
        made = self._draft(part, answer.text, given.line(answer.summary, 300))
        return replace(made, repeats=bool(article_checks.repeats(answer.text, earlier)))

    def mended(
        self,
        draft: Draft,
        change: str,
        target: int,
        keyword: str,
        deadline: Deadline,
        step: Step,
    ) -> Draft:
        """A part after a change.

        Args:
            draft: as it is.
            change: what to do, a sentence of ours.
            target: words afterwards.
            keyword: that the change is about; may be empty.
            deadline: of changes; what comes after them needs time too.
            step: told what it costs.

        Raises:
            CreativeError: as `part`.
        """
        messages = self.prompts["article_mend"].messages(
            {"section": draft.text, "keyword": keyword}, language=self.language, change=change
        )
        check = self._check(target, "article_mend")
        answer = ask(
            self.model, messages, _checked(_Mended, check), deadline, step, budget=self.budget
        )
        made = self._draft(draft.part, answer.value.text, draft.summary)
        removed = tuple(dict.fromkeys([*draft.removed, *made.removed]))
        return replace(made, removed=removed, repeats=draft.repeats)

    def ending(
        self, drafts: Sequence[Draft], outline: Sequence[str], room: int, step: Step
    ) -> Ending:
        """Questions, and what search engines show.

        Args:
            drafts: all parts.
            outline: all headings.
            room: words of all questions and answers together.
            step: told what it costs.

        Raises:
            CreativeError: as `part`.
        """
        wanted, tag = self.request.faq, self.request.language

        class Checked(Ending):
            @field_validator("faq")
            @classmethod
            def _enough(cls, listed: list[Question]) -> list[Question]:
                unique: dict[str, Question] = {}
                for one in listed:
                    unique.setdefault(_folded(one.question), one)
                listed = list(unique.values())
                if len(listed) < wanted:
                    raise ValueError(
                        f"it has {len(listed)} different questions instead of {wanted}"
                    )
                said = " ".join(f"{one.question} {one.answer}" for one in listed)
                if found := article_checks.wrong_language(said, tag):
                    raise ValueError(f"it is in {found}, not in {languages.name(tag)}")
                return listed[:wanted]

        wide = words.counts_signs(tag)
        each = max(1, room // max(1, wanted))
        messages = self.prompts["article_end"].messages(
            {"article": self._article(outline), "sections": _summaries(drafts)},
            language=self.language,
            faq=str(wanted),
            faq_words=str(each),
            unit=self.unit,
            faq_heading="faq_heading: how such a part is called, in that language."
            if wanted
            else "faq_heading: empty.",
            title_limit=str(meta.TITLE_COLUMNS // (2 if wide else 1)),
            description_limit=str(meta.DESCRIPTION_COLUMNS // (2 if wide else 1)),
            meta_unit="full-width characters" if wide else "characters",
        )
        answer: Ending = ask(
            self.model, messages, Checked, self.deadline, step, budget=self.budget
        ).value
        return answer

    def _check(self, target: int, name: str) -> Callable[[str], str]:
        # As shipped: what a user wishes to stand in the text is no echo.
        language, system = self.request.language, prompts.load(name).system
        return lambda text: article_checks.problem(text, language, target, system)

    def _draft(self, part: Part, text: str, summary: str) -> Draft:
        tidied = article_text.tidy(text, part.heading, self.request.title)
        addresses = [one.url for one in self.request.sources if one.url]
        cleaned = links.clean(tidied, addresses, self.request.internal_links)
        return Draft(part, cleaned.text.strip(), summary, cleaned.removed)

    def _article(self, outline: Sequence[str]) -> str:
        request = self.request
        shown: dict[str, Any] = {"title": request.title}
        if request.angle:
            shown["angle"] = request.angle
        if request.keywords:
            shown["keywords"] = list(request.keywords)
        if outline:
            shown["headings"] = {str(n): one for n, one in enumerate(outline, 1)}
        return json.dumps(shown, ensure_ascii=False, indent=1)

    def _sources(self) -> str:
        if not self.request.sources:
            return "(none: name none)"
        shown = [one.model_dump(exclude_defaults=True) for one in self.request.sources]
        return json.dumps(shown, ensure_ascii=False, indent=1)

    def _links(self) -> str:
        rules = []
        if any(one.url for one in self.request.sources):
            rules.append(
                "where a statement rests on a source, link to it as [words](url), with its url "
                "letter by letter; to no other address."
            )
        else:
            rules.append("none to any address.")
        if self.request.internal_links:
            rules.append(
                "Where another page of the same site would help, at most once or twice, write "
                "[[link: topic]] with its topic in a few words."
            )
        return " ".join(rules)


def _checked[S: (SectionText, _Mended)](schema: type[S], check: Callable[[str], str]) -> type[S]:
    """The schema, with a text that is no use refused: `ask` then asks again and says why."""

    class Checked(schema):  # type: ignore[valid-type,misc]
        @field_validator("text")
        @classmethod
        def _of_use(cls, text: str) -> str:
            if found := check(text):
                raise ValueError(found)
            return text

    Checked.__name__ = schema.__name__.strip("_")
    return Checked


def _task(part: Part, number: int, total: int) -> str:
    if not number:
        return (
            "Write the opening of the article, which stands before the first heading: what the "
            "reader will get, and the answer in short. No heading."
        )
    task = f"Write the section of heading {number} of {total}."
    if part.of > 1:
        task += f" It is written in {part.of} parts, and this is part {part.number}"
        task += "; do not end the section yet." if part.number < part.of else ", the last one."
        if part.number > 1:
            task += " Go on where the part before ended."
    return task


def _folded(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.casefold()))


def _told(before: Sequence[Draft]) -> str:
    if not before:
        return "(nothing yet)"
    return f"{_summaries(before[-SHOWN_SUMMARIES:])}\n\nIt ends: …{before[-1].text[-SHOWN_END:]}"


def _summaries(drafts: Sequence[Draft]) -> str:
    told = []
    for one in drafts:
        says = one.summary or given.line(words.plain(one.text), 200)
        told.append(f"- {one.part.heading or '(opening)'}: {says}")
    return "\n".join(told)
