"""What every screenshot service has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from creative.capture.request import Engine, ScreenshotRequest
from creative.errors import CreativeError, InvalidInput
from creative.http import Reply
from creative.settings import Settings

Query = list[tuple[str, str]]
"""Names and values, a name perhaps more than once."""

HERE = frozenset(
    {"url", "html", "markdown", "engine", "cache_seconds", "resize_width", "resize_height"}
)
"""Fields that are fulfilled here, or that say where the page comes from."""
SILENT = frozenset({"fail_on_status", "with_facts"})
"""Fields with defaults that say something; a service that does not know is noted, not refused."""


class NotOffered(InvalidInput):
    """A wish that a screenshot service cannot fulfil.

    Args:
        parameter: its name.
        service: the service's name, for people.
        what: what exactly it cannot do, if the parameter alone does not say it.
    """

    def __init__(self, parameter: str, service: str, what: str = "") -> None:
        CreativeError.__init__(
            self,
            f"{parameter}: {service} cannot do that{f' ({what})' if what else ''}.",
            f"Leave {parameter} empty, or set engine to browser.",
        )


@dataclass(frozen=True)
class Asked:
    """One request to a service.

    Attributes:
        method: GET, which may be repeated when no connection was made, or POST, sent once.
        address: with its query; it holds the key and is never shown.
        body: JSON of a POST, or None.
    """

    method: Literal["GET", "POST"]
    address: str = field(repr=False)
    body: dict[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Service:
    """One kind of service.

    Attributes:
        key: as in the setting `screenshot_service`.
        name: for people.
        address: of its API, if `screenshot_service_url` is empty.
        ask: what to send for a request, its checked address (empty for html and markdown),
            the settings and the seconds that are left. Raises InvalidInput (NotOffered).
        refusal: the service's own words if its answer is an error, and an HTTP status where
            there is one; else None.
        status: the page's HTTP status, where the service tells it; else 0.
    """

    key: Engine
    name: str
    address: str
    ask: Callable[[ScreenshotRequest, str, Settings, float], Asked]
    refusal: Callable[[Reply], tuple[str, int | None] | None]
    status: Callable[[Reply], int]


def refuse_others(request: ScreenshotRequest, offered: Iterable[str], service: str) -> None:
    """Refuse the first field that is set and not in `offered`.

    Raises:
        NotOffered: naming it.
    """
    known = HERE | SILENT | frozenset(offered)
    for name, described in type(request).model_fields.items():
        if name not in known and getattr(request, name) != described.default:
            raise NotOffered(name, service)


def number(value: float) -> str:
    """A number as URLs have it: no exponent, no needless zeros.

    >>> number(2.0), number(48.858184)
    ('2', '48.858184')
    """
    return f"{value:.6f}".rstrip("0").rstrip(".")


def in_range(parameter: str, value: float, least: float, most: float, service: str) -> None:
    """Refuse a number that the service does not take.

    Raises:
        InvalidInput: it is under `least` or over `most`.
    """
    if not least <= value <= most:
        raise InvalidInput(
            parameter,
            value,
            f"{number(least)} to {number(most)} with {service}",
            "Give an allowed value, or set engine to browser.",
        )
