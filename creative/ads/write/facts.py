"""What page and brief say, sorted by what it is good for. Nothing is made up here.

A phrase is a heading, a line, a clause of a sentence, as it was written. It becomes an offer or
a proof by the words in it (angles.yaml), and else a benefit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from creative import languages
from creative.ads.counting import graphemes, is_emoji, measure
from creative.ads.cutting import dangles
from creative.ads.model import AdsRequest, Look
from creative.ads.terms import contains, same_text, title_parts
from creative.ads.write.names import product as product_of
from creative.ads.write.names import what_is_said
from creative.ads.write.phrases import Phrases, any_of, begins, phrases
from creative.ads.write.prices import CLAUSES, SENTENCES, is_periodic, prices
from creative.capture.facts import prices_in

MOST_PHRASE = 90
"""Columns: no headline and no description takes more."""
MOST_OF_A_KIND = 12
MOST_MEASURE = 14
"""Columns of a phrase with a number that says little more than it."""

_ENDS = " \t\n.,;:!。，、；：！…-–—•·|｜*★☆✓✔→»«"
# "Promote our app to small teams": whom to tell it is not what to tell.
_TO_SOMEBODY = ("promote", "advertise", "we would like to promote", "we want to promote")
_TO_WHOM = re.compile(r"\s+(?:to|at|towards) .*$")
# Unlike the Japanese comma, the Chinese 、 stands inside a phrase: "云南、福建、浙江的茶园".
_CHINESE_CLAUSES = re.compile(CLAUSES.pattern.replace("、", ""))
_BEHIND = re.compile(r"(?:,\s|:\s|\s[–—-]\s)(.+)")
_ENGLISH_ADJECTIVE = re.compile(r"(?:ed|made|ful|less|ive|nal|ral|nic|able|ible)$")


@dataclass(frozen=True)
class Facts:
    """What may be said.

    Attributes:
        product: short name of the thing; "" if nothing says one.
        several: it is the first of several things: what is said beside it is not said of it.
        proper: it is a proper name, with a capital everywhere.
        headline: the main line of page or brief.
        benefits, offers, proofs: phrases, the page's order.
        sentences: whole sentences that describe the thing.
        price: as written, "" if there is none or it is not clear which.
        lowest: the lowest of several prices, as written; "" if there are not several.
        buttons: calls to action of the page.
        sells: whether page or brief sell something here.
        known: all text there is, for telling names from words.
    """

    language: str
    product: str = ""
    several: bool = False
    proper: bool = False
    headline: str = ""
    benefits: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    price: str = ""
    lowest: str = ""
    brand: str = ""
    buttons: tuple[str, ...] = ()
    sells: bool = False
    known: str = ""
    _insides: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def inside(self, phrase: str) -> str:
        """`phrase` as it stands inside a sentence: with a small letter where it has one.

        Only where it is plain that the first word is a word and no name: page or brief have it
        in small letters, or it is one of the language's frequent words or adjectives.
        """
        if phrase not in self._insides:
            self._insides[phrase] = self._inside(phrase)
        return self._insides[phrase]

    def _inside(self, phrase: str) -> str:
        first, space, rest = phrase.partition(" ")
        if not first[1:].islower() or self.brand == first or self._of_brand(phrase):
            return phrase
        if self.proper and phrase.startswith(self.product):
            return phrase
        small = first[0].lower() + first[1:]
        if re.search(rf"(?<!\w){re.escape(small)}(?!\w)", self.known) or self._is_word(small, rest):
            return small + space + rest
        return phrase

    def _of_brand(self, phrase: str) -> bool:
        """Whether it begins with the brand's name; of one of several words the first is none."""
        return bool(self.brand) and contains(phrase[: len(self.brand)], self.brand)

    @property
    def things(self) -> str:
        """The product inside an English sentence, if it is a plural; "" if it is not."""
        head = re.split(r"\s(?:for|of|from|with|in|by|without|to)\s", self.product)[0]
        return self.inside(self.product) if re.search(r"[^s\W]s$", head) else ""

    def _is_word(self, small: str, rest: str) -> bool:
        tag = languages.base(self.language)
        language = languages.known().get(tag)
        if language is None:
            return False
        if tag == "de":
            # An article, "für" …, no noun; or an adjective before its noun. With -er that may be of
            # a town ("Hamburger Seife").
            adjective = small.endswith(("e", "es", "en")) and len(small) > 3
            return dangles(small, tag) or (adjective and rest[:1].isupper())
        if small in language.words.split():
            return True
        if tag in ("fr", "es", "pt", "it") and len(rest.split()) > 1 and rest.islower():
            return True  # a description in small letters, not a title
        return tag == "en" and bool(_ENGLISH_ADJECTIVE.search(small))


