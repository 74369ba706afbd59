"""What runs used: tokens, money, pictures. Amounts of different currencies are never added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runtime.host.messages import Result
from runtime.values import number

_ASKS = frozenset(
    {"tool", "llm", "agent", "parameter-extractor", "question-classifier", "knowledge-retrieval"}
)
"""Kinds of nodes whose output `usage` is what they used; elsewhere it is a user's variable."""


def of_run(
    result: Result, seconds: float, models: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What one call of a tool used.

    Time, tokens and cost come from the metadata of the tool's log messages; a tool that logs
    none has those of the `models` that it asked. Tokens in and out, pictures and models come from
    the tool's variable `usage`, if it has one.

    Args:
        result: what the tool sent.
        seconds: how long the call took.
        models: {kind, model, tokens_in, tokens_out, price, currency} each.

    Returns:
        {seconds, tokens_in, tokens_out, tokens, cost, currency, pictures, model}; `cost` is None
        where nobody knows it. With several currencies it is None, too, and `costs` has an amount
        for each. `note` as the tool said it; `models` if any were asked.
    """
    told = of_node("tool", result.variables) or {}
    known = [log.get("metadata") or {} for log in result.logs]
    money = _money((m.get("total_price"), m.get("currency")) for m in known)
    money = money or _money((m["price"], m["currency"]) for m in models)
    logged = int(sum(number(m.get("total_tokens")) or 0 for m in known))
    put = told.get("tokens_in") or sum(m["tokens_in"] for m in models)
    got = told.get("tokens_out") or sum(m["tokens_out"] for m in models)
    currency, cost = next(iter(money.items())) if len(money) == 1 else (None, None)
    asked = ", ".join(dict.fromkeys(str(m["model"]) for m in models))
    return {
        "seconds": round(seconds, 3),
        "tokens_in": put,
        "tokens_out": got,
        "tokens": logged or told.get("tokens") or put + got,
        "cost": cost,
        "currency": currency,
        "pictures": told.get("pictures", 0),
        "model": told.get("model") or asked,
        **({"costs": money} if len(money) > 1 else {}),
        **({"note": told["note"]} if told.get("note") else {}),
        **({"models": list(models)} if models else {}),
    }


def of_node(kind: str, outputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a node used, by its output `usage`, in the names of our nodes or of Dify's own.

    Args:
        kind: the node's type in Dify's words.
        outputs: its outputs.

    Returns:
        {tokens_in, tokens_out, tokens, price, currency, pictures, model} and, if the node has
        them, `prices` and `note`; None if it tells nothing.
    """
    told = (outputs or {}).get("usage")
    if kind not in _ASKS or not isinstance(told, Mapping):
        return None

    def count(*names: str) -> int:
        return int(next((n for name in names if (n := number(told.get(name)))), 0))

    price = number(told.get("price", told.get("total_price")))
    put, got = count("tokens_in", "prompt_tokens"), count("tokens_out", "completion_tokens")
    prices = told.get("prices")
    return {
        "tokens_in": put,
        "tokens_out": got,
        "tokens": count("tokens", "total_tokens") or put + got,
        "price": price,
        "currency": str(told.get("currency") or "") if price is not None else "",
        "pictures": count("pictures"),
        "model": str(told.get("model") or ""),
        **({"prices": dict(prices)} if isinstance(prices, Mapping) else {}),
        **({"note": str(told["note"])} if told.get("note") else {}),
    }


def total(parts: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """What several nodes used together: {tokens_in, tokens_out, tokens, pictures, prices}, where
    `prices` has an amount for each currency."""
    known = [part for part in parts if part]
    priced = [
        pair
        for part in known
        for pair in (
            [(amount, name) for name, amount in part["prices"].items()]
            if part.get("prices")
            else [(part["price"], part["currency"])]
        )
    ]
    names = ("tokens_in", "tokens_out", "tokens", "pictures")
    return {**{n: sum(part[n] for part in known) for n in names}, "prices": _money(priced)}


def line(used: Mapping[str, Any]) -> str:
    """One line for people; empty if nothing was used."""
    told = []
    if used.get("pictures"):
        told.append(f"{used['pictures']} picture{'s' if used['pictures'] > 1 else ''}")
    if used["tokens_in"] or used["tokens_out"]:
        told.append(f"{used['tokens_in']} + {used['tokens_out']} tokens")
    elif used["tokens"]:
        told.append(f"{used['tokens']} tokens")
    single = {used["currency"]: used["cost"]} if used.get("cost") else {}
    money = used.get("costs") or used.get("prices") or single
    told += [f"{amount:.4f} {currency}" for currency, amount in money.items() if amount]
    if told and used.get("model"):
        told.append(used["model"])
    return ", ".join(told)


def _money(pairs: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """Amounts by currency; what has no price is left out."""
    found: dict[str, float] = {}
    for given, currency in pairs:
        amount = number(given)
        if amount is not None:
            name = str(currency or "USD")
            found[name] = found.get(name, 0.0) + amount
    return found
