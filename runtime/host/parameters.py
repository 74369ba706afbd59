"""Parameters of a tool call: Dify's own cast, and a strict reading for people.

`cast_value` repeats what Dify does to a value before it reaches a plugin (its source:
api/core/plugin/entities/parameters.py, `cast_parameter_value`), quirks included; the workflow
engine uses it. `prepare` is for the command line, where a wrong value should be an error and
not something else that happens to run.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from runtime.declaration import Parameter, Tool
from runtime.errors import UsageError

FILE_IDENTITY = "__dify__file__"
"""`dify_model_identity` of a file as Dify hands it to a plugin."""

_FILES = frozenset({"files", "system-files"})
_SELECTORS = frozenset({"model-selector", "app-selector"})
_CHOICES = frozenset({"select", "checkbox", "dynamic-select", "dynamic-tree-select"})
_MODEL_TYPES = ("llm", "text-embedding", "rerank", "tts", "speech2text", "moderation")
ANY_PROVIDER = "studio"
"""Of a model that is named without a provider."""
_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})


def cast_value(kind: str, value: Any) -> Any:
    """`value` as Dify would send it to a plugin for a parameter of type `kind`.

    Lenient where Dify is lenient: an object that is no JSON object becomes {}, an array that
    is no JSON array becomes a list of one, an empty number becomes None, and every text but
    "false", "no", "n", "0" and "" is true.

    Raises:
        ValueError: where Dify raises: text that is no number, several files for one,
            a selector that is no mapping.
    """
    return _CASTS.get(kind, str)(value)


def _cast_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _cast_tree(value: Any) -> str | list[str]:
    return [_cast_text(item) for item in value] if isinstance(value, list) else _cast_text(value)


def _cast_boolean(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() in _TRUE or (value.lower() not in _FALSE and bool(value))
    return bool(value)


def _cast_number(value: Any) -> int | float | None:
    if isinstance(value, str) and value:
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) else None


def _cast_file(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise ValueError(
            "This parameter only accepts one file but got multiple files while invoking."
        )
    return value[0]


def _cast_files(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _cast_selector(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("The selector must be a dictionary.")
    return value


def _cast_tools(value: Any) -> Any:
    if value and not isinstance(value, list):
        raise ValueError("The tools selector must be a list.")
    return value


def _cast_any(value: Any) -> Any:
    if value and not isinstance(value, str | dict | list | int | float):
        raise ValueError("The var selector must be a string, dictionary, list or number.")
    return value


def _cast_array(value: Any) -> list[Any]:
    parsed = _json_or_same(value)
    return parsed if isinstance(parsed, list) else [value]


def _cast_object(value: Any) -> dict[str, Any]:
    parsed = _json_or_same(value)
    return parsed if isinstance(parsed, dict) else {}


_CASTS: dict[str, Callable[[Any], Any]] = {
    "string": _cast_text,
    "secret-input": _cast_text,
    "select": _cast_text,
    "checkbox": _cast_text,
    "dynamic-select": _cast_text,
    "dynamic-tree-select": _cast_tree,
    "boolean": _cast_boolean,
    "number": _cast_number,
    "file": _cast_file,
    "files": _cast_files,
    "system-files": _cast_files,
    "model-selector": _cast_selector,
    "app-selector": _cast_selector,
    "array[tools]": _cast_tools,
    "any": _cast_any,
    "array": _cast_array,
    "object": _cast_object,
}


def initial_value(parameter: Parameter, value: Any) -> Any:
    """A setting as Dify starts with it where a workflow names it the old way (unwrapped).

    Dify: `init_frontend_parameter`. An empty value becomes the default; then it must be there
    if it is required, be an option of a select, and is cast.

    Raises:
        ValueError: it is missing, or no option.
    """
    if not value and value != 0:
        value = parameter.default
        if not value and parameter.required:
            raise ValueError(f"tool parameter {parameter.name} not found in tool config")
    several = bool(parameter.multiple) and parameter.type in _CHOICES
    if several:
        items = [] if value is None else value if isinstance(value, list) else [value]
        value = [item if isinstance(item, str) else str(item) for item in items]
    if parameter.type == "select":
        options = [option.value for option in parameter.options or []]
        wrong = [v for v in (value if isinstance(value, list) else [value]) if v not in options]
        if wrong and value is not None:
            raise ValueError(
                f"tool parameter {parameter.name} value {value} not in options {options}"
            )
    return value if several else cast_value(parameter.type, value)


def prepare(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call from a command line.

    Args:
        tool: the tool that will be called.
        given: name to value; a value is text or already of its type. Objects and arrays may
            be JSON text; a file is a mapping as Dify sends it (see
            `runtime.answers.files.FileServer.put`). None means "not given"; an empty text is
            an empty value, as in a cleared field of Dify's form.

    Returns:
        What Dify would send: the given values, cast, and the declared default of every
        parameter that was not given (Dify's editor writes the defaults into a new node).

    Raises:
        UsageError: an unknown parameter, a missing one, a value of the wrong type, outside
            its options or outside its limits.
    """
    declared = {parameter.name: parameter for parameter in tool.parameters}
    for name in given:
        if name not in declared:
            raise _unknown(tool, name, list(declared))
    values: dict[str, Any] = {}
    missing = []
    for name, parameter in declared.items():
        value = given.get(name)
        if value is not None and not (parameter.required and _empty(value)):
            values[name] = _checked(tool, parameter, value)
        elif parameter.default is not None and parameter.default != "":
            values[name] = cast_value(parameter.type, parameter.default)
        elif parameter.required:
            missing.append(name)
    if missing:
        names = ", ".join(missing)
        raise UsageError(
            f"{tool.name} needs {'parameter' if len(missing) == 1 else 'parameters'} {names}.",
            "Add " + " ".join(f"{name}=…" for name in missing) + ".",
        )
    return values