def gather(request: AdsRequest, look: Look) -> tuple[Facts, tuple[str, ...]]:
    """What may be said in `look.language`, and notes on what was left out."""
    said, notes = phrases(look.language), []
    page = _page_text(look)
    brief = request.brief
    if _foreign(page, look.language):
        notes.append(
            f"The page is in {languages.name(languages.detect(page))}: the built-in writer does "
            "not translate, so only its prices and names were used."
        )
        page = ""
    if _foreign(brief, look.language):
        notes.append(
            f"The brief is in {languages.name(languages.detect(brief))}: the built-in writer "
            "does not translate, so only its prices and names were used."
        )
        brief = ""
    brand = look.brand or request.brand
    wishes = list(_of_brief(brief, said))
    headings = [_clean(one) for one in look.headings] if page else []
    headings = [one for one in headings if one and not _menu(one, said)]
    parts = _title_parts(look.title, brand) if page else []
    title = next((part for part in parts if not _menu(part, said)), "")
    named = product_of([title, *(headings[:1] if not title else ())], wishes, said, brand)
    product = named.name
    kinds = [what_is_said(one, said, brand).kind for one in wishes[:1]]
    headline = next((h for h in [*headings[:1], *wishes[:1], title] if h and h != product), "")
    # "Handmade soap from Hamburg, vegan": what is said behind the name.
    behind = _BEHIND.search(headline[len(product) :]) if headline.startswith(product) else None
    rest = behind[1].strip(_ENDS) if behind and product else ""
    tail = [_capital(rest)] if len(rest.split()) > 1 else []
    found: dict[str, list[str]] = {"benefits": [], "offers": [], "proofs": []}
    lines = list(_lines(look, said)) if page else []
    of_page = [*headings, *_clauses(look.description if page else "", said), *lines]
    # "Guides" is a shelf of the shop, not a reason to enter it.
    telling = [one for one in of_page if not said.spaced or len(one.split()) > 1]
    for phrase in [*tail, *kinds, *wishes, *telling]:
        kind = _kind(phrase, said)
        known = [product, headline, brand, *(one for group in found.values() for one in group)]
        if kind and not any(same_text(phrase, one) for one in known if one):
            found[kind].append(phrase)
    found["benefits"].sort(key=_is_measure)  # a size is a reason, but never the first one
    priced = prices(request.brief, said, parts=True)
    if not any(priced):
        # What a price is for stands there in the page's own language.
        everything = _page_text(look)
        priced = prices(everything, phrases(languages.detect(everything)))
    bought = any(priced) and not (priced.rent or is_periodic(request.brief))
    buttons = [_clean(button) for button in look.buttons]
    buttons = [b for b in buttons if _is_action(b, said, look.language)]
    sentences = [*_sentences(look.description if page else "")]
    sentences += [one for one in _sentences(brief) if _message(one, said)]
    facts = Facts(
        language=look.language,
        product=product,
        several=named.several,
        proper=named.proper,
        headline=headline,
        benefits=tuple(found["benefits"][:MOST_OF_A_KIND]),
        offers=tuple(found["offers"][:MOST_OF_A_KIND]),
        proofs=tuple(found["proofs"][:MOST_OF_A_KIND]),
        sentences=tuple(one for one in sentences if _says_something(one))[:6],
        price=priced.price,
        lowest=priced.lowest,
        brand=brand,
        buttons=tuple(dict.fromkeys(buttons))[:4],
        # A page whose own button says "Book a room" sells nothing that is ordered.
        sells=(bought and not buttons) or any(any_of(b, said.words.buy) for b in look.buttons),
        known="\n".join([look.title, *look.headings, look.description, look.text, request.brief]),
    )
    return facts, tuple(notes)


def _page_text(look: Look) -> str:
    return "\n".join([look.title, look.description, *look.headings, look.text])


def _foreign(text: str, language: str) -> bool:
    guess = languages.guess(text)
    return guess.sure and guess.tag != languages.base(language)


def _title_parts(title: str, brand: str) -> list[str]:
    parts = [_clean(part) for part in title_parts(title)]
    return [part for part in parts if part and not same_text(part, brand)]


def _clean(phrase: str) -> str:
    """Without ornaments, emoji and the stop at its end; words in capitals as words."""
    text = "".join(one for one in graphemes(phrase) if not is_emoji(one))
    text = " ".join(text.split()).strip(_ENDS)
    if not any(sign.isalnum() for sign in text):
        return ""
    letters = [sign for sign in text if sign.isalpha()]
    if len(letters) > 5 and " " in text and all(sign.isupper() for sign in letters):
        text = text[:1] + text[1:].lower()
    return text


def _sentences(text: str) -> Iterator[str]:
    for sentence in SENTENCES.split(text):
        if (clean := _clean(sentence)) and measure(clean, "display_width") <= MOST_PHRASE:
            yield clean


