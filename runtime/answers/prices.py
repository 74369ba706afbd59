"""What models cost, from a small table that people maintain (prices.yaml)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field

PER = Decimal("0.000001")
"""Prices are per million tokens: Dify's price unit."""
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: Decimal = Field(description="per million tokens put in", ge=0)
    output: Decimal = Field(description="per million tokens got out", ge=0)


class _Provider(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str
    currency: str = Field(pattern="^[A-Z]{3}$")
    source: str
    date: str = Field(pattern=r"^\d{4}-\d{2}$")
    models: dict[str, _Row]


@dataclass(frozen=True)
class Price:
    """What a model costs.

    Attributes:
        input: per million tokens put in.
        output: per million tokens got out.
        currency: three capitals.
        known: whether somebody has said so; an unknown price counts as 0.
    """

    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    currency: str = "USD"
    known: bool = True

    def of(self, tokens_in: int, tokens_out: int) -> tuple[Decimal, Decimal]:
        """The price of so many tokens, put in and got out."""
        return tokens_in * self.input * PER, tokens_out * self.output * PER

    def paid(self, tokens_in: int, tokens_out: int) -> float | None:
        """The price of a call, or None where nobody knows it."""
        return float(sum(self.of(tokens_in, tokens_out))) if self.known else None


FREE = Price()
"""Of a model on one's own machine."""
UNKNOWN = Price(known=False)


def price_of(base_url: str, model: str) -> Price:
    """The price of a model at an address; FREE on one's own machine or network."""
    host = (urlsplit(base_url).hostname or "").lower()
    if _is_own(host):
        return FREE
    provider = _table().get(host)
    row = provider and (provider.models.get(model) or provider.models.get(_DATED.sub("", model)))
    if not provider or not row:
        return UNKNOWN
    return Price(row.input, row.output, provider.currency)


def text_of(amount: Decimal) -> str:
    """An amount as Dify writes it: no exponent, no zeros at its end."""
    return format(amount.normalize(), "f") if amount else "0"


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


@cache
def _table() -> Mapping[str, _Provider]:
    text = Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8")
    rows: list[Any] = yaml.safe_load(text)
    return {row["host"]: _Provider.model_validate(row) for row in rows}
