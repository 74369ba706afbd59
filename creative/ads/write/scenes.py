"""What the picture behind the words of the built-in writer shows."""

from __future__ import annotations

from creative.ads.model import Look
from creative.ads.write.facts import Facts
from creative.ads.write.phrases import Angle

_SCENES: dict[Angle, str] = {
    "keyword": "seen close up, its details visible",
    "benefit": "in use in everyday life",
    "proof": "in the hands of a person who likes it",
    "offer": "presented on a plain studio background",
    "cta": "ready to be taken, inviting",
    "brand": "in a scene with a strong mood",
    "question": "and a person who looks at it with curiosity",
}


def image_prompt(angle: Angle, facts: Facts, look: Look) -> str:
    """One English sentence for an image generator: the thing, in a scene that fits the angle."""
    thing = f"of {facts.product or facts.brand}"
    if facts.headline and not facts.product:
        # Mostly a sentence, which is nothing that can be seen.
        thing = f"on the theme: {facts.headline}; what is offered"
    colour = f", accents in {look.colours[0]}" if look.colours else ""
    return (
        f"Advertising photograph {thing}, {_SCENES[angle]}, calm background with room for "
        f"a headline, soft light{colour}, no text, no letters, no logo"
    )
