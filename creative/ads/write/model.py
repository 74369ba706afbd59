"""Variants by a language model.

One structured answer for all platforms, or several if it would be too long. What breaks a limit,
or names a price that nobody named, goes back once with what exactly is wrong; so does everything,
if it is in the wrong language. What is wrong then is for the rules of `shorten` to mend, or is
left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, create_model

from creative import languages, prompts
from creative.ads.model import AdsRequest, Copy, Look, counted
from creative.ads.patience import for_writing
from creative.ads.platforms import Platform
from creative.ads.write.drafts import Drafts
from creative.ads.write.rules import House, answer_tokens, described, wanted
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, DeadlineExceeded, shorten
from creative.language import Answer, Image, LanguageModel, Message, PicturesRefused, ask
from creative.settings import Settings
from creative.steps import Step

MOST_TOKENS = 3000
"""Of one answer, about: many models end at 4,096, and long answers get careless."""
MOST_PAGE = 6000
"""Characters of page facts: enough for a landing page."""
MOST_EXAMPLES = 12
MOST_TEXT = 4000
"""Characters of one text that are taken; no platform takes more."""


def _texts(value: Any) -> Any:
    """One text instead of a list, and objects with a text in them, as some models write."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    plain = [one.get("text", one) if isinstance(one, dict) else one for one in listed]
    return [one[:MOST_TEXT] if isinstance(one, str) else one for one in plain if one is not None]


_Texts = Annotated[list[str], BeforeValidator(_texts)]
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


class Fix(BaseModel):
    """A better text for a place."""

    id: str
    field: str
    index: int
    text: str


class Fixes(BaseModel):
    """Better texts for those that broke a rule."""

    fixes: list[Fix]


@dataclass(frozen=True)
class _Part:
    """What is asked for in one question: platforms, with the numbers of their variants."""

    wanted: tuple[tuple[Platform, int, int], ...]

    @property
    def platforms(self) -> list[Platform]:
        return [platform for platform, _, _ in self.wanted]

    @property
    def ids(self) -> list[str]:
        return [f"{p.id}-{n}" for p, first, last in self.wanted for n in range(first, last + 1)]


def write(
    request: AdsRequest,
    look: Look,
    platforms: Sequence[Platform],
    model: LanguageModel,
    settings: Settings,
    deadline: Deadline,
    step: Step,
) -> Drafts:
    """Ask for all variants; what came before a question failed, or time ran out, is kept.

    Raises:
        AnswerInvalid: nothing of the answers can be used, or all of it is in another language.
        DeadlineExceeded: out of time before there was anything.
        CreativeError: whatever kept the model from answering.
    """
    clock = for_writing(deadline, f"asking {model.name}")
    writer = _Writer(request, look, model, settings, clock, step)
    drafts = Drafts()
    parts = list(_parts(platforms, request.count, look.language))
    for number, part in enumerate(parts):
        step.progress(number / len(parts), f"Asking {model.name} ({number + 1} of {len(parts)})")
        try:
            writer.part(part, drafts)
        except CreativeError as error:
            if isinstance(error, DeadlineExceeded):
                # In the words of the whole limit, which somebody can raise.
                error = deadline.error(f"asking {model.name}")
            if not drafts.copies:
                raise error
            # What came until now is paid for; the next question would most likely end like this.
            drafts.broken = True
            drafts.notes.append(f"{model.name} wrote only a part: {error.message} {error.hint}")
            reason = shorten(error.message, 200)
            drafts.dropped += [f"{id}: {reason}" for one in parts[number:] for id in one.ids]
            break
    return drafts


