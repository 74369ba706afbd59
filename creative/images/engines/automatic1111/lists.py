"""Names of the server: checked before anything is drawn, since servers take something else
without a word for a name they do not have (Forge: 200 for any sampler and checkpoint)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from creative.errors import InvalidInput
from creative.images.engines.automatic1111.dialect import MODELS, Dialect, Found
from creative.images.engines.automatic1111.payload import Names, changes, check_extra, route_of
from creative.images.engines.automatic1111.server import Server
from creative.images.engines.base import Choice, ChoiceKind
from creative.images.names import plain, resolve
from creative.images.request import DrawRequest, Highres

OPTIONS = "/sdapi/v1/options"
SAMPLERS = "/sdapi/v1/samplers"
SCHEDULERS = "/sdapi/v1/schedulers"
UPSCALERS = "/sdapi/v1/upscalers"
LATENT_MODES = "/sdapi/v1/latent-upscale-modes"
LORAS = "/sdapi/v1/loras"
STYLES = "/sdapi/v1/prompt-styles"
SYSINFO = "/internal/sysinfo"
SCRIPTS = "/sdapi/v1/scripts"

_MODEL_FILE = re.compile(r"\.(pth?|safetensors|ckpt|bin|onnx|gguf)$", re.IGNORECASE)


class Lists:
    """A server's lists within one call: each is asked once, and only when it is needed."""

    def __init__(self, server: Server, found: Found) -> None:
        self.server, self.found = server, found
        self.notes: list[str] = []
        self._asked: dict[str, Any] = {}

    def _answer(self, path: str) -> Any:
        """The JSON of a GET; None where the server has no such route."""
        if path not in self._asked:
            reply = self.server.get(path)
            absent = reply.status in (404, 405)
            self._asked[path] = None if absent else self.server.json(reply)
        return self._asked[path]

    def _rows(self, path: str) -> list[dict[str, Any]] | None:
        answer = self._answer(path)
        if not isinstance(answer, list):
            return None
        return [row for row in answer if isinstance(row, dict)]

    def _names(self, path: str, *keys: str) -> list[str] | None:
        rows = self._rows(path)
        if rows is None:
            return None
        found = [next((row[key] for key in keys if row.get(key)), "") for row in rows]
        return [str(name) for name in dict.fromkeys(found) if name]

    def _resolve(self, parameter: str, wanted: str, known: list[str] | None) -> str:
        if known is None:
            self.notes.append(
                f"{parameter}: {self.server.who} has no list of them, so {wanted!r} "
                "could not be checked"
            )
            return wanted
        return resolve(parameter, wanted, known, self.found.dialect.title)

    def settings(self) -> dict[str, Any]:
        """The server's settings; {} where it shows none."""
        answer = self._answer(OPTIONS)
        return answer if isinstance(answer, dict) else {}

    def restorable(self) -> frozenset[str] | None:
        """The settings that the server puts back after an override; None where it is not known.

        AUTOMATIC1111 and Forge put back only those that were ever set explicitly
        (processing.py, `stored_opts`); /internal/sysinfo lists exactly these as `Config`.
        """
        answer = self._answer(SYSINFO) if self.found.saved else None
        config = answer.get("Config") if isinstance(answer, dict) else None
        return frozenset(config) if isinstance(config, dict) else None

    def warn_of_leaks(self, settings: Mapping[str, Any]) -> None:
        """A note if the server would keep one of these after the job."""
        restorable = self.restorable()
        kept = sorted(settings.keys() - restorable) if restorable is not None else []
        if kept:
            self.notes.append(
                f"extra: {self.found.dialect.title} keeps {', '.join(kept)} as overridden after "
                "the job, since it was never set there; pressing Apply settings once in its web "
                "UI makes it put things back"
            )

    def loaded(self) -> str:
        """The model that is loaded; "" where the server does not say."""
        name = self.settings().get(self.found.dialect.model_setting or "sd_model_checkpoint")
        if isinstance(name, str) and name:
            return name
        models = self._names(MODELS, "title", "model_name") or []
        return models[0] if len(models) == 1 else ""

    def model(self, wanted: str) -> str:
        """The model as the server calls it.

        Raises:
            InvalidInput: it has none of this name.
        """
        return self._resolve("model", wanted, self._names(MODELS, "title", "model_name", "name"))

    def family_hint(self, model: str) -> str:
        """What the server says of a model's kind (SD.Next: `type`), for its family."""
        rows = self._rows(MODELS) or []
        types = [row.get("type") for row in rows if row.get("title") == model]
        return str(types[0]) if types and types[0] else ""

    def sampler(self, wanted: str, scheduler: str) -> tuple[str, str]:
        """Sampler and scheduler; "DPM++ 2M Karras" names both, as it did before 1.9.

        Raises:
            InvalidInput: there is no such sampler or scheduler, or no field for one.
        """
        if not wanted:
            return "", self.scheduler(scheduler) if scheduler else ""
        rows = self._rows(SAMPLERS)
        names = None if rows is None else [str(row["name"]) for row in rows if row.get("name")]
        for row in rows or ():
            if wanted in (row.get("aliases") or ()) and wanted not in (names or ()):
                wanted = str(row["name"])
        if names is not None and not scheduler and self.found.dialect.scheduler:
            base, _, last = wanted.strip().rpartition(" ")
            known = {plain(name) for name in names}
            if plain(wanted) not in known and plain(base) in known:
                return self._resolve("sampler", base, names), self.scheduler(last)
        sampler = self._resolve("sampler", wanted, names)
        return sampler, self.scheduler(scheduler) if scheduler else ""

    def scheduler(self, wanted: str) -> str:
        """The scheduler, by name or label.

        Raises:
            InvalidInput: there is none of this name, or the dialect has no such field.
        """
        title = self.found.dialect.title
        if not self.found.dialect.scheduler:
            raise InvalidInput(
                "scheduler",
                wanted,
                f"nothing: the samplers of {title} include it",
                "Leave scheduler empty and choose another sampler.",
            )
        rows = self._rows(SCHEDULERS)
        if rows is not None and any(wanted in (row.get("name"), row.get("label")) for row in rows):
            return wanted
        return self._resolve("scheduler", wanted, self._names(SCHEDULERS, "label", "name"))

    def loras(self, request: DrawRequest) -> tuple[tuple[str, float], ...]:
        """The key of each LoRA and its weight.

        Raises:
            InvalidInput: the server has none of this name.
        """
        if not request.loras:
            return ()
        rows = self._rows(LORAS)
        keys = {str(row.get("name")): row for row in rows or ()}
        chosen = []
        for lora in request.loras:
            for row in rows or ():
                if lora.name == row.get("alias") and lora.name not in keys:
                    lora = lora.model_copy(update={"name": str(row["name"])})  # noqa: PLW2901
            name = self._resolve("loras", lora.name, None if rows is None else list(keys))
            key = keys.get(name, {}).get(self.found.dialect.lora_key, name)
            chosen.append((str(key), lora.weight))
        return tuple(chosen)

    def styles(self, request: DrawRequest) -> tuple[str, ...]:
        """The saved styles.

        Raises:
            InvalidInput: the server has none of this name, or knows no styles.
        """
        if not request.styles:
            return ()
        fields = self.found.fields.get(route_of(self.found.dialect, request.image is not None))
        if "styles" not in (fields or self.found.dialect.fields):
            raise InvalidInput(
                "styles",
                ", ".join(request.styles),
                f"nothing: {self.found.dialect.title} has no saved styles",
            )
        known = self._names(STYLES, "name")
        return tuple(self._resolve("styles", style, known) for style in request.styles)

    def enlargers(self) -> list[str]:
        """Upscalers that can enlarge a finished picture."""
        if not self.found.dialect.enlarge:
            return []
        return [name for name in self._upscalers() if not _is_latent(name)]

    def _upscalers(self) -> list[str]:
        names = self._names(UPSCALERS, "name") or []
        return [name for name in names if name.lower() != "none"]

    def enlarger(self, wanted: str) -> str:
        """The upscaler of this name among those that can enlarge.

        Raises:
            InvalidInput: there is none.
        """
        return self._resolve("upscaler", wanted, self.enlargers())

    def second_passers(self) -> list[str]:
        """Upscalers that can precede a second pass."""
        return list(dict.fromkeys([*self.latent(), *self._upscalers()]))

    def latent(self) -> list[str]:
        """Latent upscalers: a list of their own, or among the others (SD.Next)."""
        own = self._names(LATENT_MODES, "name")
        return [n for n in self._upscalers() if _is_latent(n)] if own is None else own

    def good_upscaler(self) -> str:
        """The first upscaler that is a model lying on the server; "" if there is none.

        One with an address, or the name of a repository, would be downloaded first; one
        without either is plain resampling, which is done as well here.
        """
        for row in self._rows(UPSCALERS) or ():
            path = str(row.get("model_path") or "")
            if "://" not in path and _MODEL_FILE.search(path):
                return str(row.get("name") or "")
        return ""

    def scripts(self, image: bool) -> list[str] | None:
        """Names of scripts for this kind of request; None where the server has no list."""
        answer = self._answer(SCRIPTS)
        kind = answer.get("img2img" if image else "txt2img") if isinstance(answer, dict) else None
        return [str(name) for name in kind] if isinstance(kind, list) else None

    def choices(self, kind: ChoiceKind) -> list[Choice]:
        """The names of one kind, in the server's order."""
        if kind == "model":
            names = self._names(MODELS, "title", "model_name", "name")
        elif kind == "sampler":
            names = self._names(SAMPLERS, "name")
        elif kind == "scheduler":
            has = self.found.dialect.scheduler
            names = self._names(SCHEDULERS, "label", "name") if has else []
        elif kind == "lora":
            names = self._names(LORAS, "name")
        else:
            usable = self.second_passers() if self.found.dialect.second_pass else []
            names = list(dict.fromkeys([*self.enlargers(), *usable]))
        return [Choice(value=name, label=name) for name in names or ()]