def closest(name: str, names: list[str]) -> str:
    """ "Did you mean …? " if one of `names` is close to `name`, else an empty text."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}? " if near else ""


def _unknown(tool: Tool, name: str, names: list[str]) -> UsageError:
    listed = ", ".join(names) if names else "none"
    return UsageError(
        f"{tool.name} has no parameter {name!r}.",
        f"{closest(name, names)}Its parameters: {listed}.",
    )


def _checked(tool: Tool, parameter: Parameter, value: Any) -> Any:
    if _empty(value):
        return value if parameter.type in _FILES else cast_value(parameter.type, value)
    return _CHECKS.get(parameter.type, _text)(tool, parameter, value)


def _text(tool: Tool, parameter: Parameter, value: Any) -> Any:
    if isinstance(value, dict | list):
        raise _wrong(tool, parameter, value, "text")
    return cast_value(parameter.type, value)


def _anything(tool: Tool, parameter: Parameter, value: Any) -> Any:
    return cast_value("any", value)


def _choice(tool: Tool, parameter: Parameter, value: Any) -> Any:
    options = [option.value for option in parameter.options or []]
    if parameter.multiple:
        items = _json_or_same(value)
        if isinstance(items, str):
            items = [item.strip() for item in items.split(",")]
        elif not isinstance(items, list):
            items = [items]
        texts: Any = [cast_value("select", item) for item in items]
    else:
        if isinstance(value, dict | list):
            raise _wrong(tool, parameter, value, "one value")
        texts = cast_value("select", value)
    if parameter.type == "select":
        for text in texts if isinstance(texts, list) else [texts]:
            if text not in options:
                raise _wrong(tool, parameter, text, f"one of {', '.join(options)}")
    return texts


def _number(tool: Tool, parameter: Parameter, value: Any) -> int | float:
    try:
        number = None if isinstance(value, bool) else cast_value("number", value)
    except ValueError:
        number = None
    if number is None or not math.isfinite(number):
        raise _wrong(tool, parameter, value, "a number")
    if parameter.min is not None and number < parameter.min:
        raise _wrong(tool, parameter, value, f"{parameter.min:g} or more")
    if parameter.max is not None and number > parameter.max:
        raise _wrong(tool, parameter, value, f"{parameter.max:g} or less")
    return int(number) if isinstance(number, int) else float(number)


def _boolean(tool: Tool, parameter: Parameter, value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise _wrong(tool, parameter, value, "true or false")
    return text in _TRUE


def _file(tool: Tool, parameter: Parameter, value: Any) -> dict[str, Any]:
    value = _json_or_same(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict) and value.get("dify_model_identity") == FILE_IDENTITY:
        return value
    raise _wrong(
        tool, parameter, value, "a file", f"Give a path or an address: {parameter.name}=@PATH."
    )


def _files(tool: Tool, parameter: Parameter, value: Any) -> list[dict[str, Any]]:
    return [_file(tool, parameter, item) for item in _cast_files(_json_or_same(value))]


def _model(tool: Tool, parameter: Parameter, value: Any) -> dict[str, Any]:
    """A model as Dify's selector gives it, from JSON, `provider/model` or `model`."""
    parsed = _json_or_same(value)
    if isinstance(parsed, str) and not parsed.lstrip().startswith("{"):
        parts = parsed.strip().split("/")
        # A provider's whole name has three parts, and a model's may have slashes, too.
        split = 3 if len(parts) > 3 else min(1, len(parts) - 1)
        provider, model = "/".join(parts[:split]), "/".join(parts[split:])
        parsed = {"provider": provider or ANY_PROVIDER, "model": model}
    named = isinstance(parsed, dict) and all(parsed.get(key) for key in ("provider", "model"))
    if not isinstance(parsed, dict) or not named:
        wanted = "a model: provider/model, a model's name, or Dify's JSON with both"
        raise _wrong(tool, parameter, value, wanted, f"For example {parameter.name}=qwen3:8b.")
    first = next((kind for kind in _MODEL_TYPES if kind in (parameter.scope or "").split("&")), "")
    usual = {"model_type": first or "llm", "mode": "chat", "completion_params": {}}
    return {**usual, **parsed}


def _structure(tool: Tool, parameter: Parameter, value: Any) -> Any:
    wanted: type = dict if parameter.type == "object" or parameter.type in _SELECTORS else list
    parsed = _json_or_same(value)
    if not isinstance(parsed, wanted):
        what = "a JSON object" if wanted is dict else "a JSON array"
        example = '{"key": "value"}' if wanted is dict else '["a", "b"]'
        raise _wrong(tool, parameter, value, what, f"For example {parameter.name}='{example}'.")
    return parsed


def _wrong(tool: Tool, parameter: Parameter, value: Any, wanted: str, hint: str = "") -> UsageError:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else shown[:79] + "…"
    return UsageError(
        f"{tool.name}: {parameter.name} must be {wanted}; got {shown}.",
        hint or f"Correct {parameter.name}=….",
    )


def _empty(value: Any) -> bool:
    return value == [] or (isinstance(value, str) and not value.strip())


def _json_or_same(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_CHECKS: dict[str, Callable[[Tool, Parameter, Any], Any]] = {
    **dict.fromkeys(_CHOICES, _choice),
    **dict.fromkeys(_FILES, _files),
    **dict.fromkeys(_SELECTORS, _structure),
    **dict.fromkeys(("object", "array", "array[tools]"), _structure),
    "model-selector": _model,
    "number": _number,
    "boolean": _boolean,
    "file": _file,
    "any": _anything,
}
