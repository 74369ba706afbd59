"""Node `write_article`: an idea, or a title with headings and keywords, in; an article out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import content
from creative.errors import InvalidInput
from tools import content_lists, models
from tools.adapter import Call, Messages, OutputFile, Parameters


class WriteArticleTool(Tool):
    """See write_article.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, default_seconds=570)
        request = content_lists.article(parameters)
        budget = content_lists.budget(parameters)
        model = models.language_model(self, parameters, "model")
        if model is None:
            hint = "Choose one in the node. An article is not faked without a model."
            raise InvalidInput("model", None, "a language model of the workspace", hint)
        user = self.runtime.user_id or ""

        def work() -> content.Article:
            return content.write_article(
                request, call.settings, call.deadline, call.steps, model, budget, user
            )

        made = yield from call.run(work)
        variables = made.variables()
        files = [
            OutputFile(made.article.encode(), "text/markdown", "article.md"),
            OutputFile(made.page().encode(), "text/html", "article.html"),
        ]
        yield from call.messages(
            text=made.summary(), data=made.compact(), variables=variables, files=files
        )
