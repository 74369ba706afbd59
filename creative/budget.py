"""What all questions of a call may cost together."""

from __future__ import annotations

import threading

from creative.model_errors import BudgetSpent


class Budget:
    """A limit for tokens, money, or both; safe to share between threads.

    What a question will cost is not known before it is answered. Its own tokens are estimated,
    its answer is taken to be as long as the longest answer so far, and its price per token to be
    the average so far; the question is not asked if that would go over the limit. So of questions
    that are asked one after the other only the last one can go over it, and by no more than its
    answer is longer than the others; of several that are under way, each can.

    Args:
        max_tokens: tokens in and out, of all questions and answers; None: any number.
        max_price: money, in the currency of the first answer's price; None: any sum. After a price
            in another currency nothing more is asked: the two cannot be added. A model whose price
            nobody knows spends none.
    """

    def __init__(self, max_tokens: int | None = None, max_price: float | None = None) -> None:
        self.max_tokens = max_tokens
        self.max_price = max_price
        self._lock = threading.Lock()
        self._tokens = 0
        self._money: dict[str, float] = {}
        self._reserved = 0
        self._longest = 0

    @property
    def tokens(self) -> int:
        """Tokens spent, in and out."""
        return self._tokens

    @property
    def price(self) -> float:
        """Money spent, as far as it is known, in the currency of the first answer's price."""
        return next(iter(self._money.values()), 0.0)

    def reserve(self, model: str, tokens_in: int) -> int:
        """Set aside what a question will cost, about; hand the result to `settle`.

        Args:
            model: who is asked, for the error.
            tokens_in: tokens of the question.

        Raises:
            BudgetSpent: it would be too much.
        """
        with self._lock:
            wanted = tokens_in + self._longest
            total = self._tokens + self._reserved + wanted
            if self.max_tokens is not None and total > self.max_tokens:
                raise BudgetSpent(
                    f"{model} was not asked: with about {wanted} tokens more the call would use "
                    f"{total}; its limit is {self.max_tokens}.",
                    "Raise the limit of tokens, or give the node less to do.",
                )
            if self.max_price is not None and len(self._money) > 1:
                raise BudgetSpent(
                    f"{model} was not asked: what was spent has prices in {_listed(self._money)}, "
                    f"which cannot be held against one limit ({self.max_price:g}).",
                    "Limit the tokens instead, or use models with prices in one currency.",
                )
            per_token = self.price / self._tokens if self._tokens else 0.0
            price = per_token * total
            spent = self.max_price is not None and self.price >= self.max_price
            if self.max_price is not None and (price > self.max_price or spent):
                about = max(price, self.price)
                raise BudgetSpent(
                    f"{model} was not asked: the call would cost about {about:.4f}; its limit "
                    f"is {self.max_price:g}.",
                    "Raise the limit, give the node less to do, or choose a cheaper model.",
                )
            self._reserved += wanted
            return wanted

    def settle(
        self,
        reserved: int,
        tokens_in: int,
        tokens_out: int,
        price: float | None,
        currency: str = "USD",
    ) -> None:
        """Say what a question did cost, `price` in `currency`; nothing if it was refused."""
        with self._lock:
            self._reserved -= reserved
            self._tokens += tokens_in + tokens_out
            if price:
                self._money[currency] = self._money.get(currency, 0.0) + price
            self._longest = max(self._longest, tokens_out)


def _listed(money: dict[str, float]) -> str:
    return ", ".join(f"{amount:.4f} {currency}" for currency, amount in money.items())