def named(request: DrawRequest, lists: Lists) -> tuple[Names, str]:
    """All names of a request, checked, and the upscaler that can enlarge ("" if none can).

    Raises:
        InvalidInput: a name that the server does not have; a field of `extra` likewise.
    """
    dialect: Dialect = lists.found.dialect
    image = request.image is not None
    settings = lists.settings() if dialect.model_setting or request.extra else {}
    model = lists.model(request.model) if request.model else ""
    sampler, scheduler = lists.sampler(request.sampler, request.scheduler)
    if request.extra:
        asks = request.extra.keys() & {"alwayson_scripts", "script_name"}
        check_extra(
            request.extra,
            lists.found,
            image,
            request.count,
            lists.scripts(image) if asks and dialect.scripts else None,
            settings,
        )
        lists.warn_of_leaks(changes(request.extra.get("override_settings") or {}, settings))
    passes = dialect.second_pass and not image and request.highres is not Highres.OFF
    upscaler, latent, enlarger = _upscalers(request, lists, passes)
    names = Names(
        model=model if dialect.model_setting else "",
        sampler=sampler,
        scheduler=scheduler,
        second_pass_upscaler=upscaler,
        latent=latent,
        loras=lists.loras(request),
        styles=lists.styles(request),
        settings=settings,
    )
    return names, enlarger


def _upscalers(request: DrawRequest, lists: Lists, passes: bool) -> tuple[str, bool, str]:
    """For the second pass, whether that is latent, and for enlarging."""
    enlargers = lists.enlargers()
    if request.upscaler:
        known = list(dict.fromkeys([*enlargers, *(lists.second_passers() if passes else ())]))
        wanted = resolve("upscaler", request.upscaler, known, lists.found.dialect.title)
        latent = wanted in lists.latent() if passes else False
        if wanted in enlargers:
            return wanted, latent, wanted
        good = lists.good_upscaler()
        return wanted, latent, good if good in enlargers else ""
    if not passes and not enlargers:
        return "", True, ""
    good = lists.good_upscaler()
    enlarger = good if good in enlargers else ""
    if not passes:
        return "", True, enlarger
    # Named also where it is the default: SD.Next does without a second pass if none is.
    return good or next(iter(lists.latent()), ""), not good, enlarger


def _is_latent(name: str) -> bool:
    return name.lower().startswith("latent")
