"""The node run_comfyui_workflow: a user's own ComfyUI workflow in, all its files out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import images
from creative.errors import InvalidInput
from tools import pictures
from tools.adapter import Call, Messages, Parameters

OUTPUTS = ("job_id", "status", "seed", "width", "height", "elapsed_seconds", "notes")


class RunComfyuiWorkflowTool(Tool):
    """See run_comfyui_workflow.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, pictures.DEFAULT_SECONDS)
        workflow, file = parameters.raw("workflow"), parameters.file("workflow_file")
        if (workflow is None) == (file is None):
            came = None if workflow is None else "both workflow and workflow_file"
            raise InvalidInput("workflow", came, "a workflow here or in workflow_file, one of them")
        width, height = images.read_pixels(
            parameters.text("size"), parameters.integer("width"), parameters.integer("height")
        )
        seed = parameters.integer("seed")
        filled: dict[str, Any] = {
            "prompt": parameters.text("prompt"),
            "negative_prompt": parameters.text("negative_prompt"),
            "width": width,
            "height": height,
            "seed": None if seed == -1 else seed,
            "values": images.read_object("values", parameters.raw("values")),
            "mode": pictures.word(parameters, "mode", ("wait", "submit")),
            "previews": parameters.boolean("previews", False),
        }
        given = parameters.files("images")

        def work() -> images.Generated:
            graph = workflow
            if file is not None:
                graph = pictures.fetched(file, "workflow_file", call).decode(errors="replace")
            sent = [(one.filename or "", pictures.fetched(one, "images", call)) for one in given]
            request = images.WorkflowRequest(workflow=graph, files=tuple(sent), **filled)
            return images.run_workflow(request, call.settings, call.deadline, call.steps)

        made = yield from call.run(work)
        known = pictures.outputs(made)
        variables = {name: known[name] for name in OUTPUTS}
        variables["file_count"] = len(made.pictures)
        variables["filenames"] = [picture.filename for picture in made.pictures]
        variables["texts"] = list(made.texts)
        yield from pictures.told(made, call, variables)
