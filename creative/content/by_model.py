"""Prompts by a language model: it names a section and writes; where that is, we know.

The model is shown numbered sections and answers with their numbers, so no offset can be wrong. An
answer that is no use at all is asked for once more by `creative.language.ask`, with what is wrong;
pictures of an answer that cannot be used (a section that does not exist, another language, the
question itself, twice the same) are asked for once more, alone. A model of which nothing can be
used is an error: its place is not taken by the extractive method behind the user's back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pydantic import BaseModel, Field, field_validator

from creative import languages, tokens
from creative.content import names
from creative.content.document import Document, Section
from creative.content.request import Draft, Drafts, ExtractRequest
from creative.content.scenes import scenes
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, shorten
from creative.language import Budget, BudgetSpent, LanguageModel, ask
from creative.prompts import Prompt, load
from creative.settings import Settings
from creative.steps import Step

PROMPT = "extract_image_prompts"
TOKENS_PER_QUESTION = 6000
MOST_QUESTIONS = 4
MOST_SECTIONS = 120
LEAST_PROMPT, MOST_PROMPT = 15, 1500
"""Characters of a prompt that can be used."""
MOST_ALT, MOST_CAPTION = 250, 200
_LEAST_TOKENS = 40
_REFUSED = re.compile(
    r"^\W*(?:i(?:'|’)?m sorry|sorry|i can(?:no|')t|i am unable|as an ai|i(?:'|’)?m unable)", re.I
)
_ECHO = re.compile(r"one paragraph of 20|picture editor of a magazine|that names a subject", re.I)


class Pictured(BaseModel):
    """A picture as the model describes it."""

    section: int = Field(description="number of the section it belongs to")
    prompt: str = Field(description="the prompt for the image generator")
    alt_text: str = Field("", description="what the picture shows")
    caption: str = Field("", description="a short line under the picture")


class Heading(BaseModel):
    """The featured picture as the model describes it."""

    prompt: str = Field(description="the prompt for the image generator")
    alt_text: str = Field("", description="what the picture shows")
    caption: str = Field("", description="a short line under the picture")


class Pictures(BaseModel):
    """What is asked for."""

    pictures: list[Pictured] = Field(min_length=1)
    featured: Heading | None = None

    @field_validator("pictures")
    @classmethod
    def _no_refusal(cls, value: list[Pictured]) -> list[Pictured]:
        if all(_REFUSED.search(one.prompt) for one in value):
            raise ValueError("it says that it cannot do it; describe harmless scenes instead")
        return value


class PicturesAndFeatured(Pictures):
    """With a featured picture."""

    featured: Heading = Field(description="the picture above the article, for all of it")


@dataclass
class _Part:
    """Sections that are shown in one question."""

    numbers: list[int]
    text: str
    wanted: int = 0


@dataclass
class _Work:
    request: ExtractRequest
    document: Document
    title: str
    tag: str
    found: names.Names
    model: LanguageModel
    prompt: Prompt
    deadline: Deadline
    step: Step
    budget: Budget | None
    pictures: list[Draft] = field(default_factory=list)
    featured: Draft | None = None
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    """The same without words of the article: what the model is told in the system message."""

    def refuse(self, why: str, cause: str = "") -> None:
        """Note why a picture of the model's cannot be used."""
        self.why.append(why)
        self.causes.append(cause or why)


def drafts(
    request: ExtractRequest,
    document: Document,
    title: str,
    tag: str,
    found: names.Names,
    settings: Settings,
    model: LanguageModel,
    deadline: Deadline,
    step: Step,
    budget: Budget | None = None,
) -> Drafts:
    """The pictures of an article, by `model`.

    Args:
        request: what is wanted.
        document: the article.
        title: its title.
        tag: the language of the prompts.
        found: names that no prompt may carry.
        settings: for the user's own prompts.
        model: who is asked.
        deadline: the call's clock.
        step: told what the answers cost.
        budget: of all questions; what came before it was spent is kept.

    Raises:
        AnswerInvalid: of what the model answered, nothing can be used.
        CreativeError: whatever kept the model from answering.
    """
    prompt = load(PROMPT, settings.prompts, instructions=request.instructions)
    work = _Work(request, document, title, tag, found, model, prompt, deadline, step, budget)
    parts = _parts(work)
    for number, part in enumerate(parts):
        if not _within_budget(work, part, featured=number == 0):
            return _told(work)
        step.progress((number + 1) / (len(parts) + 1))
    missing = request.max_images - len(work.pictures)
    if (missing > 0 or work.featured is None) and work.why:
        used = {draft.section for draft in work.pictures}
        part = next((p for p in parts if set(p.numbers) - used), parts[0])
        # Only what is missing; what came is paid for and stays.
        part.wanted = max(1, missing)
        _within_budget(work, part, featured=work.featured is None, again=True)
    if not work.pictures:
        raise AnswerInvalid(
            model.name,
            "none of its pictures can be used: " + "; ".join(dict.fromkeys(work.why)),
            "Choose a model that follows instructions better, or leave the model empty: then the "
            "prompts are made by rules.",
        )
    return _told(work)


