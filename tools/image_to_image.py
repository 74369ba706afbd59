"""The node image_to_image: a picture and a prompt in, changed pictures out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption

from creative import images
from creative.errors import InvalidInput
from tools import pictures
from tools.adapter import Call, Messages, Parameters


class ImageToImageTool(Tool):
    """See image_to_image.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, pictures.DEFAULT_SECONDS)
        given = pictures.drawing(parameters)
        given = given.model_copy(update={"strength": parameters.number("strength")})
        mode = pictures.word(parameters, "mode", ("wait", "submit"))
        image, mask = parameters.file("image"), parameters.file("mask")
        if image is None:
            raise InvalidInput("image", None, "a picture to start from")

        def work() -> images.Generated:
            files = {"image": pictures.fetched(image, "image", call)}
            if mask is not None:
                files["mask"] = pictures.fetched(mask, "mask", call)
            return pictures.drawn(given.model_copy(update=files), mode, call)

        made = yield from call.run(work)
        yield from pictures.told(made, call, pictures.outputs(made))

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        return pictures.options(self, parameter)
