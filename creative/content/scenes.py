"""The table of scenes.yaml: what pictures are made of."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Scene(BaseModel):
    """A row: words for a prompt, and the words that a text is compared with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    say: str
    near: str = ""
    light: str = ""


class Scenes(BaseModel):
    """All of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    source: str
    nouns: str
    also_verbs: str
    uncountable: str
    settings: tuple[Scene, ...]
    plain_setting: str
    lights: tuple[Scene, ...]
    framings: tuple[Scene, ...]
    featured_framing: str
    style: str
    negative_prompt: str

    @property
    def words(self) -> list[str]:
        """`nouns`, each once."""
        return _listed(self.nouns)

    def counted(self, noun: str) -> str:
        """An English noun as a list has it: "a pot", "an oven", but "flour" and "scissors"."""
        head = noun.partition(" of ")[0]
        plural = head.endswith("s") and not head.endswith(("ss", "us", "lens"))
        if plural or not noun or {noun, *head.split()[-1:]} & self._uncountable:
            return noun
        return f"{'an' if noun[0] in 'aeio' or noun.startswith(('umb', 'und')) else 'a'} {noun}"

    @cached_property
    def verbs(self) -> frozenset[str]:
        """`also_verbs`."""
        return frozenset(_listed(self.also_verbs))

    @cached_property
    def _uncountable(self) -> frozenset[str]:
        return frozenset(_listed(self.uncountable))


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(" ".join(one.split()) for one in text.split(",")))


@lru_cache(maxsize=1)
def scenes() -> Scenes:
    """The table."""
    import yaml

    text = Path(__file__).with_name("scenes.yaml").read_text(encoding="utf-8")
    return Scenes.model_validate(yaml.safe_load(text))
