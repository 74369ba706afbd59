"""The table of scenes.yaml: what pictures are made of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Scene(BaseModel):
    """A row: words for a prompt, and the words that a text is compared with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    say: str
    near: str = ""


class Scenes(BaseModel):
    """All of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    source: str
    nouns: str
    settings: tuple[Scene, ...]
    lights: tuple[Scene, ...]
    framings: tuple[Scene, ...]
    featured_framing: str
    style: str
    negative_prompt: str

    @property
    def words(self) -> list[str]:
        """`nouns`, each once."""
        return list(dict.fromkeys(" ".join(one.split()) for one in self.nouns.split(",")))


@lru_cache(maxsize=1)
def scenes() -> Scenes:
    """The table."""
    import yaml

    text = Path(__file__).with_name("scenes.yaml").read_text(encoding="utf-8")
    return Scenes.model_validate(yaml.safe_load(text))