def _clauses(text: str, said: Phrases) -> Iterator[str]:
    """Sentences, and the parts of those that list something; what stands alone of them."""
    borders = _CHINESE_CLAUSES if said.tag.startswith("zh") else CLAUSES
    for sentence in SENTENCES.split(text):
        parts = [_clean(part) for part in borders.split(sentence)]
        parts = [part for part in parts if part]
        whole = _clean(sentence)
        # "Brakes, gears and wheels checked, cleaned": what begins as a list of words ends as one.
        words = said.spaced and all(len(part.split()) == 1 for part in parts[:2])
        if (len(parts) < 3 or words) and whole and measure(whole, "display_width") <= MOST_PHRASE:
            listed = [whole]
        elif len(parts) >= 2 and not words:
            # "A shop for people who cook: knives, pans and boards"
            listed = [_clean(one) for part in parts for one in re.split(r":\s|：", part)]
        else:
            listed = []
        for one in listed:
            join = begins(one, said.words.joins)
            alone = one[len(join) :].strip(_ENDS)
            if alone and not begins(alone, said.words.loose):
                yield _capital(alone)


def _capital(phrase: str) -> str:
    return phrase[:1].upper() + phrase[1:]


def _of_brief(brief: str, said: Phrases) -> Iterator[str]:
    """What a brief says to readers: without what it says to the writer."""
    for sentence in SENTENCES.split(brief):
        text = sentence.strip(_ENDS)
        while lead := begins(text, said.words.lead_in):
            text = text[len(lead) :].strip(_ENDS)
            if lead in _TO_SOMEBODY:
                text = _TO_WHOM.sub("", text)
        text = text[: len(text) - len(_told_last(text, said))].strip(_ENDS)
        if text and not begins(text, said.words.audience):
            yield from _clauses(text, said)


def _told_last(text: str, said: Phrases) -> str:
    """The end of a text that only speaks to the writer; "" if there is none."""
    return next((end for end in said.words.lead_out if text.endswith(end)), "")


def _says_something(sentence: str) -> bool:
    """Whether it is more than a price."""
    for price in prices_in(sentence):
        sentence = sentence.replace(price, "")
    return measure(sentence.strip(_ENDS), "display_width") >= 15


def _message(sentence: str, said: Phrases) -> bool:
    to_writer = begins(sentence, (*said.words.audience, *said.words.lead_in))
    return not to_writer and not _told_last(sentence, said)


def _lines(look: Look, said: Phrases) -> Iterator[str]:
    """Lines of the page that are sentences: what has no stop is mostly a menu or a label."""
    others = {*look.headings, *look.buttons, look.description}
    lines = look.text.split("\n")
    for before, line in zip(["", *lines], lines, strict=False):
        if before.endswith(("?", "？")):
            continue  # the answer to a question that the ad does not ask
        if line in others or not re.search(r"[.!。！]$", line):
            continue
        for clause in _clauses(line, said):
            if measure(clause, "display_width") >= 12 and not _menu(clause, said):
                yield clause


def _is_measure(phrase: str) -> bool:
    """Whether it is hardly more than a number: "Holds 350 ml", "每盒150克"."""
    return bool(re.search(r"\d", phrase)) and measure(phrase, "display_width") <= MOST_MEASURE


def _menu(phrase: str, said: Phrases) -> bool:
    """Whether it is one of the phrases that every site has: little more than a word of theirs."""
    if any_of(phrase, ("cookie", "cookies", "©", "javascript")):
        return True
    size = len(phrase.split()) if said.spaced else len(phrase)
    more = 1 if said.spaced else 3
    return any(
        size <= (len(word.split()) if said.spaced else len(word)) + more
        for word in said.words.skip
        if contains(phrase, word)
    )


def _kind(phrase: str, said: Phrases) -> str:
    """Which of the facts a phrase is; "" if none."""
    width = measure(phrase, "display_width")
    words = phrase.split() if said.spaced else list(phrase)
    if width > MOST_PHRASE or width < 4 or phrase.endswith(("?", "？")) or not words:
        return ""
    if any_of(phrase, said.words.offer):
        return "offers"
    if prices_in(phrase):
        return ""
    if any_of(phrase, said.words.proof):
        return "proofs"
    return "benefits" if not _menu(phrase, said) else ""


def _is_action(button: str, said: Phrases, language: str) -> bool:
    """Whether a button is a call that an ad can end with."""
    width = measure(button, "display_width")
    if not button or width > 25 or width < 4:
        return False
    guess = languages.guess(button)
    if guess.tag and guess.tag != languages.base(language):
        return False
    if any_of(button, said.words.cart):
        return False
    if any_of(button, said.words.buy):
        return True
    several = len(button.split()) > 1 or not said.spaced
    return several and (button in (*said.ctas.buy, *said.ctas.learn) or not _menu(button, said))
