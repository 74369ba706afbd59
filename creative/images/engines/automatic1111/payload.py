"""From a task to the body that a dialect wants. Pure: nothing here asks or sends anything.

Only what was asked for is sent: a field that a build does not know, or a default that is
better than ours, stays the server's business (langgenius/dify#4594).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from creative.errors import InvalidInput
from creative.images.engines.automatic1111.dialect import IMG2IMG, TXT2IMG, Dialect, Found
from creative.images.engines.base import Task
from creative.images.names import closest

NATIVE = "/sdcpp/v1/img_gen"

LATENT_STRENGTH = 0.6
"""A latent upscaler leaves blur that less than 0.5 does not remove (the web UI's own hint)."""
MODEL_STRENGTH = 0.4
"""An upscaled picture is sharp already: more would draw another one."""

_PARAMETER_OF = {
    "prompt": "prompt", "negative_prompt": "negative_prompt", "width": "width",
    "height": "height", "seed": "seed", "n_iter": "count", "batch_count": "count",
    "steps": "steps", "cfg_scale": "cfg_scale", "sampler_name": "sampler",
    "sampler_index": "sampler", "scheduler": "scheduler", "styles": "styles",
    "enable_hr": "highres", "hr_resize_x": "highres", "hr_resize_y": "highres",
    "hr_scale": "highres", "firstphase_width": "highres", "firstphase_height": "highres",
    "hr_upscaler": "upscaler", "init_images": "image", "init_image": "image", "mask": "mask",
    "mask_image": "mask", "inpainting_mask_invert": "mask", "lora": "loras",
    "sd_model_checkpoint": "model", "strength": "strength", "output_format": "image_format",
}  # fmt: skip
_OURS = frozenset(
    {"send_images", "force_task_id", "override_settings_restore_afterwards", "do_not_save_grid"}
)
_NATIVE_INNER = {
    "hires": {"enabled": "highres", "target_width": "highres", "target_height": "highres",
              "scale": "highres", "upscaler": "upscaler"},
    "sample_params": {"sample_steps": "steps", "sample_method": "sampler",
                      "scheduler": "scheduler"},
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """Everything of a request that has a name, as the server calls it.

    Attributes:
        model: what `override_settings` gets; "" leaves the loaded one.
        second_pass_upscaler: "" leaves it to the server.
        latent: whether that is a latent one.
        loras: key of each LoRA and its weight.
        settings: all settings that the server shows, with their values.
    """

    model: str = ""
    sampler: str = ""
    scheduler: str = ""
    second_pass_upscaler: str = ""
    latent: bool = True
    loras: tuple[tuple[str, float], ...] = ()
    styles: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One POST.

    Attributes:
        path: below the server's address.
        body: JSON.
        seeds: of the pictures it should give, in order.
        job_id: by which the server knows it; "" where it knows none.
    """

    path: str
    body: dict[str, Any] = field(repr=False)
    seeds: tuple[int, ...]
    job_id: str = ""


def route_of(dialect: Dialect, image: bool) -> str:
    """Where a request with or without a picture to start from goes."""
    if dialect.api == "sdcpp":
        return NATIVE
    return IMG2IMG if image else TXT2IMG


def build(task: Task, found: Found, names: Names, job_id: str = "") -> list[Request]:
    """The POSTs of a task: one, or several where the server draws only so many at once.

    All pictures of a POST are drawn one after the other (`n_iter`): that needs the memory of
    one, gives the same pictures, and shows how far it is. `extra` may hold `batch_size` to
    draw several at a time.

    Args:
        task: everything decided.
        found: the server's dialect.
        names: the names, checked.
        job_id: what to call the job, where the server can tell our jobs from others.

    Raises:
        InvalidInput: see `check_extra`; more steps than the server would do.
    """
    dialect, count = found.dialect, task.request.count
    most = dialect.max_pictures or count
    _steps_in_reach(task, dialect)
    make = _native if dialect.api == "sdcpp" else _sdapi
    requests = []
    for part, start in enumerate(range(0, count, most)):
        seeds = tuple(range(task.seed + start, task.seed + min(start + most, count)))
        own = f"{job_id}.{part}" if job_id and count > most else job_id
        body = make(task, found, names, seeds)
        if own and found.own_task:
            body["force_task_id"] = own
        requests.append(Request(route_of(dialect, task.init is not None), body, seeds, own))
    return requests


def _steps_in_reach(task: Task, dialect: Dialect) -> None:
    steps = task.request.steps
    if steps is not None and dialect.max_steps and steps > dialect.max_steps:
        raise InvalidInput(
            "steps", steps, f"1 to {dialect.max_steps}: {dialect.title} does no more"
        )


def _sdapi(task: Task, found: Found, names: Names, seeds: tuple[int, ...]) -> dict[str, Any]:
    request, plan, dialect = task.request, task.plan, found.dialect
    body: dict[str, Any] = {
        "prompt": _with_tags(request.prompt, names.loras),
        "width": plan.draw_width,
        "height": plan.draw_height,
        "seed": seeds[0],
        "batch_size": 1,
        "n_iter": len(seeds),
        "send_images": True,
        "save_images": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
    }
    body |= _given(
        negative_prompt=request.negative_prompt,
        steps=request.steps,
        cfg_scale=request.cfg_scale,
        sampler_name=names.sampler,
        scheduler=names.scheduler if dialect.scheduler else "",
        styles=list(names.styles),
    )
    if task.init is not None:
        body["init_images"] = [to_text(task.init)]
        body |= _given(denoising_strength=request.strength)
        if task.mask is not None:
            body["mask"] = to_text(task.mask)
            body |= dialect.inpaint
    elif plan.second_pass is not None:
        body |= _second_pass(task, found, names, plan.second_pass)
    settings = changes(dialect.settings, names.settings)
    if names.model:
        settings[dialect.model_setting] = names.model
    if settings:
        body["override_settings"] = settings
        body["override_settings_restore_afterwards"] = True
    merged = _merged(body, request.extra)
    if "batch_size" in request.extra:
        merged["n_iter"] = len(seeds) // merged["batch_size"]
    return merged


def _second_pass(task: Task, found: Found, names: Names, size: tuple[int, int]) -> dict[str, Any]:
    dialect = found.dialect
    fields = {
        "enable_hr": True,
        "hr_resize_x": size[0],
        "hr_resize_y": size[1],
        dialect.second_pass_strength: _second_strength(task, names),
        **dialect.second_pass_fields,
        **_given(hr_upscaler=names.second_pass_upscaler),
    }
    if dialect.second_pass_cfg:
        cfg = task.request.cfg_scale
        fields[dialect.second_pass_cfg] = found.cfg_default if cfg is None else cfg
    return fields


def _second_strength(task: Task, names: Names) -> float:
    if task.request.strength is not None:
        return task.request.strength
    return LATENT_STRENGTH if names.latent else MODEL_STRENGTH


def _native(task: Task, found: Found, names: Names, seeds: tuple[int, ...]) -> dict[str, Any]:
    request, plan = task.request, task.plan
    sampling: dict[str, Any] = _given(
        sample_steps=request.steps, sample_method=names.sampler, scheduler=names.scheduler
    )
    if request.cfg_scale is not None:
        sampling["guidance"] = {"txt_cfg": request.cfg_scale}
    body: dict[str, Any] = {
        "prompt": request.prompt,
        "width": plan.draw_width,
        "height": plan.draw_height,
        "seed": seeds[0],
        "batch_count": len(seeds),
        "output_format": "png",
        **_given(negative_prompt=request.negative_prompt, sample_params=sampling),
    }
    if names.loras:
        body["lora"] = [{"path": path, "multiplier": weight} for path, weight in names.loras]
    if task.init is not None:
        body["init_image"] = to_text(task.init)
        body |= _given(strength=request.strength)
        if task.mask is not None:
            body["mask_image"] = to_text(task.mask)
    elif plan.second_pass is not None:
        body["hires"] = {
            "enabled": True,
            "target_width": plan.second_pass[0],
            "target_height": plan.second_pass[1],
            "denoising_strength": _second_strength(task, names),
            **_given(upscaler=names.second_pass_upscaler),
        }
    return _merged(body, request.extra)


def changes(wanted: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `wanted` that the server has and has otherwise.

    A setting that is as wanted is not sent: AUTOMATIC1111 and Forge restore only what was set
    explicitly at least once (processing.py, `stored_opts`), and keep the rest for everybody.
    """
    return {key: value for key, value in wanted.items() if key in now and now[key] != value}


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None, "", [] or {}."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _with_tags(prompt: str, loras: tuple[tuple[str, float], ...]) -> str:
    return " ".join([prompt, *(f"<lora:{name}:{weight:g}>" for name, weight in loras)]).strip()


def to_text(data: bytes) -> str:
    """A file as the base64 text that JSON can carry."""
    import base64

    return base64.b64encode(data).decode("ascii")


def _merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` on top of `body`; objects are merged, so that a setting more loses none of ours."""
    result = dict(body)
    for key, value in extra.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        result[key] = _merged(old, value) if both and isinstance(old, dict) else value
    return result


def check_extra(
    extra: Mapping[str, Any],
    found: Found,
    image: bool,
    count: int,
    scripts: Collection[str] | None,
    settings: Collection[str],
) -> None:
    """Whether `extra` holds only what the server knows and what no parameter says better.

    Args:
        extra: further fields of the request.
        found: the server's dialect and its fields.
        image: whether the request starts from a picture.
        count: how many pictures.
        scripts: names of the scripts the server has for this kind of request; None: unknown.
        settings: names of its settings; empty: unknown.

    Raises:
        InvalidInput: naming the field and the closest known ones, or the parameter to use.
    """
    dialect = found.dialect
    route = route_of(dialect, image)
    known = found.fields.get(route) or frozenset(dialect.fields)
    for name, value in extra.items():
        if name not in known:
            raise InvalidInput(
                "extra",
                name,
                f"fields that {dialect.title} knows here",
                closest(name, sorted(known)),
            )
        if name in _OURS:
            raise InvalidInput("extra", name, "fields other than this one, which the node sets")
        _no_parameter(name, name, _PARAMETER_OF)
        if name == "denoising_strength" and image:
            _no_parameter(name, name, {name: "strength"})
        if name == "batch_size":
            _divides(value, count, dialect)
        if name in _NATIVE_INNER or name in ("override_settings", "alwayson_scripts"):
            if not isinstance(value, Mapping):
                raise InvalidInput("extra", {name: value}, f"an object for {name}")
            for inner in value:
                _no_parameter(inner, f"{name}.{inner}", _NATIVE_INNER.get(name, {}))
    _known_settings(extra.get("override_settings") or {}, settings, dialect)
    wanted = list(extra.get("alwayson_scripts") or {})
    if extra.get("script_name"):
        wanted.append(str(extra["script_name"]))
    for script in wanted if scripts is not None else ():
        # Servers compare without case (modules/api/api.py, `script_name_to_index`).
        if script.lower() not in {name.lower() for name in scripts or ()}:
            raise InvalidInput(
                "extra",
                script,
                f"scripts that {dialect.title} has for {route.rpartition('/')[2]}",
                closest(script, scripts or ()),
            )


def _no_parameter(name: str, shown: str, table: Mapping[str, str]) -> None:
    if name in table:
        raise InvalidInput(
            "extra", shown, "fields that no parameter is for", f"Use {table[name]} for it."
        )


def _divides(value: object, count: int, dialect: Dialect) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not whole or not isinstance(value, int) or count % value or dialect.max_pictures:
        raise InvalidInput(
            "extra",
            {"batch_size": value},
            f"a batch_size that divides count ({count}): how many are drawn at a time",
            "How many pictures there are is said by count.",
        )


def _known_settings(wanted: Mapping[str, Any], settings: Collection[str], dialect: Dialect) -> None:
    for name in wanted:
        if name == dialect.model_setting:
            _no_parameter(name, f"override_settings.{name}", {name: "model"})
        if settings and name not in settings:
            raise InvalidInput(
                "extra",
                f"override_settings.{name}",
                f"settings that {dialect.title} has",
                closest(name, sorted(settings)),
            )
