"""Node `ad_variants`: an ad, a page or a brief in, variants that can be uploaded out."""

from __future__ import annotations

from typing import Any

from dify_plugin import Tool

from creative import ads as verbs
from tools import ads, models
from tools.adapter import Call, Messages, Parameters


class AdVariantsTool(Tool):
    """See ad_variants.yaml."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Messages:
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, ads.DEFAULT_SECONDS)
        model = models.language_model(self, parameters, "model")
        key = ads.model_key(self, parameters)
        dify = ads.mapping(parameters)
        request = ads.request(parameters, call)

        def work() -> verbs.Campaign:
            return verbs.variants(
                request, call.settings, call.deadline, call.steps, model, dify, key
            )

        campaign = yield from call.run(work)
        yield from ads.told(campaign, call)
