"""A variant brought within its platform's rules, by rule: no model, nothing random.

    fit(copy, platform("google_search"), "en", must_include=("USB",)) -> Copy

Texts are mended (forbidden marks), shortened where a text may end (`cutting.py`), or left out;
what is missing is taken from the variant's other texts. Every change is a note. What `fit` returns
breaks no rule of `limits.check` but advice, and goes through `fit` again unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

from creative.ads.counting import measure
from creative.ads.draft import FREE, Draft, mended_for
from creative.ads.limits import UNIT_NAMES
from creative.ads.marks import forbidden
from creative.ads.model import Copy
from creative.ads.platforms import Platform
from creative.ads.terms import contains
from creative.errors import InvalidInput
from creative.errors import shorten as one_line


def fit(
    copy: Copy,
    platform: Platform,
    language: str,
    must_include: Sequence[str] = (),
    must_avoid: Sequence[str] = (),
    brand: str = "",
) -> Copy:
    """`copy` with texts that keep every rule; notes say what was changed.

    Args:
        copy: a variant as its writer left it.
        platform: whose rules.
        language: BCP 47 tag of its texts.
        must_include: terms that must be in it; what no text says is added to one.
        must_avoid: terms that must not; sentences with them go, else the text.
        brand: fills the field of that role, and may be in capitals.

    Raises:
        InvalidInput: `must_include` has no room within the limits, or has what `must_avoid`
            excludes; the platform demands a brand and there is none.
        AnswerInvalid: too few texts are left for a field that the platform demands.
    """
    wanted = tuple(term for term in (" ".join(one.split()) for one in must_include) if term)
    avoided = tuple(term for term in (" ".join(one.split()) for one in must_avoid) if term)
    check_terms(platform, wanted, avoided)
    draft = Draft(copy, platform, language, wanted, avoided, " ".join(brand.split()))
    # Brands first: what is left of them may be in capitals elsewhere.
    for rule in sorted(platform.fields, key=lambda rule: rule.role != "brand"):
        draft.fields[rule.name] = draft.mend(rule, copy.fields.get(rule.name, ()))
    draft.order_paths()
    for name in copy.fields:
        if name not in draft.fields and any(text.strip() for text in copy.fields[name]):
            draft.notes.append(f"{name} was left out: {platform.id} has no such field")
    for rule in platform.fields:
        draft.fill(rule)
    for rule in platform.fields:
        draft.shorten_one(rule)
    for term in wanted:
        draft.include(term)
    return draft.finished()


def check_terms(
    platform: Platform, must_include: Sequence[str], must_avoid: Sequence[str] = ()
) -> None:
    """See that wanted terms can be in this platform's texts at all.

    Raises:
        InvalidInput: one is longer than every text, or has marks that every text refuses, or has
            what `must_avoid` excludes.
    """
    free = [rule for rule in platform.fields if rule.role in (*FREE, "brand")]
    for term in must_include:
        for avoided in must_avoid:
            if contains(term, avoided):
                raise InvalidInput(
                    "must_include", term, f'a term without "{one_line(avoided)}", which must_avoid '
                    "excludes", "Take it out of must_include or out of must_avoid.",
                )  # fmt: skip
        if any(
            contains(mended_for(rule, term, [term]), term)
            and measure(term, rule.unit) <= rule.limit
            for rule in free
        ):
            continue
        longest = max(free, key=lambda rule: rule.limit)
        marks = [mark for rule in free for mark, _ in forbidden(rule, term, [term])]
        limits = f"at most {longest.limit} {UNIT_NAMES[longest.unit]}"
        refused = f", without {marks[0].replace('_', ' ')}" if marks else ""
        raise InvalidInput(
            "must_include", term,
            f"{limits} in the {longest.name} of {platform.id}{refused}; it has "
            f"{measure(term, longest.unit)}",
            "Shorten the term or leave this platform out.",
        )  # fmt: skip
