"""Settings: the provider's credentials, read once and typed.

The names are those of the credentials form; an absent, empty or null value means "not set".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import DEFAULT_MAX_SECONDS
from creative.errors import InvalidInput

_SEPARATORS = re.compile(r"[,\n]+")
_COUNTS = ("max_keywords", "max_keywords_per_day")
_LISTS = ("sd_base_url", "dify_api_key", "allowed_private_hosts")
OPENAI_URL = "https://api.openai.com/v1"
DIFY_URL = "https://api.dify.ai/v1"
RUNWARE_URL = "https://api.runware.ai/v1"
"""Where these services are asked unless a setting names another address."""
SCREENSHOT_SERVICES = ("screenshotmachine", "screenshotone")
"""Kinds of HTTP services that take screenshots, by the API they speak."""


class Settings(BaseModel):
    """What the user configured. Everything is optional."""

    model_config = ConfigDict(frozen=True)

    sd_base_url: tuple[str, ...] = Field((), description="addresses of Stable Diffusion servers")
    sd_auth: str = Field("", description="user:password of those servers")
    comfyui_base_url: str = Field("", description="address of a ComfyUI server")
    comfyui_api_key: str = Field("", description="bearer token for it")
    openai_base_url: str = Field("", description="address of an OpenAI-compatible API, with /v1")
    openai_api_key: str = Field("", description="its key")
    runware_api_key: str = Field("", description="key of Runware")
    browser_url: str = Field("", description="Chrome DevTools endpoint (http, https, ws or wss)")
    screenshot_service: str = Field(
        "", description="kind of a screenshot service: one of SCREENSHOT_SERVICES, or none"
    )
    screenshot_service_url: str = Field(
        "", description="address of that service; empty: the public one of its kind"
    )
    screenshot_service_key: str = Field("", description="its key")
    screenshot_service_secret: str = Field("", description="its secret phrase, if it has one")
    dify_base_url: str = Field("", description="address of Dify's service API, with /v1")
    dify_api_key: tuple[str, ...] = Field((), description="keys of Dify apps")
    max_seconds: float = Field(DEFAULT_MAX_SECONDS, description="longest call, in seconds")
    max_keywords: int = Field(50_000, description="keywords of one clustering at most")
    max_keywords_per_day: int | None = Field(
        None, description="keywords that one user may cluster in a day; None: any number"
    )
    prompts: str = Field("", description="prompts of the user's own, see creative.prompts")
    allowed_private_hosts: tuple[str, ...] = Field(
        (), description="private hosts (host or host:port) that pages may be fetched from"
    )

    @classmethod
    def from_credentials(cls, credentials: Mapping[str, Any] | None) -> Settings:
        """Settings from Dify's credentials mapping; unknown names are ignored.

        Raises:
            InvalidInput: `max_seconds` is not a number above 0, one of the numbers of keywords
                not a whole number above 0, or `screenshot_service` is no known kind.
        """
        values: dict[str, Any] = {}
        for name, raw in (credentials or {}).items():
            if name not in cls.model_fields or raw is None:
                continue
            text = str(raw).strip()
            if not text:
                continue
            if name in _LISTS:
                parts = (part.strip() for part in _SEPARATORS.split(text))
                values[name] = tuple(part for part in parts if part)
            elif name == "max_seconds":
                values[name] = _seconds(text)
            elif name == "screenshot_service":
                values[name] = _service(text)
            elif name in _COUNTS:
                values[name] = _count(name, text)
            else:
                values[name] = text
        return cls(**values)

    def secrets(self) -> list[str]:
        """Every value that must not be shown, the longest first."""
        found = [self.sd_auth, *self.sd_auth.split(":", 1)[1:], self.comfyui_api_key]
        found += [self.openai_api_key, self.runware_api_key, *self.dify_api_key]
        found += [self.screenshot_service_key, self.screenshot_service_secret]
        addresses = (*self.sd_base_url, self.comfyui_base_url, self.openai_base_url)
        others = (self.browser_url, self.screenshot_service_url, self.dify_base_url)
        for address in (*addresses, *others):
            user, colon, password = address.rpartition("@")[0].rpartition("//")[2].partition(":")
            # A user alone is a token as GitHub and others take one.
            found += [password, unquote(password)] if colon else [user, unquote(user)]
        return sorted({secret for secret in found if len(secret) > 3}, key=len, reverse=True)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise InvalidInput("max_seconds", text, "a number of seconds above 0, for example 570")
    return seconds


def _service(text: str) -> str:
    # A select of Dify cannot be emptied again: one of its options has to say "none".
    service = text.lower()
    if service == "none":
        return ""
    if service not in SCREENSHOT_SERVICES:
        raise InvalidInput("screenshot_service", text, ", ".join(("none", *SCREENSHOT_SERVICES)))
    return service


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise InvalidInput(name, text, "a whole number above 0, for example 50000")
    return int(text)
