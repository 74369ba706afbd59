"""The engines that draw, and which one a call uses."""

from __future__ import annotations

from creative.deadline import Deadline
from creative.errors import InvalidInput, NotConfigured
from creative.images.engines.base import ENGINES, Engine
from creative.settings import Settings

__all__ = ["ENGINES", "choose", "configured", "open_engine"]

_CREDENTIALS = {
    "automatic1111": ("sd_base_url",),
    "comfyui": ("comfyui_base_url",),
    "openai": ("openai_base_url", "openai_api_key"),
    "runware": ("runware_api_key",),
}


def choose(
    engine: str,
    settings: Settings,
    able: tuple[str, ...] = ENGINES,
    job: str = "Drawing a picture",
    besides: str = "",
) -> str:
    """The name of the engine to use: the asked one, or for auto the first configured one.

    Args:
        engine: auto, "" or a name.
        settings: what is configured.
        able: engines that can do the job, in order.
        job: what it is for, in the error where nothing is configured.
        besides: another way of doing the job, a sentence for the hint of that error.

    Raises:
        InvalidInput: no such engine, or one that cannot do this job.
        NotConfigured: its address or key is missing; for auto: nothing is configured.
    """
    name = engine.strip().lower() or "auto"
    if name != "auto":
        if name not in able:
            raise InvalidInput("engine", engine, "auto, " + ", ".join(able))
        if not configured(name, settings):
            raise NotConfigured(_CREDENTIALS[name][0], f"The engine {name}")
        return name
    for candidate in able:
        if configured(candidate, settings):
            return candidate
    raise NotConfigured(
        _CREDENTIALS[able[0]][0],
        job,
        "Fill in one of "
        + ", ".join(_CREDENTIALS[name][0] for name in able)
        + " in the plugin's authorization form; for the local runtime in .env, as "
        + ", ".join(f"STUDIO_{_CREDENTIALS[name][0].upper()}" for name in able)
        + "."
        + besides,
    )


def configured(engine: str, settings: Settings) -> bool:
    """Whether its address or key is set."""
    return any(getattr(settings, credential) for credential in _CREDENTIALS[engine])


def open_engine(name: str, settings: Settings, deadline: Deadline, server: str = "") -> Engine:
    """The engine `name`; use it as a context.

    Raises:
        NotConfigured, InvalidInput: see `Engine.__init__`.
    """
    if name == "automatic1111":
        from creative.images.engines.automatic1111 import Automatic1111

        return Automatic1111(settings, deadline, server)
    if name == "comfyui":
        from creative.images.engines.comfyui import ComfyUI

        return ComfyUI(settings, deadline, server)
    if name == "openai":
        from creative.images.engines.openai import OpenAI

        return OpenAI(settings, deadline, server)
    if name == "runware":
        from creative.images.engines.runware import Runware

        return Runware(settings, deadline, server)
    raise InvalidInput("engine", name, ", ".join(ENGINES))
