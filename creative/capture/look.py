"""What the page believes of its reader's taste and place, and what is taken out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from creative.capture.page import Page
    from creative.capture.request import ScreenshotRequest


class LookFields(BaseModel):
    """The part of a request that changes how the page looks."""

    model_config = ConfigDict(frozen=True)

    dark_mode: bool = Field(False, description="prefers-color-scheme: dark")
    reduced_motion: bool = Field(False, description="prefers-reduced-motion: reduce")
    print_media: bool = Field(False, description="as printed")
    language: str = Field("", description="BCP 47, for example pt-BR; header and navigator")
    time_zone: str = Field("", description="IANA, for example Asia/Tokyo")
    geolocation: tuple[float, float] | None = Field(
        None, description="latitude, longitude, degrees"
    )
    hide: tuple[str, ...] = Field((), description="CSS selectors of what is not shown")
    css: str = Field("", description="style rules that are added to the page")
    block_banners: bool = Field(False, description="cookie banners are taken out")
    block_ads: bool = Field(False, description="advertisements and trackers are not loaded")
    transparent: bool = Field(False, description="no white behind a page without background")


def commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What must be set before anything is loaded."""
    return []


def apply(page: Page) -> None:
    """Change a loaded page."""
