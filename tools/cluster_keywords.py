"""Node `cluster_keywords`: a list of keywords in, named clusters out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import keywords
from creative.errors import InvalidInput
from tools.adapter import Call, Messages, OutputFile, Parameters


class ClusterKeywordsTool(Tool):
    """See cluster_keywords.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        text = parameters.text("keywords")
        file = parameters.file("keywords_file")
        if not text and file is None:
            raise InvalidInput("keywords", None, "a list of keywords, here or in keywords_file")
        if text and file is not None:
            raise InvalidInput("keywords_file", file.filename, "nothing while keywords is given")
        call = Call(self, parameters, default_seconds=300)

        def work() -> keywords.Export:
            if file is None:
                listed = keywords.read_keywords(text)
            else:
                listed = keywords.fetch_keywords(
                    file.url,
                    file.filename or "",
                    call.deadline,
                    call.steps,
                    call.settings.allowed_private_hosts,
                )
            request = keywords.ClusterRequest(keywords=listed)
            return keywords.export(keywords.cluster(request, call.deadline, call.steps), call.steps)

        result = yield from call.run(work)
        yield from call.messages(
            text=result.text,
            data=result.data,
            variables=result.data,
            files=[OutputFile(result.csv, "text/csv", "clusters.csv")],
        )
