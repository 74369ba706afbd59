"""Scripted models: one writes articles and ideas as it is asked to, one says what it is told to."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

from creative.deadline import Deadline
from creative.language import Completion, Message
from tests.models_server import DONE, END, event, streaming

_FIRST = "Hot water runs through the ground beans and takes their flavour along with it."
_THINGS = """
    grinder boiler pump filter basket lever gauge kettle spout tray cup jug scale timer brush
    cloth hose valve seal spring tank handle nozzle hopper burr lid rack shelf bench drawer
    saucer spoon
"""
_KINDS = """
    small heavy clean narrow plain steady careful quiet modern sturdy simple patient shiny rough
    deep thin round square loose firm warm cool early later useful honest common rare gentle
    even bright dull
"""
_DOES = """
    holds keeps warms guides lifts covers follows limits protects measures carries steadies
    fills empties cleans cools drains turns blocks opens closes supports reaches shapes saves
    spreads slows eases
"""
_WORDS = re.compile(r"about\s+(\d+)\s+(?:words|characters)")


_TEXTS = itertools.count(1)


def text(count: int) -> str:
    """English prose of exactly so many words, in paragraphs; nothing of it is said twice."""
    dice = random.Random(next(_TEXTS))

    def sentence() -> str:
        one, two = dice.sample(_THINGS.split(), 2)
        how, where = dice.sample(_KINDS.split(), 2)
        return f"The {how} {one} {dice.choice(_DOES.split())} your {where} {two}."

    every = _FIRST.split() if count > 20 else []
    while len(every) < count:
        every += sentence().split()
    every = every[:count]
    every[-1] = every[-1].strip(".,") + "."
    return "\n\n".join(" ".join(every[n : n + 60]) for n in range(0, count, 60))


def kind(messages: Sequence[Message]) -> str:
    """Which of the prompts it is: plan, section, mend, end or ideas."""
    system = messages[0].text
    found = {
        "You plan articles": "plan",
        "You write one section": "section",
        "You edit one section": "mend",
        "You finish an article": "end",
        "You plan the articles": "ideas",
    }
    return next(name for start, name in found.items() if system.startswith(start))


def asked_words(messages: Sequence[Message]) -> int:
    """How many words a section is to have."""
    system = messages[0].text
    found = _WORDS.findall(system)
    return int(found[-1] if system.startswith("You edit") else found[0])


def clusters_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The clusters of a question for ideas."""
    body = messages[1].text
    start = body.index("[", body.index('<data name="clusters"'))
    found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(body[start:])[0]
    return found


def reply(messages: Sequence[Message]) -> dict[str, Any]:
    """What a good model says."""
    which = kind(messages)
    if which == "plan":
        count = int(re.findall(r"exactly (\d+) headings", messages[0].text)[0])
        return {"headings": [f"What to know, part {n}" for n in range(1, count + 1)]}
    if which == "end":
        count = int(re.findall(r"exactly (\d+) questions", messages[0].text)[0])
        each = asked_words(messages)
        asked = [
            {"question": f"What about question {n}?", "answer": text(max(5, each - 4))}
            for n in range(1, count + 1)
        ]
        return {
            "faq": asked,
            "faq_heading": "Questions and answers",
            "meta_title": "Espresso at home, explained",
            "meta_description": "What you need for good espresso at home, and how to begin.",
            "slug": "espresso-at-home",
        }
    if which == "ideas":
        return {"ideas": [_idea(one) for one in clusters_of(messages)]}
    return {"text": text(asked_words(messages)), "summary": "It says what matters."}


def _idea(cluster: dict[str, Any]) -> dict[str, Any]:
    head = cluster["keywords"][0]
    return {
        "cluster": cluster["cluster"],
        "title": f"What nobody tells you about {head}",
        "angle": "It begins with what beginners get wrong.",
        "outline": ["The short answer", "What to look for", "What it takes"],
        "target_keywords": cluster["keywords"][:3],
        "primary_keyword": head,
        "intent": "commercial",
        "content_type": "buying_guide",
    }


Said = str | dict[str, Any] | Completion | Exception
Turn = Callable[[Sequence[Message], int], Said | None]


def completion(said: Said) -> Completion:
    """What a model answers that says this; an error is raised."""
    if isinstance(said, Exception):
        raise said
    if isinstance(said, Completion):
        return said
    body = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return Completion(text=body, prompt_tokens=100, completion_tokens=50, price=0.01)


class Parrot:
    """A `LanguageModel` that says one answer after the other.

    Args:
        answers: what it says; a function is asked with the messages and the call's clock.
    """

    name = "parrot"

    def __init__(self, *answers: Said | Callable[[Sequence[Message], Deadline], Said]) -> None:
        self.answers = list(answers)
        self.heard: list[list[Message]] = []

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        self.heard.append(list(messages))
        said = self.answers.pop(0)
        return completion(said(messages, deadline) if callable(said) else said)

    def told(self, number: int) -> str:
        """Everything that was said to it in one question."""
        return "\n".join(message.text for message in self.heard[number])


class Author:
    """A `LanguageModel`.

    Args:
        turn: what to say instead of `reply`, by the messages and the number of the question from
            1; None: the usual.
    """

    name = "author"

    def __init__(self, turn: Turn | None = None) -> None:
        self.turn = turn
        self.heard: list[list[Message]] = []

    def complete(
        self,
        messages: Sequence[Message],
        deadline: Deadline,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        self.heard.append(list(messages))
        said = self.turn(messages, len(self.heard)) if self.turn else None
        return completion(reply(messages) if said is None else said)

    def kinds(self) -> list[str]:
        """Which questions were asked, in order."""
        return [kind(messages) for messages in self.heard]

    def told(self, number: int) -> str:
        """Everything that was said to it in one question."""
        return "\n".join(message.text for message in self.heard[number])


def author(request: BaseHTTPRequestHandler, read: bytes | None = None) -> None:
    """An OpenAI-compatible endpoint with such a model behind it.

    Args:
        request: of which the body is read.
        read: the body, if somebody has read it already.
    """
    length = int(request.headers.get("Content-Length") or 0)
    body = json.loads(request.rfile.read(length) if read is None else read)
    messages = [Message(role=one["role"], text=one["content"]) for one in body["messages"]]
    content = json.dumps(reply(messages))
    streaming(event(content), event(reason="stop"), END, DONE)(request)
