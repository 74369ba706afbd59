"""Node `extract_image_prompts`: an article in, prompts for its pictures out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import content
from creative.errors import InvalidInput
from tools import content_lists, models, pictures
from tools.adapter import Call, Messages, Parameters

DEFAULT_SECONDS = 300.0


class ExtractImagePromptsTool(Tool):
    """See extract_image_prompts.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, DEFAULT_SECONDS)
        text, file = parameters.text("content"), parameters.file("content_file")
        if (file is None) == (not text):
            came = None if file is None else "a text and a content_file"
            raise InvalidInput("content", came, "an article, either as text or as content_file")
        wanted = parameters.integer("max_images")
        request = content.ExtractRequest(
            content=text,
            title=parameters.text("title"),
            max_images=content.DEFAULT_IMAGES if wanted is None else wanted,
            style=parameters.text("style"),
            size=parameters.text("size"),
            aspect_ratio=parameters.text("aspect_ratio"),
            audience=parameters.text("audience"),
            language_of_prompts=parameters.text("language_of_prompts"),
            negative_prompt=parameters.text("negative_prompt"),
            seed=parameters.integer("seed"),
            allow_names=parameters.boolean("allow_names", False),
            instructions=parameters.text("instructions"),
        )
        model = models.language_model(self, parameters, "model")
        budget = content_lists.budget(parameters)

        def work() -> content.Extraction:
            asked = request
            if file is not None:
                data = pictures.fetched(file, "content_file", call)
                given = {"content": data, "filename": file.filename or "article"}
                asked = request.model_copy(update={**given, "parameter": "content_file"})
            return content.extract_prompts(
                asked, call.settings, call.deadline, call.steps, model, budget
            )

        made = yield from call.run(work)
        variables = made.variables()
        yield from call.messages(text=made.summary(), data=variables, variables=variables)