def _parts(platforms: Sequence[Platform], count: int, language: str) -> Iterator[_Part]:
    """Questions whose answers are not too long."""
    part: list[tuple[Platform, int, int]] = []
    room = MOST_TOKENS
    for platform in platforms:
        each = answer_tokens(platform, language)
        first = 1
        while first <= count:
            if room < each and part:
                yield _Part(tuple(part))
                part, room = [], MOST_TOKENS
            last = min(count, first + max(1, room // each) - 1)
            part.append((platform, first, last))
            room -= each * (last - first + 1)
            first = last + 1
    yield _Part(tuple(part))


def answer_schema(platforms: Sequence[Platform]) -> type[BaseModel]:
    """What an answer must be: for each platform a list of variants with its fields.

    Lengths are not in it: a text that is too long is worth mending, not refusing.
    """
    fields: dict[str, Any] = {}
    for platform in platforms:
        texts: dict[str, Any] = {
            rule.name: (_Texts, Field([], description=f"{wanted(rule)} texts"))
            for rule in platform.fields
        }
        texts["angle"] = (_Text, "")
        texts["image_prompt"] = (_Text, "")
        variant = create_model(f"Variant_{platform.id}", **texts)
        fields[platform.id] = (list[variant], Field(min_length=1))
    made: type[BaseModel] = create_model("Variants", **fields)
    return made


@dataclass
class _Writer:
    request: AdsRequest
    look: Look
    model: LanguageModel
    settings: Settings
    deadline: Deadline
    step: Step
    sees: bool = True

    def __post_init__(self) -> None:
        self.house = House(self.request, self.look)

    def part(self, part: _Part, drafts: Drafts) -> None:
        """Ask one question, mend its answer once, and add what came of it."""
        schema = answer_schema(part.platforms)
        messages = self._messages(part)
        answer, messages = self._asked(messages, schema, drafts)
        copies = self._copies(part, answer.value)
        if answer.cut:
            drafts.broken = True
            drafts.notes.append(
                f"The answer of {self.model.name} broke off or ended at its limit of tokens: if "
                "that comes again, raise that limit to get all variants."
            )
        copies = self._mended(part, copies, [*messages, _said(answer.value)], schema, drafts)
        usable = []
        for copy in copies:
            other = self.house.foreign([copy], part.platforms)
            if other:
                drafts.dropped.append(
                    f"{copy.id}: it is in {languages.name(other)} instead of "
                    f"{languages.name(self.look.language)}"
                )
            else:
                usable.append(copy)
        if copies and not usable:
            other = languages.name(self.house.foreign(copies, part.platforms))
            raise AnswerInvalid(
                self.model.name,
                f"it wrote in {other} instead of {languages.name(self.look.language)}, twice",
                "Choose a model that writes this language, or set `language`.",
            )
        drafts.copies += usable
        known = {copy.id for copy in copies}
        for platform, first, last in part.wanted:
            missing = [n for n in range(first, last + 1) if f"{platform.id}-{n}" not in known]
            drafts.dropped += [
                f"{platform.id}-{n}: {self.model.name} wrote {last - first + 1 - len(missing)} of "
                f"{last - first + 1} variants"
                for n in missing
            ]

    def _asked(
        self, messages: list[Message], schema: type[BaseModel], drafts: Drafts
    ) -> tuple[Answer[Any], list[Message]]:
        given = (self.deadline, self.step)
        try:
            return ask(self.model, messages, schema, *given, partial=True), messages
        except PicturesRefused:
            # Refused before anything was done: not the same question twice.
            self.sees = False
            drafts.notes.append(
                f"{self.model.name} takes no pictures: it wrote from the texts alone."
            )
            plain = [message.model_copy(update={"images": ()}) for message in messages]
            return ask(self.model, plain, schema, *given, partial=True), plain

    def _mended(
        self,
        part: _Part,
        copies: list[Copy],
        conversation: list[Message],
        schema: type[BaseModel],
        drafts: Drafts,
    ) -> list[Copy]:
        """`copies` after the one correction, if they need it."""
        conversation = [one.model_copy(update={"images": ()}) for one in conversation]
        by_id = {platform.id: platform for platform in part.platforms}
        other = self.house.foreign(copies, part.platforms)
        problems = [b for copy in copies for b in self.house.breaches(copy, by_id[copy.platform])]
        if not other and not problems:
            return copies
        self.step.progress(0.9, f"Asking {self.model.name} to mend its texts")
        language = languages.name(self.look.language)
        try:
            if other:
                told = self._prompt("ads_rewrite").messages(
                    {}, language=language, found=languages.name(other)
                )
                again = ask(
                    self.model, _after(conversation, told), schema, self.deadline, self.step,
                    partial=True,
                )  # fmt: skip
                return self._copies(part, again.value)
            shown = json.dumps(problems, ensure_ascii=False, indent=0)
            told = self._prompt("ads_correct").messages({"problems": shown}, language=language)
            fixed = ask(
                self.model, _after(conversation, told), Fixes, self.deadline, self.step,
                partial=True,
            )  # fmt: skip
        except CreativeError as error:
            # Also when time ran out: rules shorten what is too long.
            drafts.broken = True
            what = (
                f"{counted(len(problems), 'text')} with broken rules" if problems else "its texts"
            )
            drafts.notes.append(f"{self.model.name} did not mend {what}: {error.message}")
            return copies
        return _with_fixes(copies, fixed.value.fixes)

    def _messages(self, part: _Part) -> list[Message]:
        platforms = [described(p, last - first + 1) for p, first, last in part.wanted]
        return self._prompt("ads_write").messages(
            {"page": page_facts(self.look), "examples": _examples(self.request)},
            images=self._pictures(),
            language=languages.name(self.look.language),
            platforms="\n\n".join(platforms),
            **told_wishes(self.request, self.look),
        )

    def _pictures(self) -> list[Image]:
        data = self.look.image if self.request.source_image else self.look.screenshot
        if not data or not self.sees:
            return []
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        return [Image(data=data, mime_type=kind)]

    def _prompt(self, name: str) -> prompts.Prompt:
        return prompts.load(name, self.settings.prompts)

    def _copies(self, part: _Part, value: BaseModel) -> list[Copy]:
        copies = []
        for platform, first, last in part.wanted:
            names = [rule.name for rule in platform.fields]
            written = getattr(value, platform.id)[: last - first + 1]
            for number, one in enumerate(written, first):
                texts = {name: _clean(getattr(one, name)) for name in names}
                fields = {name: found for name, found in texts.items() if found}
                if not fields:
                    continue
                copies.append(
                    Copy(
                        id=f"{platform.id}-{number}",
                        platform=platform.id,
                        fields=fields,
                        angle=shorten(one.angle, 30).lower(),
                        image_prompt=shorten(one.image_prompt, 600),
                        engine="model",
                    )
                )
        return copies


def wishes(request: AdsRequest, look: Look) -> dict[str, str]:
    """What the user wants, by the placeholders of the prompts."""
    return {
        "brand": look.brand or request.brand,
        "brief": request.brief,
        "tone": request.tone,
        "must_include": "; ".join(request.must_include),
        "must_avoid": "; ".join(request.must_avoid),
    }


def told_wishes(request: AdsRequest, look: Look) -> dict[str, str]:
    """The same for a prompt: a brand that only the page names is among the page's facts."""
    brand = request.brand or ("see what the page says" if look.brand else "")
    return {**wishes(request, look), "brand": brand}


def page_facts(look: Look) -> str:
    """What is known of the page, as text for a prompt."""
    facts: Mapping[str, object] = {
        "brand": look.brand,
        "title": look.title,
        "description": look.description,
        "headings": look.headings,
        "prices": look.prices,
        "buttons": look.buttons,
        "text": look.text,
    }
    lines = [
        f"{name}: {value if isinstance(value, str) else ' | '.join(map(str, value))}"  # type: ignore[call-overload]
        for name, value in facts.items()
        if value
    ]
    return "\n".join(lines)[:MOST_PAGE] or "(no page was given)"


def _examples(request: AdsRequest) -> str:
    told = [
        json.dumps(
            {
                name: value
                for name, value in (
                    ("verdict", one.verdict), ("rating of 5", one.rating), ("note", one.note),
                    ("texts", one.fields),
                )
                if value
            },
            ensure_ascii=False,
        )
        for one in request.feedback[:MOST_EXAMPLES]
    ]  # fmt: skip
    return "\n".join(told) or "(none)"


def _clean(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(clean for text in texts if (clean := text.strip()))


def _said(value: BaseModel) -> Message:
    return Message(role="assistant", text=value.model_dump_json(exclude_defaults=True))


def _after(conversation: Sequence[Message], told: Sequence[Message]) -> list[Message]:
    """A later question in a conversation: its system text is part of what the user says."""
    return [*conversation, Message(role="user", text="\n\n".join(one.text for one in told))]


def _with_fixes(copies: Sequence[Copy], fixes: Sequence[Fix]) -> list[Copy]:
    """`copies` with better texts where there are some; a place that does not exist is ignored."""
    fields = {
        copy.id: {name: list(texts) for name, texts in copy.fields.items()} for copy in copies
    }
    for fix in fixes:
        texts = fields.get(fix.id, {}).get(fix.field)
        text = fix.text.strip()[:MOST_TEXT]
        if fix.id not in fields or not text:
            continue
        if texts is None:
            fields[fix.id][fix.field] = [text]
        elif 0 <= fix.index < len(texts):
            texts[fix.index] = text
        else:
            texts.append(text)
    return [
        copy.model_copy(update={"fields": {name: tuple(t) for name, t in fields[copy.id].items()}})
        for copy in copies
    ]
