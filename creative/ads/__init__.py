"""Ads: variants of an ad or a landing page that can be uploaded as they are.

    request = AdsRequest(source_url="https://example.com", platforms=("meta_feed",))
    campaign = variants(request, settings, deadline, steps)

How it fits together: `look` sees what there is; `write` makes texts of it, within the limits of
`platforms.yaml`; `backgrounds` and `pictures` draw; `score` measures; `export` makes the tables
that platforms take. `model` has the data that they hand to each other, `cache` what earlier calls
saw and wrote, `states` how far each variant is, `patience` who gets how much of the time.
"""

from creative.ads.model import (
    MAX_COUNT,
    MAX_SEED,
    AdsRequest,
    Campaign,
    Drawn,
    Dropped,
    Feedback,
    Look,
    Size,
    Variant,
)
from creative.ads.pipeline import variants
from creative.ads.write import DifyMapping

__all__ = [
    "MAX_COUNT",
    "MAX_SEED",
    "AdsRequest",
    "Campaign",
    "DifyMapping",
    "Drawn",
    "Dropped",
    "Feedback",
    "Look",
    "Size",
    "Variant",
    "variants",
]
