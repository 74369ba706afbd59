"""How good a variant is, from 0 to 1, and of what that is made.

Each part is from 0 to 1; None means that there was nothing to measure.

    limits        share of its texts that break no limit and stay within the length that readers
                  see (`visible` in platforms.yaml)
    novelty       mean over its texts of 1 - the highest cosine to any text of the source or of
                  another variant for the same platform, by the embedded model
    coverage      mean of: brand named (1 in its texts, else the share of its pictures that show
                  its logo or name), share of must_include that is in it, cosine
                  of the brief to all its texts, by the embedded model; what was not given is
                  left out
    readability   Flesch's reading ease, or characters per sentence (`readability.py`)
    contrast      lowest WCAG contrast ratio of the texts on its pictures / 7, at most 1: 7:1 is
                  what WCAG 2.2 asks for at level AAA (success criterion 1.4.6)
    clutter       1 - mean clutter of its pictures: the share of edges among the pixels behind
                  their texts or of the whole, whichever is more (`draw/measure.py`)

The score is the mean of what was measured, by WEIGHTS. Weights are equal since there are no data
to fit others to, and equal ones predict about as well as fitted ones (R. M. Dawes, The robust
beauty of improper linear models, American Psychologist 34(7), 1979); the two parts of a picture
share one weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creative.ads import limits, platforms
from creative.ads.model import AdsRequest, Copy, Drawn, Look
from creative.ads.readability import readability
from creative.ads.terms import contains
from creative.deadline import Deadline
from creative.keywords.process import WORKER
from creative.steps import Step

WEIGHTS: Mapping[str, float] = {
    "limits": 1.0,
    "novelty": 1.0,
    "coverage": 1.0,
    "readability": 1.0,
    "contrast": 0.5,
    "clutter": 0.5,
}
AAA_RATIO = 7.0
MAX_SOURCE_TEXTS = 40
"""Headings and buttons of a page that variants are compared with."""
_READ = frozenset({"headline", "long_headline", "description", "text"})
"""Roles whose texts a writer is free in."""

Parts = dict[str, float | None]


def scores(
    copies: Sequence[Copy],
    pictures: Sequence[Drawn],
    request: AdsRequest,
    look: Look,
    likeness: Mapping[str, Sequence[float | None]],
) -> list[Parts]:
    """The parts of each of `copies`, in the order of WEIGHTS.

    Args:
        copies: the variants.
        pictures: of all of them.
        request: what was wanted.
        look: the source.
        likeness: of `compared`, or {} if it could not be had.
    """
    brief = likeness.get("brief") or [None] * len(copies)
    novelty = likeness.get("novelty") or [None] * len(copies)
    found = []
    for at, copy in enumerate(copies):
        own = [one for one in pictures if one.variant == copy.id]
        found.append(
            {
                "limits": _limits(copy, request, look),
                "novelty": novelty[at],
                "coverage": _coverage(copy, own, request, look, brief[at]),
                "readability": readability(_texts(copy), look.language),
                "contrast": _contrast(own),
                "clutter": 1.0 - sum(one.clutter for one in own) / len(own) if own else None,
            }
        )
    return [{name: _rounded(value) for name, value in parts.items()} for parts in found]


def total(parts: Mapping[str, float | None]) -> float:
    """The score: the mean of the parts that were measured, by WEIGHTS."""
    measured = {name: value for name, value in parts.items() if value is not None}
    weight = sum(WEIGHTS[name] for name in measured)
    return round(sum(WEIGHTS[name] * value for name, value in measured.items()) / weight, 3)


def compared(
    copies: Sequence[Copy], request: AdsRequest, look: Look, deadline: Deadline, step: Step
) -> dict[str, Any]:
    """How alike variants, source and brief are: `likeness.Told`, from the worker process.

    Raises:
        EngineUnavailable: the worker could not start or ended.
        DeadlineExceeded: out of time.
    """
    asked = {
        "variants": [_texts(copy) for copy in copies],
        "rivals": [
            [n for n, other in enumerate(copies) if n != at and other.platform == copy.platform]
            for at, copy in enumerate(copies)
        ],
        "source": [text for text in _source(look) if text.strip()],
        "brief": request.brief.strip(),
    }
    told: dict[str, Any] = WORKER.call(
        "creative.ads.likeness:job",
        asked,
        deadline,
        lambda done, _: step.progress(done),
        name="comparing the texts of ads",
    )
    return told


def _source(look: Look) -> list[str]:
    words = (look.title, look.description, *look.headings, *look.buttons)
    return list(dict.fromkeys(words))[:MAX_SOURCE_TEXTS]


def _texts(copy: Copy) -> list[str]:
    roles = platforms.platform(copy.platform).roles
    return [text for name, texts in copy.fields.items() if roles[name] in _READ for text in texts]


def _limits(copy: Copy, request: AdsRequest, look: Look) -> float:
    every = {(name, at) for name, texts in copy.fields.items() for at in range(len(texts))}
    place = platforms.platform(copy.platform)
    wanted, avoided = request.must_include, request.must_avoid
    breaches = limits.check(place, copy.fields, wanted, avoided, look.brand)
    broken = {(breach.field, breach.index) for breach in breaches}
    return 1.0 - len(broken & every) / len(every) if every else 0.0


def _coverage(
    copy: Copy, pictures: Sequence[Drawn], request: AdsRequest, look: Look, brief: float | None
) -> float | None:
    said = "\n".join(text for texts in copy.fields.values() for text in texts)
    parts = [] if brief is None else [brief]
    if look.brand:
        shown = sum(one.branded for one in pictures) / len(pictures) if pictures else 0.0
        parts.append(1.0 if contains(said, look.brand) else shown)
    wanted = request.must_include
    if wanted:
        parts.append(sum(contains(said, term) for term in wanted) / len(wanted))
    return sum(parts) / len(parts) if parts else None


def _contrast(pictures: Sequence[Drawn]) -> float | None:
    if not pictures:
        return None
    return min(1.0, min(one.contrast for one in pictures) / AAA_RATIO)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(min(1.0, max(0.0, value)), 3)
