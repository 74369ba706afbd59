"""What the tests of the writer that is a language model share: a page, variants for X, a call."""

from __future__ import annotations

from typing import Any

from creative.ads.model import AdsRequest, Look
from creative.ads.write import Written, write
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps
from tests.authors import Parrot

SHOES = Look(
    kind="url",
    url="https://fleetfoot.example/",
    title="Light running shoes | Fleetfoot",
    headings=("Run lighter every day",),
    prices=("£89.00",),
    text="Run lighter every day\nOnly 180 grams. £89.00",
    brand="Fleetfoot",
)


def post(text: str = "Run lighter with Fleetfoot.", **changes: Any) -> dict[str, Any]:
    """A variant for X."""
    return {"post_text": [text], "headline": ["Run lighter"], "cta": ["Shop"], **changes}


def three() -> dict[str, Any]:
    texts = ("Run lighter every day, for £89.00.", "Only 180 grams on your feet.",
             "Why carry more than you need?")  # fmt: skip
    return {"x": [post(text, angle="benefit", image_prompt="a runner") for text in texts]}


def wrote(model: Parrot, look: Look = SHOES, seconds: float = 60, **asked: Any) -> Written:
    steps = asked.pop("steps", None) or Steps()
    request = AdsRequest(**{"platforms": ("x",), **asked})
    return write(request, look, Settings(), Deadline(seconds), steps, model)


def texts(written: Written) -> list[str]:
    return [text for copy in written.copies for field in copy.fields.values() for text in field]
