"""The node capture_screenshot: pages in, their pictures out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import capture
from creative.capture.given import secrets
from creative.errors import InvalidInput
from tools import screenshots
from tools.adapter import Call, Messages, Parameters


class CaptureScreenshotTool(Tool):
    """See capture_screenshot.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, screenshots.DEFAULT_SECONDS)
        at_once = parameters.integer("at_once")
        at_once = screenshots.AT_ONCE if at_once is None else at_once
        if not 1 <= at_once <= screenshots.MAX_AT_ONCE:
            raise InvalidInput("at_once", at_once, f"1 to {screenshots.MAX_AT_ONCE}")
        requests = screenshots.given(parameters).read()
        call.conceal(secrets(requests))
        outcomes = yield from call.run(
            lambda: [
                capture.screenshot(one, call.settings, call.deadline, call.steps)
                for one in requests
            ]
        )
        yield from screenshots.told(requests, outcomes, call)
