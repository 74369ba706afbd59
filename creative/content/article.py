"""An article from a title, headings and keywords: written part by part by a language model.

1. The words are shared out among the parts (`article_plan`); without headings, the model plans
   them.
2. Each part is one question of at most 900 words, with what the parts before said. What a part is
   too short or too long, the next ones make up for.
3. Questions and answers, meta title and description, in one more question.
4. If the whole is more than 10 % off, the parts that are furthest off are changed once each; so is
   the part with most of a keyword that is used too often. What is still off is told in a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative import languages
from creative.content import article_kept, article_plan, links, meta, words
from creative.content.article_kept import Begun, unfinished
from creative.content.article_mending import Mender
from creative.content.article_plan import Plan
from creative.content.article_request import ArticleRequest
from creative.content.article_whole import assembled
from creative.content.article_writer import Draft, Ending, Question, Writer
from creative.content.markdown_html import html
from creative.content.words import KeywordUse
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError
from creative.language import Budget, LanguageModel
from creative.settings import Settings
from creative.steps import Phase, Steps

_NAME = "content.write_article"
MOST_BYTES = 120_000
"""Of the text in the JSON message, which has 200,000 for everything."""


class UsedSource(BaseModel):
    """A source that was given."""

    model_config = ConfigDict(frozen=True)

    url: str
    title: str
    used: bool = Field(description="whether the article links to it")


class Article(BaseModel):
    """A finished article."""

    model_config = ConfigDict(frozen=True)

    title: str
    language: str
    article: str = Field(description="Markdown, with the title as its first heading")
    html: str = Field(description="the same as HTML, without scripts or any HTML of the model's")
    meta_title: str
    meta_description: str
    slug: str
    outline: tuple[str, ...]
    faq: tuple[Question, ...]
    word_count: int = Field(description="words, or characters in Chinese and Japanese")
    keyword_use: tuple[KeywordUse, ...]
    sources: tuple[UsedSource, ...]
    internal_links: tuple[str, ...] = Field(description="topics of [[link: …]] in the text")
    notes: tuple[str, ...]

    def variables(self) -> dict[str, Any]:
        """By the names of the node's outputs."""
        return self.model_dump(mode="json")

    def compact(self) -> dict[str, Any]:
        """The same without the HTML, and without a text that is too long for one message."""
        data = self.model_dump(mode="json", exclude={"html"})
        if len(self.article.encode()) > MOST_BYTES:
            del data["article"]
        return data

    def page(self) -> str:
        """A whole HTML page."""
        head = (
            f"<title>{escape(self.meta_title)}</title>"
            f'<meta name="description" content="{escape(self.meta_description)}">'
        )
        return (
            f'<!doctype html><html lang="{self.language}"><meta charset="utf-8">{head}'
            f"<body>\n{self.html}</body></html>\n"
        )

    def summary(self) -> str:
        """The article for people, with what there is to say about it."""
        facts = f"{self.word_count} {words.unit(self.language)}; {self.meta_title}"
        return "\n\n".join([self.article.strip(), "---", facts, *self.notes])


def write_article(
    request: ArticleRequest,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel,
    budget: Budget | None = None,
    owner: str = "",
) -> Article:
    """Write an article.

    Args:
        request: what it is to be.
        settings: the provider's; `prompts` is read.
        deadline: the call's clock.
        steps: told which part is being written.
        model: who writes.
        budget: of all questions.
        owner: who asks; the finished parts of a call that broke off are kept for the same
            owner, half an hour long, and taken by the next call with the same request; "": nobody
            knows whose they are, and nothing is kept.

    Raises:
        AnswerInvalid: the model's answers for a part cannot be used; the error names the part.
        CreativeError: whatever kept the model from answering, with the part it was for.
    """
    writer = Writer(request, model, settings.prompts, deadline, budget)
    known = article_kept.known_by(request, model.name, settings.prompts, owner)
    begun = unfinished().take(known) if owner else Begun()
    try:
        return _Work(request, writer, deadline, steps, begun).done()
    except CreativeError as error:
        if owner and unfinished().put(known, begun) and begun.drafts:
            count = len(begun.drafts)
            parts = "1 finished part is" if count == 1 else f"{count} finished parts are"
            again = f"{parts} kept for half an hour: the same call goes on from there."
            error.hint = f"{error.hint} {again}".strip()
        error.without(())  # its text is made anew
        raise


