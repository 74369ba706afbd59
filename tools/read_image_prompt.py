"""The node read_image_prompt: a picture in, the prompt that it was made from out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import images
from creative.errors import InvalidInput
from creative.files import fetch
from tools import models, pictures
from tools.adapter import MAX_FILE_BYTES, Call, Messages, Parameters

DEFAULT_SECONDS = 120.0
MAX_TOLD_CHARACTERS = 8000
"""Of each text in the JSON; the variables have them whole."""


class ReadImagePromptTool(Tool):
    """See read_image_prompt.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, DEFAULT_SECONDS)
        file, address = parameters.file("image"), parameters.text("image_url").strip()
        if (file is None) == (not address):
            came = None if file is None else "a picture and an image_url"
            raise InvalidInput("image", came, "either a picture file or an image_url")
        allow_guess = parameters.boolean("allow_guess", True)
        instructions = parameters.text("instructions")
        model = models.language_model(self, parameters, "model")

        def work() -> images.Reading:
            if file is not None:
                data = pictures.fetched(file, "image", call)
            else:
                allowed = call.settings.allowed_private_hosts
                got = fetch(address, "", "image_url", call.deadline, MAX_FILE_BYTES, allowed)
                data = got.data
            request = images.ReadRequest(
                image=data,
                parameter="image" if file is not None else "image_url",
                allow_guess=allow_guess,
                instructions=instructions,
            )
            return images.read_prompt(request, call.settings, call.deadline, call.steps, model)

        found = yield from call.run(work)
        variables = found.model_dump()
        data = {
            name: value[:MAX_TOLD_CHARACTERS] if isinstance(value, str) else value
            for name, value in variables.items()
        }
        yield from call.messages(text=found.summary(), data=data, variables=variables)
