"""The node capture_screenshot: pages in, their pictures out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative.capture.given import secrets
from tools import screenshots
from tools.adapter import Call, Messages, Parameters


class CaptureScreenshotTool(Tool):
    """See capture_screenshot.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, screenshots.DEFAULT_SECONDS)
        at_once = parameters.integer("at_once")
        given = screenshots.given(parameters)
        requests = given.read()
        call.conceal(secrets(requests))
        outcomes = yield from call.run(lambda: screenshots.taken(requests, at_once, call))
        yield from screenshots.told(requests, outcomes, given.notes(), call)
