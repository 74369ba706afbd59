"""The built-in writer: facts of page and brief in the phrases of angles.yaml.

No model and no network. The same request and look give the same texts; another `seed` gives
others. What is said of the thing is what page or brief say: no price and no claim of ours.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from creative import languages
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.platforms import FieldRule, platform
from creative.ads.terms import contains
from creative.ads.write import labels
from creative.ads.write.beside import Beside
from creative.ads.write.desk import Desk
from creative.ads.write.drafts import Drafts
from creative.ads.write.facts import gather
from creative.ads.write.headlines import headlines
from creative.ads.write.lines import Line, capital
from creative.ads.write.paragraphs import Paragraphs
from creative.ads.write.phrases import ANGLES, Angle, phrases, written_languages
from creative.ads.write.scenes import image_prompt
from creative.errors import InvalidInput


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
        writer = _Writer(Desk(request, facts, said, platform(name), look))
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

    desk: Desk
    led: Counter[Angle] = field(default_factory=Counter)

    def copy(self, id: str, number: int) -> Copy | None:
        """A variant, or None if there is nothing left to say."""
        angles = self._angles(number)
        # One that no variant leads with yet before a second line of another.
        for angle in sorted(angles, key=lambda one: self.led[one]):
            rest = tuple(one for one in angles if one != angle)
            fields = self._fields((angle, *rest), number)
            if fields is not None:
                break
        else:
            return None
        self.desk.remember(fields)
        led = self._led((angle, *rest), fields)
        self.led[led] += 1
        return Copy(
            id=id,
            platform=self.desk.platform.id,
            fields={name: tuple(texts) for name, texts in fields.items()},
            angle=led,
            image_prompt=image_prompt(led, self.desk.facts, self.desk.look),
            engine="builtin",
        )

    def _led(self, angles: tuple[Angle, ...], fields: dict[str, list[str]]) -> Angle:
        """The angle that the variant leads with, which is not always the one whose turn it is:
        what that has to say may have no room, or be said already."""
        roles = self.desk.platform.roles
        first = next(
            t[0] for role in ("headline", "text") for n, t in fields.items() if roles[n] == role
        )
        for angle in angles:
            if any(one.text == first for one in self.desk.lines.of(angle)):
                return angle
        return angles[0]

    def _angles(self, number: int) -> tuple[Angle, ...]:
        """The angles that have something to say, another one first for each variant."""
        order = list(ANGLES)
        if self.desk.request.seed:
            order.sort(key=lambda angle: zlib.crc32(f"{self.desk.request.seed} {angle}".encode()))
        order = [angle for angle in order if self.desk.lines.of(angle)]
        turn = number % len(order) if order else 0
        return tuple(order[turn:] + order[:turn])

    def _fields(self, angles: tuple[Angle, ...], number: int) -> dict[str, list[str]] | None:
        """All fields, or None if there is nothing new to lead with, or too little for one."""
        fields: dict[str, list[str]] = {}
        leading = next(
            (r for r in self.desk.platform.fields if r.role in ("headline", "text") and r.required),
            self.desk.platform.fields[0],
        )
        beside = Beside()
        known = [line for angle in ANGLES for line in self.desk.lines.of(angle)]
        known += [Line(one, frozenset({one})) for one in self.desk.facts.sentences]
        for rule in sorted(self.desk.platform.fields, key=lambda rule: rule.role != "headline"):
            texts = self._texts(rule, angles, number, beside)
            beside = beside.after(rule.role, texts[:1], known)
            if rule is leading and (not texts or texts[0] in self.desk.first.get(rule.name, ())):
                return None
            if len(texts) < rule.least and rule.role in ("headline", "text"):
                return None
            if texts:
                fields[rule.name] = texts
        self._include(fields)
        return {r.name: fields[r.name] for r in self.desk.platform.fields if r.name in fields}

    def _texts(
        self, rule: FieldRule, angles: tuple[Angle, ...], number: int, beside: Beside
    ) -> list[str]:
        if rule.role == "headline":
            return headlines(self.desk, rule, angles, number)
        if rule.role in ("description", "text", "long_headline"):
            return Paragraphs(self.desk, rule, angles, number, beside).texts()
        if rule.role == "cta":
            return labels.cta(self.desk, rule, number)
        if rule.role == "brand":
            return labels.brand(self.desk, rule)
        return labels.path(self.desk, rule)

    def _include(self, fields: dict[str, list[str]]) -> None:
        """Put terms that must be in, and are not yet, where a platform takes several texts."""
        for term in self.desk.request.must_include:
            if any(contains(text, term) for texts in fields.values() for text in texts):
                continue
            for rule in self.desk.platform.fields:
                texts = fields.get(rule.name, [])
                short = rule.role in ("headline", "long_headline")
                text = capital(term) if short else self.desk.end(capital(term))
                free = rule.role in ("headline", "long_headline", "description", "text")
                if free and rule.most > 1 and self.desk.fits(rule, text):
                    at = len(texts) - 1 if len(texts) == rule.most else len(texts)
                    fields[rule.name] = [*texts[:at], text]
                    break
