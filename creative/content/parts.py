"""What the readers of text, Markdown and HTML give: headings and blocks with their places."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """What the readers of the three kinds find, in order: a heading or a block."""

    model_config = ConfigDict(frozen=True)

    text: str
    start: int
    end: int
    level: int = Field(0, description="1 to 6 for a heading, 0 for a block")


class Found(BaseModel):
    """What a reader makes of an original."""

    model_config = ConfigDict(frozen=True)

    parts: tuple[Part, ...]
    title: str = ""
    end: int = Field(description="where the article ends in the original")