class _Work:
    """One call."""

    def __init__(
        self,
        request: ArticleRequest,
        writer: Writer,
        deadline: Deadline,
        steps: Steps,
        begun: Begun,
    ) -> None:
        self.request = request
        self.writer = writer
        self.deadline = deadline
        self.steps = steps
        self.begun = begun
        self.notes: list[str] = []

    def done(self) -> Article:
        """The article."""
        self._look_at_title()
        plan, outline = self._planned()
        self._write(plan, outline)
        ending = self._ending(plan, outline)
        mender = Mender(
            self.request,
            self.writer,
            self.deadline,
            self.steps,
            lambda parts: assembled(self.request, parts, ending),
        )
        drafts = mender.mended(self.begun.drafts, self.notes)
        with self.steps.step(Phase.SAVE, "Putting the article together", function=_NAME):
            return self._article(drafts, outline, ending)

    def _look_at_title(self) -> None:
        told = languages.guess(self.request.title)
        if told.sure and told.tag != languages.base(self.request.language):
            self.notes.append(
                f"The title was given in {languages.name(told.tag)} and stays so; the article is "
                f"in {languages.name(self.request.language)}."
            )

    def _planned(self) -> tuple[Plan, list[str]]:
        request = self.request
        kept = len(self.begun.drafts)
        if kept:
            parts = "1 part is" if kept == 1 else f"{kept} parts are"
            self.notes.append(f"{parts} from an earlier call that broke off.")
        outline = list(request.outline) or self.begun.outline
        with self.steps.step(Phase.PREP, "Planning the article", function=_NAME) as step:
            if not outline:
                try:
                    outline = self.writer.outline(article_plan.section_count(request), step)
                except CreativeError as error:
                    raise _of("The outline", error) from None
            plan = article_plan.plan(request, outline)
        self.begun.outline = outline
        if plan.left_out:
            self.notes.append(
                f"{request.words} {words.unit(request.language)} are too few for all headings; "
                f"left out: {', '.join(plan.left_out)}."
            )
        return plan, outline[: len(outline) - len(plan.left_out)]

    def _write(self, plan: Plan, outline: Sequence[str]) -> None:
        drafts, total = self.begun.drafts, len(plan.parts)
        for place, part in enumerate(plan.parts):
            if place < len(drafts):
                continue
            number = outline.index(part.heading) + 1 if part.heading else 0
            name = _place(part.heading, number, len(outline))
            until = 25 + round(39 * (place + 1) / total)
            owed = sum(p.target for p in plan.parts[:place]) - sum(d.count for d in drafts)
            ahead = sum(p.target for p in plan.parts[place:])
            language = self.request.language
            target = article_plan.rebalanced(part.target, ahead, owed, language)
            asked = article_plan.Part(part.heading, target, part.number, part.of)
            with self.steps.step(Phase.AI_CALL, name, until, function=_NAME) as step:
                try:
                    made = self.writer.part(asked, number, outline, drafts, step)
                except CreativeError as error:
                    raise _of(name, error) from None
                if not words.count(made.text):
                    raise _of(name, AnswerInvalid(self.writer.model.name, "nothing is left of it"))
            drafts.append(replace(made, part=part))

    def _ending(self, plan: Plan, outline: Sequence[str]) -> Ending:
        name = "Questions, title and description"
        with self.steps.step(Phase.AI_CALL, name, function=_NAME) as step:
            try:
                ending = self.writer.ending(self.begun.drafts, outline, plan.faq_target, step)
            except CreativeError as error:
                raise _of(name, error) from None
        cleaned = [
            Question(question=self._text(one.question), answer=self._text(one.answer))
            for one in ending.faq
        ]
        return ending.model_copy(update={"faq": cleaned})

    def _text(self, said: str) -> str:
        """A line of plain text: no marks, no links."""
        return words.plain(links.clean(" ".join(said.split()), (), False).text).strip()

    def _article(self, drafts: Sequence[Draft], outline: Sequence[str], ending: Ending) -> Article:
        request = self.request
        text = assembled(request, drafts, ending)
        count, unit = words.count(text), words.unit(request.language)
        if abs(count - request.words) > request.words * article_plan.TOLERANCE:
            self.notes.append(
                f"The article has {count} {unit}; {request.words} were asked for, and the model "
                "did not come nearer."
            )
        use = words.keyword_use(request.keywords, text)
        self.notes += [
            f"The keyword '{one.keyword}' is {one.warning}"
            + (f": {one.count} times, {one.density} %." if one.warning == "stuffed" else ".")
            for one in use
            if one.warning
        ]
        again = [draft.part.heading or "the opening" for draft in drafts if draft.repeats]
        if again:
            self.notes.append(
                f"{self.writer.model.name} says in these sections much that has been said before: "
                f"{', '.join(again)}."
            )
        removed = list(dict.fromkeys(one for draft in drafts for one in draft.removed))
        if removed:
            self.notes.append(f"Links that nobody gave were taken out: {', '.join(removed[:8])}.")
        addresses = [one.url for one in request.sources if one.url]
        linked = links.clean(text, addresses, request.internal_links)
        if request.internal_links and not linked.placeholders:
            self.notes.append(f"{self.writer.model.name} marked no place for an internal link.")
        opening = words.plain(drafts[0].text)
        title = self._text(ending.meta_title) or request.title
        if meta.columns(title) > meta.TITLE_COLUMNS >= meta.columns(request.title):
            title = request.title  # whole, instead of one that breaks off
        return Article(
            title=request.title,
            language=request.language,
            article=text,
            html=html(text, self.deadline),
            meta_title=meta.title(title),
            meta_description=meta.description(self._text(ending.meta_description) or opening),
            slug=meta.slug(request.title, request.language, ending.slug),
            outline=tuple(outline),
            faq=tuple(ending.faq),
            word_count=count,
            keyword_use=tuple(use),
            sources=tuple(
                UsedSource(url=one.url, title=one.title, used=one.url in linked.used)
                for one in request.sources
            ),
            internal_links=linked.placeholders,
            notes=tuple(self.notes),
        )


def _place(heading: str, number: int, total: int) -> str:
    return f"Section {number} of {total}: {heading}" if number else "The opening"


def _of(place: str, error: CreativeError) -> CreativeError:
    """The error, with the part of the article that it is about."""
    error.message = f"{place}: {error.message}"
    return error.without(())
