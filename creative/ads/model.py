"""The data of ad variants, and who hands what to whom.

    AdsRequest -> look -> Look -> write -> list[Copy] -> fit -> list[Copy]
               -> draw -> list[Drawn] -> score -> list[Variant] -> Campaign

`platforms.py` has the rules (`Platform`, `FieldRule`, `PictureRule`), loaded from platforms.yaml.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

WriterName = Literal["model", "dify_app", "builtin"]
"""Who wrote a variant."""
SourceKind = Literal["url", "html", "image", "none"]
State = Literal["pending", "processing", "completed", "failed"]
"""Of a variant: nobody works on it yet, it is being finished, it is there, it is left out."""
Ground = Literal["auto", "engine", "source", "layout"]
"""What pictures stand on; auto: what an engine draws, else the source's picture, else a layout."""


MAX_COUNT = 20
MAX_SEED = 2**32 - 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Size(_Frozen):
    """A size in pixels."""

    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Feedback(_Frozen):
    """What a person thought of an earlier variant of the same brand."""

    verdict: Literal["approve", "reject", ""] = ""
    rating: int | None = Field(None, ge=1, le=5)
    note: str = ""
    fields: dict[str, tuple[str, ...]] = Field({}, description="texts of that variant, by field")


class AdsRequest(_Frozen):
    """What is wanted. Texts are as the user typed them, without surrounding white space."""

    source_url: str = ""
    source_html: str = ""
    source_image: bytes = Field(b"", repr=False, description="an existing ad or a product picture")
    brief: str = Field("", description="what to say, and to whom")
    brand: str = ""
    platforms: tuple[str, ...] = Field(("google_search",), description="ids of platforms.yaml")
    count: int = Field(3, ge=1, le=MAX_COUNT, description="variants per platform")
    language: str = Field("", description="BCP 47; empty: that of the brief, else of the page")
    tone: str = ""
    must_include: tuple[str, ...] = ()
    must_avoid: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = Field((), description="instead of the platforms' own sizes")
    make_pictures: bool = True
    backgrounds: Ground = "auto"
    engine: Literal["auto", "model", "dify_app", "builtin"] = "auto"
    logo: bytes = Field(b"", repr=False, description="a picture, best a PNG with transparency")
    colours: tuple[str, ...] = Field((), description="brand colours, #rrggbb, the main one first")
    seed: int = Field(0, ge=0, le=MAX_SEED)
    feedback: tuple[Feedback, ...] = Field((), description="examples for the writer")
    cache_seconds: float = Field(
        0.0, description="the page's looks and the writer's answer this old are as good; 0: none"
    )


class Look(_Frozen):
    """What is known of the thing to advertise. Empty where nothing is known."""

    kind: SourceKind = "none"
    url: str = Field("", description="final address of the page")
    title: str = ""
    description: str = ""
    headings: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    text: str = Field("", description="the page's readable text, at most 4,000 characters")
    language: str = Field("en", description="BCP 47: the language that variants are written in")
    brand: str = ""
    colours: tuple[str, ...] = Field((), description="#rrggbb, the main one first")
    screenshot: bytes = Field(b"", repr=False, description="the page or the given ad, PNG or JPEG")
    logo: bytes = Field(b"", repr=False, description="PNG")
    image: bytes = Field(b"", repr=False, description="the page's main picture or the given one")
    notes: tuple[str, ...] = Field((), description="what could not be had, for people")


class Copy(_Frozen):
    """The texts of one variant for one platform."""

    id: str = Field(description="platform and number, such as meta_feed-2")
    platform: str
    fields: dict[str, tuple[str, ...]] = Field(description="texts by the platform's field names")
    angle: str = Field("", description="keyword, benefit, proof, offer, cta, brand or question")
    image_prompt: str = Field("", description="what an image engine should draw, without text")
    engine: WriterName = "builtin"
    notes: tuple[str, ...] = ()

    def text(self, role: str, rules: dict[str, str]) -> str:
        """The first text of the field that plays `role`; `rules` maps field names to roles."""
        for name, texts in self.fields.items():
            if rules.get(name) == role and texts:
                return texts[0]
        return ""


class Drawn(_Frozen):
    """One finished picture."""

    filename: str = Field(description="brand_platform_variant_size.ext")
    platform: str
    variant: str = Field(description="the Copy's id")
    width: int
    height: int
    mime_type: Literal["image/png", "image/jpeg"]
    data: bytes = Field(repr=False)
    contrast: float = Field(description="lowest WCAG contrast ratio of its texts, measured on it")
    clutter: float = Field(description="0 calm to 1 busy: edges behind the texts or in all")
    background: Literal["engine", "source", "layout"]
    branded: bool = Field(False, description="whether the brand's logo or name is on it")
    notes: tuple[str, ...] = ()


class Variant(_Frozen):
    """A variant as it is handed over."""

    id: str
    platform: str
    fields: dict[str, Any]
    angle: str
    image_prompt: str
    score: float = Field(ge=0, le=1)
    score_parts: dict[str, float | None] = Field(description="0 to 1 each; None: not measured")
    engine: WriterName
    notes: tuple[str, ...]
    files: tuple[str, ...] = Field(description="names of its pictures")


class Dropped(_Frozen):
    """A variant that is not handed over."""

    id: str
    platform: str
    reason: str = Field(description="for people")


class Table(_Frozen):
    """A file that a platform's bulk tool takes."""

    filename: str
    data: bytes = Field(repr=False, description="CSV")


class Campaign(_Frozen):
    """Everything that came of a request."""

    variants: tuple[Variant, ...] = Field(description="at least one, by platform and number")
    dropped: tuple[Dropped, ...] = ()
    pictures: tuple[Drawn, ...] = ()
    tables: tuple[Table, ...] = ()
    contact_sheet: bytes = Field(b"", repr=False, description="PNG; empty without pictures")
    look: Look
    states: dict[str, State] = Field(description="of every variant that was wanted, by id")
    engine: WriterName = Field(description="who wrote most of the variants")
    notes: tuple[str, ...] = Field((), description="what differs from what was asked, for people")

    @property
    def best(self) -> Variant:
        """The one with the highest score; of several the first."""
        return max(self.variants, key=lambda variant: variant.score)

    def report(self) -> str:
        """The campaign for people: a line for each variant, the best one first in words."""
        some = counted(len(self.variants), "variant")
        lines = [
            f"{some} in {self.look.language} by {self.engine}, "
            f"{counted(len(self.pictures), 'picture')}. "
            f"Best: {self.best.id} ({self.best.score:.2f})."
        ]
        for variant in self.variants:
            words = " | ".join(_first_texts(variant.fields))
            angle = f" [{variant.angle}]" if variant.angle else ""
            lines.append(f"{variant.id} {variant.score:.2f}{angle}: {words}")
        lines += [f"{one.id} is left out: {one.reason}" for one in self.dropped]
        return "\n".join(lines)


def counted(number: int, thing: str) -> str:
    """A number of things in words: "1 variant", "2 variants"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _first_texts(fields: dict[str, Any]) -> list[str]:
    firsts = [value[0] if isinstance(value, list) and value else value for value in fields.values()]
    return [text for text in firsts if isinstance(text, str) and text][:3]
