"""What a writer hands in, before it is held to limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from creative.ads.model import Copy


@dataclass
class Drafts:
    """Variants as they were written.

    Attributes:
        copies: in the platforms' order, numbered.
        dropped: variants that are missing, a sentence each that begins with the id.
        notes: what people should know.
        broken: whether something kept the writer from saying all it would have said.
    """

    copies: list[Copy] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: bool = False
