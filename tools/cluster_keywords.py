"""Node `cluster_keywords`: a list of keywords in, named clusters out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import keywords
from tools import keyword_lists, models
from tools.adapter import Call, Messages, OutputFile, Parameters


class ClusterKeywordsTool(Tool):
    """See cluster_keywords.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        keyword_lists.check(parameters)
        call = Call(self, parameters, default_seconds=300)
        describer = models.describer(self, parameters, call, parameters.text("language"))
        embedder = models.embedder(self, parameters, call)
        wants_map = parameters.boolean("map", True)

        def work() -> tuple[keywords.Export, bytes]:
            request = keyword_lists.request(parameters, call, self.runtime.user_id or "")
            clustering = keywords.cluster(request, call.deadline, call.steps, embedder, describer)
            drawn = keywords.draw(clustering, call.deadline, call.steps) if wants_map else b""
            return keywords.export(clustering, call.steps), drawn

        result, drawn = yield from call.run(work)
        files = [
            OutputFile(result.csv, "text/csv", "clusters.csv"),
            OutputFile(result.json_file, "application/json", "clusters.json"),
        ]
        if drawn:
            files.append(OutputFile(drawn, "image/png", "map.png"))
        yield from call.messages(
            text=result.text, data=result.data, variables=result.data, files=files
        )
