"""When the picture is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from creative.capture.page import Page
    from creative.capture.request import ScreenshotRequest


class MomentFields(BaseModel):
    """The part of a request that says when the picture is taken."""

    model_config = ConfigDict(frozen=True)

    wait_for: str = Field(
        "load", description="load, domcontentloaded, networkidle, a CSS selector, or milliseconds"
    )
    delay_seconds: float = Field(0.0, description="waited after that, seconds")
    freeze_animations: bool = Field(False, description="CSS, Web Animations, GIF and video stop")


def commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What must be set before anything is loaded."""
    return []


def settle(page: Page) -> None:
    """Wait in a loaded page for the moment that was asked for."""
