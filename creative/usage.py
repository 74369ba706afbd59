"""What a call used: tokens, money, pictures; added up without mixing what cannot be added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Usage:
    """What a step or a call used so far.

    Attributes:
        tokens_in: tokens that models read.
        tokens_out: tokens that models wrote.
        tokens: all tokens, also those of which nobody said whether they went in or out.
        money: what is known to be spent, by currency.
        pictures: pictures that engines made.
        models: who worked, in the order of their first use.
        unpriced: who worked at a price that nobody knows; "" for one without a name.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens: int = 0
    money: dict[str, float] = field(default_factory=dict)
    pictures: int = 0
    models: list[str] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)

    def add(
        self,
        cost: float | None = None,
        tokens: int = 0,
        currency: str = "USD",
        *,
        tokens_in: int = 0,
        tokens_out: int = 0,
        model: str = "",
        pictures: int = 0,
    ) -> None:
        """Add one answer or drawing; the arguments are those of `Step.spent`."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.tokens += max(tokens, tokens_in + tokens_out)
        self.pictures += pictures
        if model and model not in self.models:
            self.models.append(model)
        if cost is not None:
            self.money[currency] = self.money.get(currency, 0.0) + cost
        elif (tokens or tokens_in or tokens_out or pictures) and model not in self.unpriced:
            self.unpriced.append(model)

    @classmethod
    def total(cls, parts: Iterable[Usage]) -> Usage:
        """All parts together."""
        whole = cls()
        for part in parts:
            whole.tokens_in += part.tokens_in
            whole.tokens_out += part.tokens_out
            whole.tokens += part.tokens
            whole.pictures += part.pictures
            for currency, amount in part.money.items():
                whole.money[currency] = whole.money.get(currency, 0.0) + amount
            whole.models += [m for m in part.models if m not in whole.models]
            whole.unpriced += [m for m in part.unpriced if m not in whole.unpriced]
        return whole

    @property
    def price(self) -> float | None:
        """What is known to be spent; None if nothing is known, or in several currencies."""
        return next(iter(self.money.values())) if len(self.money) == 1 else None

    @property
    def currency(self) -> str:
        """The currency of `price`; empty where there is none."""
        return next(iter(self.money)) if len(self.money) == 1 else ""

    def data(self) -> dict[str, Any]:
        """As a node returns it.

        Returns:
            {tokens_in, tokens_out, tokens, price, currency, pictures, model}; `price` is null
            where it is not known. With several currencies it is null, too, and `prices` has an
            amount for each. `note` says what the price does not contain.
        """
        found: dict[str, Any] = {
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "tokens": self.tokens,
            "price": None if self.price is None else round(self.price, 8),
            "currency": self.currency,
            "pictures": self.pictures,
            "model": ", ".join(self.models),
        }
        notes = []
        if len(self.money) > 1:
            found["prices"] = {currency: round(paid, 8) for currency, paid in self.money.items()}
            notes.append("Paid in several currencies, which are not added up: see prices.")
        if self.money and self.unpriced:
            who = ", ".join(name for name in self.unpriced if name) or "a part of the work"
            notes.append(f"No price is known for {who}: it is not in the price.")
        if notes:
            found["note"] = " ".join(notes)
        return found