def _within_budget(work: _Work, part: _Part, featured: bool, again: bool = False) -> bool:
    """Ask, unless that costs too much and there are pictures already; whether to go on."""
    try:
        _ask(work, part, featured, again)
    except BudgetSpent as error:
        if not work.pictures:
            raise
        work.notes.append(error.message)
        return False
    return True


def _told(work: _Work) -> Drafts:
    wanted = work.request.max_images
    work.dropped += list(dict.fromkeys(work.why))
    pictures = sorted(work.pictures[:wanted], key=lambda draft: draft.offset)
    if len(pictures) < wanted:
        work.notes.append(
            f"{work.model.name} described {len(pictures)} pictures that can be used, not {wanted}."
        )
    featured = work.featured
    if featured is None:
        work.notes.append(
            "The model described no featured picture that can be used; the first one stands in."
        )
        featured = pictures[0].model_copy(update={"section": -1})
    return Drafts(
        featured=featured,
        pictures=tuple(pictures),
        dropped=tuple(dict.fromkeys(work.dropped)),
        notes=tuple(work.notes),
    )


def _parts(work: _Work) -> list[_Part]:
    """The sections in as few questions as they fit into; of a book, the beginnings."""
    sections = [(n, s) for n, s in enumerate(work.document.sections) if s.text]
    if len(sections) > MOST_SECTIONS:
        step = -(-len(sections) // MOST_SECTIONS)
        work.notes.append(
            f"The article has {len(sections)} sections; the model was shown one in {step}."
        )
        sections = sections[::step]
    sizes = [tokens.count(_shown(number, section, section.text)) for number, section in sections]
    total, most = sum(sizes), TOKENS_PER_QUESTION * MOST_QUESTIONS
    share = min(1.0, most / total)
    if share < 1:
        work.notes.append(
            f"The article has about {total} tokens; the model was shown the beginnings of its "
            f"sections, {share:.0%} of it."
        )
    parts: list[_Part] = []
    room = 0
    for (number, section), size in zip(sections, sizes, strict=True):
        allowed = min(TOKENS_PER_QUESTION, max(_LEAST_TOKENS, int(size * share)))
        text = section.text
        if size > allowed:
            most = max(tokens.LEAST_TOKENS, allowed)
            # No character counts for less than a seventh of a token: of 1 MB only this is read.
            text = tokens.split(text[: 7 * most], most)[0].text.rstrip() + " …"
        shown = _shown(number, section, text)
        length = tokens.count(shown)
        if not parts or length > room:
            parts.append(_Part([], ""))
            room = TOKENS_PER_QUESTION
        parts[-1].numbers.append(number)
        parts[-1].text += shown
        room -= length
    return _shared(parts[:MOST_QUESTIONS], work.request.max_images)


def _shared(parts: list[_Part], count: int) -> list[_Part]:
    """Each part gets its share of the pictures; those without one are not asked about."""
    total = sum(len(part.text) for part in parts)
    given, seen = 0, 0
    for part in parts:
        seen += len(part.text)
        part.wanted = round(count * seen / total) - given
        given += part.wanted
    kept = [part for part in parts if part.wanted > 0]
    return kept or parts[:1]


def _shown(number: int, section: Section, text: str) -> str:
    heading = f" {section.heading}" if section.heading else ""
    return f"[Section {number + 1}]{heading}\n{text}\n\n"


def _ask(work: _Work, part: _Part, featured: bool, again: bool = False) -> None:
    """One question, and what can be used of its answer."""
    used = {draft.section for draft in work.pictures}
    numbers = [number for number in part.numbers if not again or number not in used]
    numbers = numbers or part.numbers
    rule = (
        "Names of people and trademarks may stay."
        if work.request.allow_names
        else "Never name a person, a firm, a brand or a product: describe what it looks like."
    )
    if again and work.causes:
        causes = "; ".join(dict.fromkeys(work.causes))
        rule += f" Pictures of the last answer could not be used: {shorten(causes, 400)}."
    messages = work.prompt.messages(
        {"article": f"{work.title}\n\n{part.text}"},
        count=str(part.wanted),
        featured=", and one featured picture above it" if featured else "",
        sections=", ".join(str(number + 1) for number in numbers),
        language_of_prompts=languages.name(work.tag),
        language=languages.name(work.document.language) or "the language of the article",
        style=work.request.style or scenes().style,
        audience=work.request.audience,
        names=rule,
    )
    schema = PicturesAndFeatured if featured else Pictures
    answer = ask(
        work.model, messages, schema, work.deadline, work.step, partial=True, budget=work.budget
    ).value
    said = answer.featured
    if featured and said is not None and (prompt := _usable(work, said.prompt, "featured")):
        work.featured = _featured(work, prompt, said)
    for one in answer.pictures:
        if len(work.pictures) >= work.request.max_images:
            break
        _take(work, one, part)


def _take(work: _Work, one: Pictured, part: _Part) -> None:
    number = one.section - 1
    if number not in part.numbers:
        work.refuse(f"a picture for section {one.section}, which does not exist")
        return
    section = work.document.sections[number]
    named = section.heading or "the beginning"
    prompt = _usable(work, one.prompt, f"'{shorten(named, 60)}'")
    if not prompt:
        return
    taken = [draft for draft in work.pictures if draft.section == number]
    blocks = [block for block in section.blocks if block.text]
    if len(taken) >= len(blocks):
        what = f"one more picture for '{shorten(named, 60)}'"
        work.refuse(f"{what}, which has no place for it", "a section has no place for so many")
        return
    fallback = section.heading or work.title
    work.pictures.append(
        Draft(
            section=number,
            offset=blocks[len(taken)].end,
            prompt=prompt,
            alt_text=_line(work, one.alt_text, fallback, MOST_ALT, "alt text"),
            caption=_line(work, one.caption, fallback, MOST_CAPTION, "caption"),
        )
    )


def _featured(work: _Work, prompt: str, said: Heading) -> Draft:
    first = work.document.sections[0]
    return Draft(
        section=-1,
        offset=first.body if first.level == 1 else first.start,
        prompt=prompt,
        alt_text=_line(work, said.alt_text, work.title, MOST_ALT, "alt text"),
        caption=_line(work, said.caption, work.title, MOST_CAPTION, "caption"),
    )


def _usable(work: _Work, said: str, what: str) -> str:
    """The prompt without names; empty, with the reason noted, if it cannot be used."""
    prompt = _cleaned(work, " ".join(said.split()))
    reason = _wrong(work, prompt)
    if reason:
        work.refuse(f"the picture for {what}: {reason}", reason)
        return ""
    return prompt[:MOST_PROMPT]


def _wrong(work: _Work, prompt: str) -> str:
    if len(prompt) < LEAST_PROMPT:
        return "its prompt is empty or too short"
    if _REFUSED.search(prompt):
        return "the model refused"
    if _ECHO.search(prompt):
        return "it repeats the question"
    if languages.base(work.tag) != (guess := languages.guess(prompt)).tag and guess.sure:
        return f"it is in {languages.name(guess.tag)}, not in {languages.name(work.tag)}"
    key = _key(prompt)
    others = [*work.pictures, *([work.featured] if work.featured else [])]
    if key in {_key(draft.prompt) for draft in others}:
        return "it is the same as another one"
    return ""


def _key(prompt: str) -> str:
    return re.sub(r"\W+", " ", prompt.casefold()).strip()


def _cleaned(work: _Work, text: str) -> str:
    """Without names of the article, and without those that the model brought itself."""
    if work.request.allow_names:
        return text
    own = names.find(text)
    every = names.Names(
        tuple(dict.fromkeys([*work.found.people, *own.people])),
        {**work.found.trademarks, **own.trademarks},
    )
    cleaned = names.without(text, every, languages.detect(text) or work.tag)
    work.dropped += [f"{name} (a name or trademark)" for name in cleaned.dropped]
    return cleaned.text


def _line(work: _Work, said: str, fallback: str, most: int, what: str) -> str:
    """A text in the article's language; the heading where the model wrote none."""
    text = shorten(_cleaned(work, said), most) if said.strip() else ""
    guess = languages.guess(text)
    wanted = languages.base(work.document.language)
    if text and guess.sure and wanted and guess.tag != wanted:
        work.notes.append(
            f"An {what} came in {languages.name(guess.tag)}; the section's heading stands in."
            if what == "alt text"
            else f"A {what} came in {languages.name(guess.tag)}; the section's heading stands in."
        )
        text = ""
    return text or shorten(_cleaned(work, fallback), most)
