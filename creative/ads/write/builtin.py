"""The built-in writer: facts of page and brief in the phrases of angles.yaml.

No model and no network. The same request and look give the same texts; another `seed` gives
others. What is said of the thing is what page or brief say: no price and no claim of ours.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from creative import languages
from creative.ads.counting import measure
from creative.ads.limits import fits
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.platforms import FieldRule, Platform, platform
from creative.ads.terms import contains, same_text
from creative.ads.write.beside import Beside
from creative.ads.write.drafts import Drafts
from creative.ads.write.facts import Facts, gather
from creative.ads.write.lines import Line, Lines, capital
from creative.ads.write.names import cores
from creative.ads.write.phrases import ANGLES, Angle, Phrases, phrases, written_languages
from creative.ads.write.scenes import image_prompt
from creative.errors import InvalidInput

MOST_SENTENCES = 4
"""Of a text: where a platform takes 2,200 characters nobody reads them."""
MOST_OF_A_FACT = 2
"""How often one fact may come in the headlines of a variant."""
MOST_OF_A_NAME = 4
"""How often product and brand may, each."""

_BUY = ("shop now", "shop", "buy now", "order now", "order", "visit store", "visit site")
_LEARN = ("learn more", "see more", "view now", "read more", "visit site")


def write(request: AdsRequest, look: Look) -> Drafts:
    """Variants from page and brief.

    Raises:
        InvalidInput: there is nothing to say, or nothing in `look.language`.
    """
    facts, told = gather(request, look)
    notes = list(told)
    said = phrases(look.language)
    if not (facts.product or facts.headline or facts.benefits or facts.offers or facts.proofs):
        raise _nothing(request, look, notes)
    if not said.tag:
        notes.append(
            f"The built-in writer has no words of its own in {languages.name(look.language)} (it "
            f"has them in {', '.join(written_languages())}): only phrases of page and brief stand "
            "in these variants. A language model writes better ones."
        )
    if request.tone:
        notes.append("The built-in writer does not follow `tone`; a language model does.")
    copies: list[Copy] = []
    dropped: list[str] = []
    for name in request.platforms:
        writer = _Writer(request, facts, said, platform(name), look)
        for number in range(1, request.count + 1):
            id = f"{name}-{number}"
            copy = writer.copy(id, number - 1)
            if copy is None:
                dropped.append(
                    f"{id}: page and brief say too little for another variant that differs; give "
                    "a longer brief, or use a language model"
                )
            else:
                copies.append(copy)
    return Drafts(copies, dropped, notes)


def _nothing(request: AdsRequest, look: Look, notes: Sequence[str]) -> InvalidInput:
    if notes:
        return InvalidInput(
            "language",
            look.language,
            "the language of page or brief, where the built-in writer writes",
            f"{' '.join(notes)} Choose a language model, or give a brief in "
            f"{languages.name(look.language)}.",
        )
    return InvalidInput(
        "brief",
        request.brief,
        "a brief that says what is advertised, for the built-in writer",
        "Name the product and what it does for people, or choose a language model.",
    )


@dataclass
class _Writer:
    """Writes the variants of one platform; what one has said first, the next ones do not."""

    request: AdsRequest
    facts: Facts
    said: Phrases
    platform: Platform
    look: Look
    _first: dict[str, list[str]] = field(default_factory=dict)

    _known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lines = Lines(self.facts, self.said)

    def copy(self, id: str, number: int) -> Copy | None:
        """A variant, or None if there is nothing left to say."""
        angles = self._angles(number)
        for at, angle in enumerate(angles):
            rest = (*angles[:at], *angles[at + 1 :])
            fields = self._fields((angle, *rest), number)
            if fields is not None:
                break
        else:
            return None
        for name, texts in fields.items():
            self._first.setdefault(name, []).append(texts[0])
        led = self._led((angle, *rest), fields)
        return Copy(
            id=id,
            platform=self.platform.id,
            fields={name: tuple(texts) for name, texts in fields.items()},
            angle=led,
            image_prompt=image_prompt(led, self.facts, self.look),
            engine="builtin",
        )

    def _led(self, angles: tuple[Angle, ...], fields: dict[str, list[str]]) -> Angle:
        """The angle that the variant leads with, which is not always the one whose turn it is:
        what that has to say may have no room, or be said already."""
        roles = self.platform.roles
        first = next(
            t[0] for role in ("headline", "text") for n, t in fields.items() if roles[n] == role
        )
        for angle in angles:
            if any(one.text == first for one in self._lines.of(angle)):
                return angle
        return angles[0]

    def _angles(self, number: int) -> tuple[Angle, ...]:
        """The angles that have something to say, another one first for each variant."""
        order = list(ANGLES)
        if self.request.seed:
            order.sort(key=lambda angle: zlib.crc32(f"{self.request.seed} {angle}".encode()))
        order = [angle for angle in order if self._lines.of(angle)]
        turn = number % len(order) if order else 0
        return tuple(order[turn:] + order[:turn])

    def _fields(self, angles: tuple[Angle, ...], number: int) -> dict[str, list[str]] | None:
        """All fields, or None if there is nothing new to lead with, or too little for one."""
        fields: dict[str, list[str]] = {}
        leading = next(
            (r for r in self.platform.fields if r.role in ("headline", "text") and r.required),
            self.platform.fields[0],
        )
        beside = Beside()
        known = [line for angle in ANGLES for line in self._lines.of(angle)]
        known += [Line(one, frozenset({one})) for one in self.facts.sentences]
        for rule in sorted(self.platform.fields, key=lambda rule: rule.role != "headline"):
            texts = self._texts(rule, angles, number, beside)
            beside = beside.after(rule.role, texts[:1], known)
            if rule is leading and (not texts or texts[0] in self._first.get(rule.name, ())):
                return None
            if len(texts) < rule.least and rule.role in ("headline", "text"):
                return None
            if texts:
                fields[rule.name] = texts
        self._include(fields)
        return {r.name: fields[r.name] for r in self.platform.fields if r.name in fields}

    def _texts(
        self, rule: FieldRule, angles: tuple[Angle, ...], number: int, beside: Beside
    ) -> list[str]:
        if rule.role == "headline":
            return self._headlines(rule, angles, number)
        if rule.role in ("description", "text", "long_headline"):
            return self._paragraphs(rule, angles, number, beside)
        if rule.role == "cta":
            return self._cta(rule, number)
        if rule.role == "brand":
            return [name for name in (self._brand(),) if name and self._fits(rule, name)]
        return self._path(rule)

    def _headlines(self, rule: FieldRule, angles: tuple[Angle, ...], number: int) -> list[str]:
        used = self._first.get(rule.name, [])
        chosen: list[str] = []
        said: list[str] = []
        queues = [list(self._fitting(rule, angle, number)) for angle in angles]
        # The first line carries the angle and differs from those of earlier variants.
        lead = next((one for one in queues[0] if one.text not in used), None)
        if lead is None:
            # It is for the field that leads to differ from what was said before.
            lead = next((one for queue in queues for one in queue), None)
        if lead is None:
            return []
        chosen.append(lead.text)
        said += lead.facts
        while len(chosen) < rule.most and any(queues):
            for queue in queues:
                line = next((one for one in queue if self._is_new(one, chosen, said)), None)
                queue[:] = [] if line is None else queue[queue.index(line) + 1 :]
                if line is not None and len(chosen) < rule.most:
                    chosen.append(line.text)
                    said += line.facts
        return self._with_short(rule, chosen, [one for a in ANGLES for one in self._lines.of(a)])

    def _is_new(self, line: Line, chosen: Sequence[str], said: Sequence[str]) -> bool:
        if any(same_text(line.text, one) for one in chosen):
            return False
        if any(said.count(fact) >= MOST_OF_A_FACT for fact in line.facts):
            return False
        names = [name for name in (self.facts.product, self.facts.brand) if name]
        return all(
            sum(contains(one, name) for one in chosen) < MOST_OF_A_NAME
            for name in names
            if contains(line.text, name)
        )

    def _with_short(self, rule: FieldRule, chosen: list[str], others: list[Line]) -> list[str]:
        """`chosen`, with so many short texts as the platform wants, if there are any."""
        most = rule.short_limit
        if most is None:
            return chosen
        lacking = rule.short_least - sum(measure(one, rule.unit) <= most for one in chosen)
        for line in others:
            if lacking <= 0:
                break
            short = measure(line.text, rule.unit) <= most and self._fits(rule, line.text)
            if short and not any(same_text(line.text, one) for one in chosen):
                at = len(chosen) - 1 if len(chosen) == rule.most else len(chosen)
                chosen[at:] = [line.text]
                lacking -= 1
        return chosen

    def _paragraphs(
        self, rule: FieldRule, angles: tuple[Angle, ...], number: int, beside: Beside
    ) -> list[str]:
        used = self._first.get(rule.name, [])
        made: list[str] = []
        supports = [*self.facts.benefits, *self.facts.offers, *self.facts.proofs]
        turn = number + self.request.seed
        # Whole sentences that readers see, with something that what stands beside them does not
        # say; then, if there are too few, what there is.
        for strict, level in ((True, 2), (True, 1), (True, 0), (False, 0)):
            for angle in (*angles, *angles):
                if len(made) >= (rule.most if strict else max(rule.least, 1)):
                    break
                start = (turn + len(made)) % len(supports) if supports else 0
                others = supports[start:] + supports[:start]
                apart = 0 if made or rule.role == "long_headline" else level
                others = [one for one in others if not (apart and beside.headline_says(Line(one)))]
                others = [*(() if made else self._name(rule, beside)), *others]
                for line in beside.new(self._opening(rule, angle, number), apart):
                    above = beside.headline.text if apart and beside.headline else ""
                    text = self._paragraph(rule, line, others, strict, above)
                    fresh = made or text not in used
                    if text and fresh and not any(same_text(text, one) for one in made):
                        made.append(text)
                        break
        if not made:
            return []
        short = [Line(self._end(one.text)) for a in angles for one in self._lines.of(a)]
        return self._with_short(rule, made, short)

    def _name(self, rule: FieldRule, beside: Beside) -> tuple[str, ...]:
        """The product, where readers see one headline and that does not name it."""
        name, headline = self.facts.product, beside.headline
        if rule.role == "long_headline" or not name or self.facts.several or headline is None:
            return ()
        if any(r.role == "headline" and r.least > 1 for r in self.platform.fields):
            return ()
        said = any(contains(headline.text, one) for one in (name, *cores(name, self.said)))
        return () if said else (capital(name),)

    def _opening(self, rule: FieldRule, angle: Angle, number: int) -> Iterator[Line]:
        """What a text begins with: whole sentences of the page where the angle is the thing."""
        if angle == "keyword" and rule.role != "long_headline":
            for sentence in self.facts.sentences:
                yield Line(sentence, frozenset({sentence}))
        lines = self._lines.of(angle)
        turn = number % len(lines) if lines else 0
        yield from lines[turn:] + lines[:turn]

    def _paragraph(
        self, rule: FieldRule, opener: Line, supports: Sequence[str], strict: bool, above: str
    ) -> str:
        """`opener` and as many facts as readers see, then a call to action; "" if it is too
        long, or (`strict`) if it is cut for readers or says nothing."""
        if rule.role == "long_headline":
            return self._long_headline(rule, opener, supports)
        sentences = [opener.text]
        must = [t for t in self.request.must_include if not contains(opener.text, t)]
        for support in [*map(capital, must), *supports, *self._prices(opener.text + above)]:
            if len(sentences) >= MOST_SENTENCES:
                break
            said = support in opener.facts or any(
                contains(one, support) or contains(support, one) for one in sentences
            )
            if not said and self._room(rule, [*sentences, support]):
                sentences.append(support)
        told = len(sentences)
        asked = any(contains(opener.text, cta) for cta in self._lines.ctas())
        for cta in () if asked else self._lines.ctas():
            if self._room(rule, [*sentences, cta]):
                sentences.append(cta)
                break
        text = self._joined(sentences)
        empty = not opener.facts and told == 1
        poor = measure(text, rule.unit) > rule.aim or empty
        return text if self._fits(rule, text) and not (strict and poor) else ""

    def _long_headline(self, rule: FieldRule, opener: Line, supports: Sequence[str]) -> str:
        """A name and what is said of it; a question, or a line without facts, as it is."""
        name, inside = self.facts.product or self.facts.brand, self.facts.inside
        if self.facts.several:
            name = self.facts.brand
        said = [*opener.facts, *(one for one in supports if one not in opener.facts)]
        plain = opener.text.endswith(("?", "？")) or not opener.facts
        for most in (2, 1):
            listed = [one for one in said if not contains(one, name)][:most]
            if plain or not name or not listed:
                break
            if most > 1 and any(re.search(r"[,，、]", one) for one in listed):
                continue  # a list in a list
            text = capital(f"{name}{self.said.colon}{self.said.comma.join(map(inside, listed))}")
            if measure(text, rule.unit) <= rule.aim and self._fits(rule, text):
                return text
        return opener.text if self._fits(rule, opener.text) else ""

    def _prices(self, known: str) -> list[str]:
        """The price as a sentence, where it is the thing's and not said yet."""
        price = self.facts.price or self.facts.lowest
        return [] if not price or price in known else list(self._lines.priced()[:1])

    def _room(self, rule: FieldRule, sentences: Sequence[str]) -> bool:
        text = self._joined(sentences)
        return measure(text, rule.unit) <= rule.aim and self._fits(rule, text)

    def _joined(self, sentences: Sequence[str]) -> str:
        text = ""
        for sentence in sentences:
            gap = " " if self.said.spaced and text else ""
            text += gap + self._end(sentence)
        return text

    def _end(self, sentence: str) -> str:
        return sentence if sentence[-1:] in "?!？！。." else sentence + self.said.stop.strip()

    def _fitting(self, rule: FieldRule, angle: Angle, number: int) -> Iterator[Line]:
        """Lines of an angle that a field takes: those that readers see whole first."""
        lines = [one for one in self._lines.of(angle) if self._fits(rule, one.text)]
        turn = (number // len(ANGLES) + self.request.seed) % len(lines) if lines else 0
        lines = lines[turn:] + lines[:turn]
        yield from (one for one in lines if measure(one.text, rule.unit) <= rule.aim)
        if rule.aim == rule.limit or any(measure(o.text, rule.unit) <= rule.aim for o in lines):
            return
        yield from lines

    def _fits(self, rule: FieldRule, text: str) -> bool:
        # The same phrases come again in every variant.
        known = self._known.get((rule.name, text))
        if known is None:
            keep = (self.facts.brand, *self.request.must_include)
            known = fits(rule, text, keep, self.request.must_avoid)
            self._known[rule.name, text] = known
        return known

    def _cta(self, rule: FieldRule, number: int) -> list[str]:
        if not rule.options:
            ctas = [cta for cta in self._lines.ctas() if self._fits(rule, cta)]
            return [ctas[number % len(ctas)]] if ctas else []
        options = {option.casefold(): option for option in rule.options}
        for name in (*_BUY, *_LEARN) if self.facts.sells else _LEARN:
            if name in options and self._fits(rule, options[name]):
                return [options[name]]
        return [rule.options[0]] if rule.required else []

    def _brand(self) -> str:
        """The brand; else the site's host, which is a name that people know it by."""
        host = re.sub(r"^https?://(www\.)?|[:/].*$", "", self.look.url)
        return self.facts.brand or (host if re.search(r"[a-z]", host) else "")

    def _path(self, rule: FieldRule) -> list[str]:
        name, brand = self.facts.product, self.facts.brand
        if rule.name.endswith("2"):
            name, brand = (brand if name else ""), ""
        words = re.findall(r"[^\W_]+", (name or brand).casefold())
        made = ""
        for word in words:
            longer = f"{made}-{word}" if made else word
            if not self._fits(rule, longer):
                break
            made = longer
        # Not "shoes-for": what a path ends with says something.
        while re.search(r"-\w{1,3}$", made) and made.isascii():
            made = made.rpartition("-")[0]
        return [made] if made else []

    def _include(self, fields: dict[str, list[str]]) -> None:
        """Put terms that must be in, and are not yet, where a platform takes several texts."""
        for term in self.request.must_include:
            if any(contains(text, term) for texts in fields.values() for text in texts):
                continue
            for rule in self.platform.fields:
                texts = fields.get(rule.name, [])
                short = rule.role in ("headline", "long_headline")
                text = capital(term) if short else self._end(capital(term))
                free = rule.role in ("headline", "long_headline", "description", "text")
                if free and rule.most > 1 and self._fits(rule, text):
                    at = len(texts) - 1 if len(texts) == rule.most else len(texts)
                    fields[rule.name] = [*texts[:at], text]
                    break
