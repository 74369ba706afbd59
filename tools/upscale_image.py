"""The node upscale_image: a picture in, a larger one of exactly the asked size out."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption

from creative import images
from creative.errors import InvalidInput
from tools import pictures
from tools.adapter import Call, Messages, Parameters

OUTPUTS = ("width", "height", "engine", "elapsed_seconds", "cost", "notes")


class UpscaleImageTool(Tool):
    """See upscale_image.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, pictures.DEFAULT_SECONDS)
        image = parameters.file("image")
        if image is None:
            raise InvalidInput("image", None, "a picture to enlarge")
        wanted = images.UpscaleGiven(
            scale=parameters.number("scale"),
            size=parameters.text("size"),
            width=parameters.integer("width"),
            height=parameters.integer("height"),
            upscaler=parameters.text("upscaler") or parameters.text("upscaler_choice"),
            engine=parameters.text("engine"),
            placement=pictures.placement(parameters),
            title=PurePosixPath(image.filename or "").stem,
        )

        def work() -> images.Generated:
            request = wanted.read(pictures.fetched(image, "image", call))
            return images.upscale(request, call.settings, call.deadline, call.steps)

        made = yield from call.run(work)
        known = pictures.outputs(made)
        variables = {name: known[name] for name in OUTPUTS if name in known}
        variables |= {"upscaler": made.upscaler, "scale": images.scale_of(made)}
        yield from pictures.told(made, call, variables, images.way_of(made))

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        return pictures.options(self, parameter)
