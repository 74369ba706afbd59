"""Node `check_connections`: does everything that is set up answer?"""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import connections
from tools import models
from tools.adapter import Call, Messages, OutputFile, Parameters


class CheckConnectionsTool(Tool):
    """See check_connections.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, default_seconds=120)
        model = models.language_model(self, parameters, "model")
        test_picture = parameters.boolean("test_picture", False)
        ask_model = parameters.boolean("ask_model", False)
        fail_on_error = parameters.boolean("fail_on_error", False)

        def work() -> connections.Report:
            report = connections.probe(
                call.settings,
                call.deadline,
                call.steps,
                test_picture=test_picture,
                model=model,
                ask_model=ask_model,
            )
            if fail_on_error:
                report.check()
            return report

        report = yield from call.run(work)
        found = {"ok": report.ok, "connections": report.data()}
        files = [OutputFile(one.data, one.mime_type, one.filename) for one in report.pictures]
        yield from call.messages(text=report.text(), data=found, variables=found, files=files)
