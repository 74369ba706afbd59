"""Screenshots by a paid HTTP service, where no browser is to be had.

    photograph(request, url, settings, deadline) -> Screenshot

`screenshotmachine` and `screenshotone` say in pure functions what a service is asked
(`query`); `exchange` sends it, reads the answer and brings the picture to its exact size.
A wish that a service cannot fulfil is an error that names the field, never dropped.
"""

from __future__ import annotations

from creative.capture.services.base import NotOffered, Service
from creative.capture.services.exchange import photograph
from creative.capture.services.screenshotmachine import SCREENSHOTMACHINE
from creative.capture.services.screenshotone import SCREENSHOTONE

__all__ = ["SERVICES", "NotOffered", "Service", "photograph"]

SERVICES: dict[str, Service] = {
    service.key: service for service in (SCREENSHOTMACHINE, SCREENSHOTONE)
}
"""By the names that `engine` and the setting `screenshot_service` have."""
