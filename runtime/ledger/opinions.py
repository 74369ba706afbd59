"""What people think of variants that a run made: `studio runs feedback`.

A variant has one opinion; a later one replaces it. It is kept with the texts of the variant and
its brand, so that it can be given to whoever writes the brand's next ads.
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import select

from runtime.errors import UsageError
from runtime.ledger.schema import Database, feedback

_SHOWN = ("run_id", "variant", "brand", "verdict", "rating", "note")
MAX_NOTE = 2000
"""Characters of a note."""


@dataclass(frozen=True)
class Opinion:
    """What somebody thinks of one variant.

    Attributes:
        variant: its id, such as meta_feed-2.
        verdict: approve, reject or nothing.
        rating: 1 to 5, or None.
        note: why.
        brand: whose ad it is; empty: as the run says.
    """

    variant: str
    verdict: str
    rating: int | None
    note: str
    brand: str

    @classmethod
    def checked(
        cls,
        variant: str | None,
        approve: bool,
        reject: bool,
        rating: int | None,
        note: str,
        brand: str,
    ) -> Self:
        """An opinion from options of the command line.

        Raises:
            UsageError: no variant, nothing said, or both verdicts.
        """
        if not variant:
            raise UsageError(
                "Which variant? The run has several.", "Add its id, such as meta_feed-2."
            )
        if approve and reject:
            raise UsageError("--approve and --reject exclude each other.", "Give one of them.")
        if not (approve or reject or rating or note.strip()):
            raise UsageError(
                "There is no feedback in this.", "Add --approve, --reject, --rate or --note."
            )
        if len(note) > MAX_NOTE:
            raise UsageError(
                f"The note has {len(note)} characters; the limit is {MAX_NOTE}.", "Shorten it."
            )
        verdict = "approve" if approve else "reject" if reject else ""
        return cls(variant, verdict, rating, note.strip(), brand.strip())


class Opinions:
    """Reads and stores opinions; get it from `History.opinions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def store(self, run: Mapping[str, Any], opinion: Opinion) -> dict[str, Any]:
        """Keep an opinion on a variant of `run`, a run as `History.run` gives it.

        Returns:
            It, as `of_run` gives it.

        Raises:
            UsageError: the run has no such variant, or its texts were not kept.
        """
        variant = _variant(run, opinion.variant)
        brand = opinion.brand or str(run["outputs"].get("brand") or "")
        row = {
            "run_id": run["id"],
            "variant": opinion.variant,
            "brand": brand[:300],
            "brand_key": _key(brand),
            "fields": json.dumps(variant.get("fields") or {}, ensure_ascii=False),
            "verdict": opinion.verdict,
            "rating": opinion.rating,
            "note": opinion.note,
            "given": time.time(),
        }
        same = (feedback.c.run_id == row["run_id"], feedback.c.variant == row["variant"])
        with self._database.writing() as connection:
            connection.execute(feedback.delete().where(*same))
            connection.execute(feedback.insert().values(**row))
        return _opinion(row)

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Opinions on a run's variants: {run_id, variant, brand, verdict, rating, note, fields}."""
        query = select(feedback).where(feedback.c.run_id == run_id).order_by(feedback.c.variant)
        with self._database.reading() as connection:
            return [_opinion(row) for row in connection.execute(query).mappings()]

    def of_brand(self, brand: str, limit: int) -> list[dict[str, Any]]:
        """The newest opinions on a brand's variants, as `of_run` gives them.

        Raises:
            UsageError: no brand.
        """
        if not brand.strip():
            raise UsageError(
                "Feedback on what? Neither a run nor a brand is given.",
                "Write `studio runs feedback ID VARIANT …` or `studio runs feedback --brand NAME`.",
            )
        query = (
            select(feedback)
            .where(feedback.c.brand_key == _key(brand))
            .order_by(feedback.c.given.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_opinion(row) for row in connection.execute(query).mappings()]


def _variant(run: Mapping[str, Any], id: str) -> Mapping[str, Any]:
    variants = run["outputs"].get("variants")
    if not isinstance(variants, list):
        raise UsageError(
            f"The ledger has no variants of run {run['id'][:8]} ({run['name']}).",
            "Only runs of ad_variants have some, or workflows with an output 'variants'; of very "
            "large results the ledger keeps none.",
        )
    known = {str(one.get("id")): one for one in variants if isinstance(one, dict)}
    if id not in known:
        raise UsageError(
            f"Run {run['id'][:8]} has no variant {id}.", f"It has {', '.join(known) or 'none'}."
        )
    return known[id]


def _opinion(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in _SHOWN}, "fields": json.loads(row["fields"])}


def _key(brand: str) -> str:
    """A brand as it is looked for: capitals and widths of letters make no difference."""
    return " ".join(unicodedata.normalize("NFKC", brand).casefold().split())[:300]
