"""The node text_to_image: a prompt in, pictures of exactly the asked size out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption

from tools import pictures
from tools.adapter import Call, Messages, Parameters


class TextToImageTool(Tool):
    """See text_to_image.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, pictures.DEFAULT_SECONDS)
        given = pictures.drawing(parameters)
        given = given.model_copy(update={"highres": parameters.text("highres")})
        mode = pictures.word(parameters, "mode", ("wait", "submit"))
        made = yield from call.run(lambda: pictures.drawn(given, mode, call))
        yield from pictures.told(made, call, pictures.outputs(made))

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        return pictures.options(self, parameter)
