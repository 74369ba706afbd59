"""What is wanted of `extract_prompts`, and what it gives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MAX_IMAGES = 20
DEFAULT_IMAGES = 4
DEFAULT_SIZE = "16:9@1024"
MAX_SEED = 2**32 - 1


class ExtractRequest(BaseModel):
    """Which pictures an article is to get."""

    model_config = ConfigDict(frozen=True)

    content: str | bytes = Field(repr=False, description="the article, or its file's bytes")
    filename: str = Field("", description="of the file; its ending tells the kind")
    parameter: str = Field("content", description="where it came from, for errors")
    title: str = Field("", description="empty: as the article says")
    max_images: int = Field(
        DEFAULT_IMAGES, description=f"pictures in the article, 1 to {MAX_IMAGES}"
    )
    style: str = Field("", description="the look of all pictures; empty: editorial photograph")
    size: str = Field("", description="as images.read_size takes it; empty: 16:9, 1024 pixels long")
    aspect_ratio: str = Field("", description='such as "4:3"; instead of size')
    audience: str = Field("", description="who reads the article; for a model only")
    language_of_prompts: str = Field("", description="a tag or a name; empty: English")
    negative_prompt: str = Field("", description="empty: a usual one")
    seed: int | None = Field(None, description=f"of the featured picture, 0 to {MAX_SEED}")
    allow_names: bool = Field(False, description="whether names and trademarks may stay")
    instructions: str = Field("", description="the user's wishes; for a model only")


class ImagePrompt(BaseModel):
    """A picture to be made."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    negative_prompt: str
    heading: str = Field(description="of its section; empty: before the first heading")
    offset: int = Field(description="characters of the content before the picture")
    alt_text: str = Field(description="in the article's language")
    caption: str = Field(description="in the article's language")
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    seed: int


class Extraction(BaseModel):
    """The pictures of an article."""

    model_config = ConfigDict(frozen=True)

    featured: ImagePrompt
    in_article_prompts: tuple[ImagePrompt, ...] = Field(description="in the article's order")
    method: str = Field(description="model or extractive")
    title: str
    language: str = Field(description="of the article, BCP 47; empty if nothing can be told")
    dropped: tuple[str, ...] = Field(description="what was taken out or left out, and why")
    notes: tuple[str, ...]

    @property
    def featured_prompt(self) -> str:
        """The prompt of the featured picture."""
        return self.featured.prompt

    @property
    def prompts(self) -> list[str]:
        """The prompts of the pictures in the article, in their order."""
        return [one.prompt for one in self.in_article_prompts]

    def variables(self) -> dict[str, Any]:
        """Everything, by the names that the node declares."""
        return {
            "featured_prompt": self.featured_prompt,
            "featured": self.featured.model_dump(),
            "in_article_prompts": [one.model_dump() for one in self.in_article_prompts],
            "prompts": self.prompts,
            "method": self.method,
            "title": self.title,
            "language": self.language,
            "dropped": list(self.dropped),
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """The result for people."""
        by = "a language model" if self.method == "model" else "the extractive method"
        lines = [f"{len(self.in_article_prompts)} pictures and a featured one, by {by}."]
        lines.append(f"Featured: {self.featured.prompt}")
        for number, one in enumerate(self.in_article_prompts, 1):
            where = one.heading or "the beginning"
            lines.append(f"{number}. {where} (at character {one.offset}): {one.prompt}")
        if self.dropped:
            lines.append("Dropped: " + "; ".join(self.dropped))
        lines += self.notes
        return "\n".join(lines)


class Draft(BaseModel):
    """A picture as a method proposes it; what is the same for all is added later."""

    model_config = ConfigDict(frozen=True)

    section: int = Field(description="index of its section; -1 for the featured picture")
    offset: int
    prompt: str
    alt_text: str
    caption: str


class Drafts(BaseModel):
    """What a method proposes, with what it has to say about that."""

    model_config = ConfigDict(frozen=True)

    featured: Draft
    pictures: tuple[Draft, ...]
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
