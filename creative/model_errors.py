"""What a language model's host says when there is no answer, as errors of our tree."""

from __future__ import annotations

import re
from collections.abc import Callable

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
    shorten,
)
from creative.http import redact_text


class ModelRefused(EngineRejected):
    """A model that will refuse every other call too: no permission, key or such model.

    Attributes:
        unauthorised: it is the key that is missing or wrong.
    """

    unauthorised = False


class RateLimited(EngineRejected):
    """A refusal that time heals; nothing was done or billed."""


class PicturesRefused(EngineRejected):
    """A model that takes no pictures; without them it may answer."""


class FormatRefused(EngineRejected):
    """A model that cannot be held to a schema; without that it may answer."""


class BudgetSpent(CreativeError):
    """The next question would go over what a call may cost; it was not asked."""


def _pictures(model: str, said: str, hint: str) -> CreativeError:
    return PicturesRefused(model, said, hint=hint)


def _format(model: str, said: str, hint: str) -> CreativeError:
    return FormatRefused(model, said, hint=hint)


def _refused(model: str, said: str, hint: str) -> CreativeError:
    return ModelRefused(model, said, hint=hint)


def _unauthorised(model: str, said: str, hint: str) -> CreativeError:
    error = ModelRefused(model, said, hint=hint)
    error.unauthorised = True
    return error


def _limited(model: str, said: str, hint: str) -> CreativeError:
    return RateLimited(model, said, hint=hint)


def _rejected(model: str, said: str, hint: str) -> CreativeError:
    return EngineRejected(model, said, hint=hint)


def _unavailable(model: str, said: str, hint: str) -> CreativeError:
    return EngineUnavailable(model, shorten(said, 500).rstrip("."), hint)


def _unreadable(model: str, said: str, hint: str) -> CreativeError:
    return AnswerInvalid(model, shorten(said, 500).rstrip("."), hint)


# The first rule that fits counts. Limits per minute and used-up accounts both come as 429 and
# speak of quotas.
_RULES: tuple[tuple[str, Callable[[str, str, str], CreativeError], str], ...] = (
    (
        r"permission denied",
        _refused,
        "This build of the plugin may not use models of this kind: install the released package, "
        "whose manifest asks for it.",
    ),
    (
        r"(images?|pictures?|vision|multi.?modal|image_url)\b.{0,40}\b(not|n't|unsupported|only)\b"
        r".{0,40}(support|allow|enabled|accept|available|valid|unsupported)|image_url is not|"
        r"\b(not|n't|no)\b.{0,24}(support|accept|allow).{0,40}(image|picture|vision|multi.?modal)|"
        r"unknown variant .?image_url|not a (multi.?modal|vision)|mmproj|"
        r"only support(s|ed)?.{0,12} text|missing data required for image|"
        r"(unsupported|invalid|unexpected).{0,30}image_url",
        _pictures,
        "Choose a model that sees pictures, or leave the picture out.",
    ),
    (
        r"response_format|json_schema|response_?schema|structured.?output (is|are|not)|"
        r"(support|valid).{0,20}structured.?output|grammar",
        _format,
        "Choose another response format in the model's settings, or none.",
    ),
    (
        r"credentials? (is|are) not (initialized|provided|set)|incorrect model credentials|"
        r"invalid.{0,12}(api.?key|token|credential)|incorrect api key|unauthori[sz]ed|"
        r"api.?key (is )?not valid|authentication|\b40[13]\b|forbidden",
        _unauthorised,
        "Set up the model's provider: in Dify under Settings, Model Provider; for the local "
        "runtime with STUDIO_LLM_BASE_URL and STUDIO_LLM_API_KEY.",
    ),
    (
        r"provider .{0,80}(not exist|not found)|model .{0,80}(not exist|not found|not support)|"
        r"deployment .{0,80}not exist|no such model|unknown model|\b404\b",
        _refused,
        "Choose a model that the workspace has.",
    ),
    (
        r"per (second|minute|day)|rate.?limit (was )?(reached|exceeded)|too many requests|"
        r"overloaded",
        _limited,
        "Wait a little, or choose a model with a higher limit.",
    ),
    (
        r"safety system|content.?(filter|policy|management)|responsible.?ai|flagged",
        _rejected,
        "The model's provider refuses this content: change the text, or choose another model.",
    ),
    (
        r"quota|insufficient|billing|credit",
        _rejected,
        "The model's account has no credit left: top it up or choose another model.",
    ),
    (
        r"rate.?limit|\b429\b",
        _limited,
        "Wait a little, or choose a model with a higher limit.",
    ),
    (
        r"context.{0,12}(length|window|size)|maximum.{0,20}tokens|too many tokens|too long|"
        r"batch.?size|too large",
        _rejected,
        "Choose a model that takes more at once.",
    ),
    (
        r"failed to parse response",
        _unreadable,
        "Try again; if it happens again, the plugin's SDK and this Dify do not fit together.",
    ),
    (
        r"exited without response|time.?out|timed out|connection|connect:|dial tcp|unavailable|"
        r"\b50[0234]\b|server error|stopped in the middle|body closed|\beof\b",
        _unavailable,
        "Try again later, or choose another model. It was not asked twice, since the first time "
        "may have been billed.",
    ),
)

_MOST_CHARACTERS = 20_000
"""Of what is looked at: some hosts hand on a whole page, or the question."""
_WRAPPED = re.compile(r"^((invoke|read) [\w -]+ model failed: |request failed: |\[[^\]]+\] )+")
"""What daemon, API and model plugin put in front of what went wrong."""
# Known by how they begin, or by the word before them and a digit or a star in them: "token limit"
# and "key parameter" are no keys.
_KEY = re.compile(
    r"(\b(?:(?:sk|pk|rk|gsk)[-_]|(?:xai|hf|r8|app|pplx|nvapi)[-_](?=[\w.*-]*[\d*])|AIza|AKIA|eyJ))"
    r"[\w.*-]{6,}"
    r"|(\b(?:x-)?(?:api[-_ ]?)?(?:key|token|secret|bearer|password)\b[\"']?(?:\s+provided)?"
    r"(?:\s*[:=]\s*|\s+|%20)[\"']?)(?=[\w.*+/=-]*[\d*])[\w.*+/=-]{8,}",
    re.IGNORECASE,
)


def failure(model: str, said: str, deadline: Deadline) -> CreativeError:
    """The error (not raised) for what a model's host said instead of an answer.

    Dify hands on what went wrong as one text, made of its own words, the model plugin's and
    those of the model's server.

    Args:
        model: the model, for people.
        said: the text.
        deadline: the call's clock; if its time is up, that is the reason.
    """
    if deadline.expired:
        return deadline.error(f"waiting for {model}")
    said = _WRAPPED.sub("", said.strip()[:_MOST_CHARACTERS])
    shown = _KEY.sub(r"\1\2…", redact_text(said)) or "no reason"
    for pattern, make, hint in _RULES:
        if re.search(pattern, said, re.IGNORECASE):
            return make(model, shown, hint)
    return _rejected(model, shown, "Check the model's settings, or choose another one.")
