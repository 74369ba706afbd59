"""The names that the user's servers have, for lists to choose from."""

from __future__ import annotations

from creative.deadline import Deadline
from creative.errors import CreativeError, NotConfigured
from creative.images.engines import ENGINES, configured, open_engine
from creative.images.engines.base import Choice, ChoiceKind
from creative.settings import Settings

MAX_CHOICES = 500


def choices(kind: ChoiceKind, settings: Settings, deadline: Deadline) -> list[Choice]:
    """The names of every configured engine, the first engine's first.

    Args:
        kind: model, sampler, scheduler, upscaler or lora.
        settings: which engines are configured.
        deadline: the call's clock.

    Returns:
        At most 500; a name that several engines have is told once; with several engines the
        label says which one has it.

    Raises:
        NotConfigured: no engine is.
        CreativeError: no engine answers; the first one's error.
    """
    engines = [engine for engine in ENGINES if configured(engine, settings)]
    if not engines:
        raise NotConfigured("sd_base_url", "A list of names from your server")
    found: dict[str, Choice] = {}
    failures: list[CreativeError] = []
    for name in engines:
        try:
            with open_engine(name, settings, deadline) as engine:
                listed = engine.choices(kind)
        except CreativeError as error:
            # One server that is off must not hide the names of the others.
            failures.append(error)
            continue
        for choice in listed:
            label = f"{choice.label} ({name})" if len(engines) > 1 else choice.label
            found.setdefault(choice.value, Choice(value=choice.value, label=label))
    if not found and failures:
        raise failures[0]
    return list(found.values())[:MAX_CHOICES]
