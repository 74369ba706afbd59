"""Ideas without a language model: templates by language and intent (ideas.yaml), filled with a
cluster's own keywords. They promise nothing that the keywords do not say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from creative import languages
from creative.content import topics, words
from creative.content.idea import Group, Idea, IdeasRequest, content_types
from creative.errors import InvalidInput
from creative.keywords.intent import IntentName, intent_of, usual_intent

SPARE = 3
"""So many more than asked for are offered, for those that turn out to be like others."""
MOST_QUESTIONS = 3
"""Questions among the keywords that become headings."""
MOST_TARGETS = 8


_HOW = re.compile(
    r"^(?:how|wie|como|cómo|comment)\b|怎么|怎麼|怎样|如何|教程|教學|方法|やり方|作り方|使い方|仕方",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^(?:what|why|when|which|who|where|is|are|can|do|does|should|was|warum|wann|wer|welche\w?|wo"
    r"|wieso|weshalb|o que|por que|porque|quando|qual|quais|onde|qué|por qué|cuándo|cuál|dónde|quoi"
    r"|pourquoi|quand|quel\w*|où|qu['’])\b|[?？]$|什么|什麼|多久|能不能|可以吗|吗$|とは$|なぜ|いつ|違い",
    re.IGNORECASE,
)
"""Of keywords that ask, how or else, the keyword itself is the best title."""
_FREE = re.compile(
    r"\b(?:free|download|kostenlos|gratis|grátis|baixar|gratuit\w*|télécharger|descargar)\b"
    r"|免费|免費|下载|下載|無料|ダウンロード",
    re.IGNORECASE,
)
"""Nobody asks what that costs."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Row(_Strict):
    id: str
    type: str


class _Words(_Strict):
    title: str
    angle: str
    outline: tuple[str, ...]


class _Table(_Strict):
    order: dict[IntentName, tuple[str, ...]]
    templates: tuple[_Row, ...]
    languages: dict[str, dict[str, _Words]]


@lru_cache(maxsize=1)
def _table() -> _Table:
    import yaml

    path = Path(__file__).with_name("ideas.yaml")
    return _Table.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def spoken() -> list[str]:
    """Languages that there are templates in."""
    return list(_table().languages)


def check_language(tag: str) -> None:
    """Raises InvalidInput if there are no templates in a language."""
    if languages.base(tag) not in _table().languages:
        known = ", ".join(f"{one} ({languages.name(one)})" for one in spoken())
        raise InvalidInput(
            "language",
            tag,
            f"one of {known} without a language model",
            "Choose a model in the parameter model: it writes in other languages too.",
        )


def group_intent(group: Group, groups: Sequence[Group]) -> str:
    """What a group's searchers want: as its list says, else by its keywords."""
    if group.intent:
        return group.intent
    found = [intent for intent in map(intent_of, group.keywords) if intent]
    if found:
        return max(sorted(set(found)), key=found.count)
    return usual_intent(intent_of(one) for other in groups for one in other.keywords[:10])


def candidates(request: IdeasRequest, group: Group, intent: str) -> list[Idea]:
    """Ideas for a group, the best first, more than asked for.

    The first is about its head; the others about its next keywords, and in another form.
    """
    table, tag = _table(), languages.base(request.language)
    kinds = {row.id: row.type for row in table.templates}
    wanted = request.ideas_per_cluster + SPARE
    made: list[Idea] = []
    forms = list(_order(table, intent, intent, request.content_types, kinds))
    for number in range(wanted):
        topic = group.keywords[number % len(group.keywords)]
        own = intent_of(topic) or intent
        order = _order(table, own, intent, request.content_types, kinds)
        asks = ""
        if number < len(group.keywords) and (_HOW.search(topic) or _ASKS.search(topic)):
            asks = "how_to" if _HOW.search(topic) else "guide"
            order = sorted(order, key=lambda form: form != asks)
        fitting = [form for form in order if form in forms]
        if _FREE.search(topic):
            fitting = [form for form in fitting if form != "price_guide"]
            fitting.sort(key=lambda form: form != "guide")
        if not fitting:
            break
        form = fitting[0]
        forms.remove(form)
        text = table.languages[tag][form]
        shown = topics.shown(topic, tag)
        title = shown if form == asks else text.title.format(topic=topics.plain(shown, tag))
        made.append(_idea(request, group, topic, own, kinds[form], title, text))
    return made


def _order(
    table: _Table, own: str, intent: str, allowed: tuple[str, ...], kinds: dict[str, str]
) -> list[str]:
    """Templates for a keyword's own intent, then for its group's, then all."""
    ranked = [*table.order[own], *table.order[intent], *kinds]  # type: ignore[index]
    return [one for one in dict.fromkeys(ranked) if not allowed or kinds[one] in allowed]


def _idea(
    request: IdeasRequest,
    group: Group,
    topic: str,
    intent: str,
    kind: str,
    title: str,
    text: _Words,
) -> Idea:
    length = words.scaled(content_types()[kind].words, request.language)
    return Idea(
        title=topics.capital(title, request.language),
        angle=text.angle,
        outline=_outline(text.outline, group, topic, languages.base(request.language)),
        target_keywords=targets(group, topic),
        primary_keyword=topic,
        intent=intent,
        content_type=kind,
        estimated_words=length,
        cluster=group.name,
    )


def targets(group: Group, primary: str) -> tuple[str, ...]:
    """The primary keyword and those of the group that come first."""
    return tuple(dict.fromkeys([primary, *group.keywords]))[:MOST_TARGETS]


def _outline(headings: Sequence[str], group: Group, topic: str, tag: str) -> tuple[str, ...]:
    """The template's headings, with what people ask about the topic before the last one."""
    asked = [
        topics.capital(topics.shown(one, tag), tag)
        for one in group.keywords
        if one != topic
        and intent_of(one) == "informational"
        and words.count(one) > 2
        and topics.related(one, topic)
    ]
    return (*headings[:-1], *asked[:MOST_QUESTIONS], headings[-1])
