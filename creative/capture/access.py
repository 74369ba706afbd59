"""What opens the page's doors. Every value here is a secret: none is shown or logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from creative.capture.request import ScreenshotRequest


class AccessFields(BaseModel):
    """The part of a request that the page's server asks for."""

    model_config = ConfigDict(frozen=True)

    headers: tuple[tuple[str, str], ...] = Field(
        (), description="name and value; sent to the page's own origin only", repr=False
    )
    cookies: tuple[tuple[str, str], ...] = Field(
        (), description="name and value, for the page's own host", repr=False
    )
    basic_auth: str = Field("", description="user:password, for the page's own origin", repr=False)
    user_agent: str = Field("", description="instead of the browser's or the device's")
    proxy: str = Field("", description="http, https or socks5 address", repr=False)


def commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What must be set before anything is loaded."""
    return []
