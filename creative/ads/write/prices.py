"""The price that an ad may name: of the thing itself, whole, with what it is for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from creative.ads.write.phrases import Phrases, any_of
from creative.capture.facts import prices_in

SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+|\s*;\s+|；")
CLAUSES = re.compile(r",\s+|[，、]|\s+[–—-]\s+|[—｜|]|\s+[•·]\s+")

_AMOUNT = re.compile(r"\d+(?:[.,'\s]\d{3})*(?:[.,]\d{1,2})?")
_PERIODS = (
    "month|mo|year|yr|week|day|night|hour|Monat|Jahr|Woche|Tag|Nacht|Stunde|mois|an|semaine|jour"
    "|nuit|heure|mes|año|semana|día|noche|hora|mês|ano|dia|noite|mese|anno|settimana|giorno|notte"
    "|ora"
)
_UNITS = (
    f"{_PERIODS}|person|user|seat|team|member|device|pair|piece|head|kg|lb|bottle|bag|box"
    "|Nutzer|Team|Mitglied|Gerät|Paar|Stück|Kilo|Flasche"
    "|personne|utilisateur|paire|pièce|persona|usuario|par|unidad|pessoa|usuário|unidade|utente"
    "|paio"
)
# What a price is for belongs to it: "9 € pro Nutzer und Monat" is not 9 €.
_EACH = rf"(?:/\s*|(?:per|a|an|each|pro|im|je|par|por|al|ao|à|a la|la|le) )(?:{_UNITS})\b"
_AND = r"(?:and|und|et|y|e)"
_PER = re.compile(
    rf"\s*{_EACH}(?:,?\s*(?:{_AND}\s)?{_EACH}|\s{_AND}\s(?:{_UNITS})\b){{0,2}}"
    r"|\s*[/／]\s*[月年日人個本件枚袋瓶盒次晚]|每[月年天人件]",
    re.IGNORECASE,
)
_PER_UNKNOWN = re.compile(r"\s*(?:/\s*|(?:per|pro|je)\s)\w", re.IGNORECASE)
_BEFORE = re.compile(r"(?:月額|年額|每月|每年|每人)\s*$")
# "Monthly plan, $9", "first month $1": what it is for is said, but not with the amount, which alone
# would promise too much.
_PARTLY = re.compile(
    r"\b(?:monthly|yearly|annual|annually|weekly|subscription|monatlich\w*|jährlich\w*"
    r"|wöchentlich\w*|abo|abonnement|mensuel\w*|annuel\w*|hebdomadaire|mensual\w*|anual\w*|semanal"
    r"|suscripción|mensal|assinatura|mensile|annuale|abbonamento)\b"
    r"|\b(?:first|primeir[oa]|primer[oa]?|premi(?:er|ère)|erste[rnms]?|primo|prima)\s"
    rf"(?:{_PERIODS})\b"
    r"|首月|首年|首单|首單|首次|初回|初月|月額|年額|月々|毎月|年間|定期|每月|每年|月付|年付|包月|包年|订阅|訂閱",
    re.IGNORECASE,
)
_PERIOD_BEHIND = re.compile(rf"(?:{_PERIODS})$|[月年日晚天]$|^[月年每]", re.IGNORECASE)
# "From 11 €" is a lowest price: "11 €" alone would promise too much.
_FROM_BEFORE = re.compile(
    r"(?:\b(?:from|starting at|starts at|as low as|ab|schon ab|à partir de|dès|desde|a partir de|da"
    r"|a partire da|vanaf|od)|最低|低至)\s*$",
    re.IGNORECASE,
)
_FROM_AFTER = re.compile(r"\s*(?:起|から|より|[~～〜])")


class Prices(NamedTuple):
    """What may be said of a price.

    Attributes:
        price: as written, with what it is for; "" if there is none or it is not clear which.
        lowest: the lowest of several, as written; "" if there are not several.
    """

    price: str = ""
    lowest: str = ""

    @property
    def rent(self) -> bool:
        """Whether it comes again each month, night, …: nothing that is bought in a shop."""
        return bool(_PERIOD_BEHIND.search(self.price or self.lowest))


def is_periodic(text: str) -> bool:
    """Whether it speaks of what is paid again and again."""
    return bool(_PARTLY.search(text))


def prices(text: str, said: Phrases, parts: bool = False) -> Prices:
    """The price to name in `text`: of the lines that are about nothing else.

    Args:
        text: of a page or a brief.
        said: the words of its language.
        parts: of a line that goes on about something else what stands before that counts
            ("From €28, free shipping over €60"), as it does in a brief; a page's line may be
            one of a table of deliveries.
    """
    found: list[str] = []
    lowest: set[str] = set()
    for line in SENTENCES.split(text):
        for part in _about_it(" ".join(line.split()), said, parts):
            for price in prices_in(part):
                before, _, after = part.partition(price)
                per, prefix = _PER.match(after), _BEFORE.search(before)
                if not (per or prefix) and (_PER_UNKNOWN.match(after) or is_periodic(line)):
                    continue
                found.append((prefix[0] if prefix else "") + price + (per[0] if per else ""))
                if _FROM_BEFORE.search(before) or _FROM_AFTER.match(after):
                    lowest.add(found[-1])
    found = list(dict.fromkeys(found))
    if len(found) == 1:
        return Prices(lowest=found[0]) if lowest else Prices(found[0])
    if not found:
        return Prices()
    kinds = {re.sub(r"[\d.,'\s]", "", price) for price in found}
    amounts = [_amount(price) for price in found]
    if len(kinds) > 1 or None in amounts:
        return Prices(found[0])  # another currency or unit: they cannot be compared
    least = min(range(len(found)), key=lambda at: amounts[at] or 0.0)
    return Prices(lowest=found[least])


@lru_cache(maxsize=8192)
def named_prices(text: str) -> frozenset[str]:
    """The prices in a text; remembered, since the same phrases are compared again and again."""
    return frozenset(prices_in(text))


def _about_it(line: str, said: Phrases, parts: bool) -> list[str]:
    """What of a line a price may be taken from."""

    def other(text: str) -> bool:
        return any_of(text, (*said.words.not_price, *said.words.offer))

    if not other(line):
        return [line]
    kept: list[str] = []
    for part in CLAUSES.split(line) if parts else ():
        if other(part):
            break
        kept.append(part)
    return kept


def _amount(price: str) -> float | None:
    match = _AMOUNT.search(price)
    if match is None:
        return None
    digits = re.sub(r"['\s]", "", match[0])
    cents = re.search(r"[.,](\d{1,2})$", digits)
    whole = re.sub(r"[.,]", "", digits[: cents.start()] if cents else digits)
    return float(f"{whole}.{cents[1] if cents else 0}")
