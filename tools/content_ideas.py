"""Node `content_ideas`: clusters of keywords in, ideas for articles out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import content
from creative.content import ideas
from tools import content_lists, models
from tools.adapter import Call, Messages, OutputFile, Parameters


class ContentIdeasTool(Tool):
    """See content_ideas.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, default_seconds=300)
        content_lists.check(parameters)
        model = models.language_model(self, parameters, "model")
        budget = content_lists.budget(parameters)

        def work() -> content.Ideas:
            request = content_lists.ideas_request(parameters, call)
            return content.find_ideas(
                request, call.settings, call.deadline, call.steps, model, budget
            )

        found = yield from call.run(work)
        variables = ideas.variables(found)
        yield from call.messages(
            text=ideas.markdown(found),
            data=variables,
            variables=variables,
            files=[OutputFile(ideas.ideas_csv(found), "text/csv", "ideas.csv")],
        )
