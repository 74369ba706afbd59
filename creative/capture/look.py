"""What the page believes of its reader's taste and place."""

from __future__ import annotations

from typing import Any

from creative.capture.fields import LookFields
from creative.errors import InvalidInput


def commands(request: LookFields) -> list[tuple[str, dict[str, Any]]]:
    """What must be set in the page before anything is loaded."""
    found = frame_commands(request)
    if request.geolocation is not None:
        latitude, longitude = request.geolocation
        place = {"latitude": latitude, "longitude": longitude, "accuracy": 10}
        found.append(("Emulation.setGeolocationOverride", place))
    return found


def frame_commands(request: LookFields) -> list[tuple[str, dict[str, Any]]]:
    """What frames in processes of their own must be told, too."""
    found: list[tuple[str, dict[str, Any]]] = []
    features = []
    if request.dark_mode:
        features.append({"name": "prefers-color-scheme", "value": "dark"})
    if request.reduced_motion:
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
    if features or request.print_media:
        media = "print" if request.print_media else ""
        found.append(("Emulation.setEmulatedMedia", {"media": media, "features": features}))
    if request.language:
        found.append(("Emulation.setLocaleOverride", {"locale": request.language}))
    if request.time_zone.strip():
        zone = {"timezoneId": request.time_zone.strip()}
        found.append(("Emulation.setTimezoneOverride", zone))
    return found


def languages(request: LookFields) -> str:
    """The languages a page is asked for, the wanted one first: "pt-BR,pt"; "" if none was."""
    tag = request.language
    return ",".join(dict.fromkeys([tag, tag.partition("-")[0]])) if tag else ""


def wrong(request: LookFields, said: str) -> InvalidInput | None:
    """The parameter behind what the browser `said` when it refused one of `commands`."""
    if "setTimezoneOverride" in said:
        return InvalidInput("time_zone", request.time_zone, "an IANA name such as Asia/Tokyo")
    if "setLocaleOverride" in said:
        return InvalidInput("language", request.language, "a language such as en or pt-BR")
    return None
