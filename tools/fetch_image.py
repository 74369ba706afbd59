"""The node fetch_image: the id of a submitted job in, its pictures out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import images
from tools import pictures
from tools.adapter import Call, Messages, Parameters


class FetchImageTool(Tool):
    """See fetch_image.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, pictures.DEFAULT_SECONDS)
        job_id = parameters.required_text("job_id", "the job_id of a node in mode submit")
        report = pictures.word(parameters, "if_unfinished", ("fail", "report")) == "report"
        made = yield from call.run(
            lambda: images.collect(job_id, call.settings, call.deadline, call.steps, report)
        )
        variables = {**pictures.outputs(made), "progress": round(made.progress, 1)}
        variables["texts"] = list(made.texts)
        yield from pictures.told(made, call, variables)
