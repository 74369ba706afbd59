"""The node capture_screenshot: one page in, one PNG file out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import capture
from tools.adapter import Call, Messages, OutputFile, Parameters

DEFAULT_SECONDS = 60.0


class CaptureScreenshotTool(Tool):
    """See capture_screenshot.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, DEFAULT_SECONDS)
        width, height = parameters.integer("width"), parameters.integer("height")
        request = capture.ScreenshotRequest(
            url=parameters.text("url"),
            html=parameters.text("html"),
            full_page=parameters.boolean("full_page", False),
            **({} if width is None else {"width": width}),
            **({} if height is None else {"height": height}),
        )
        shot = yield from call.run(
            lambda: capture.screenshot(request, call.settings, call.deadline, call.steps)
        )
        source = shot.final_url or "the given HTML"
        text = f"Screenshot of {source}: {shot.picture.width} x {shot.picture.height} pixels."
        if shot.blocked_count:
            text += f" Requests of the page that were refused: {shot.blocked_count}."
        variables = {
            "final_url": shot.final_url,
            "title": shot.title,
            "status": shot.status,
            "image_width": shot.picture.width,
            "image_height": shot.picture.height,
        }
        data = {
            **variables,
            "filename": shot.picture.filename,
            "size_kb": round(len(shot.picture.data) / 1024, 1),
            "browser": shot.browser,
            "blocked_count": shot.blocked_count,
            "blocked": [refused.model_dump() for refused in shot.blocked],
        }
        yield from call.messages(
            text=text,
            data=data,
            variables=variables,
            files=[OutputFile(shot.picture.data, "image/png", shot.picture.filename)],
        )
