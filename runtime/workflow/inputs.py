"""The start node's inputs, checked as Dify checks them.

The rules are those of Dify's api/core/app/apps/base_app_generator.py (`_validate_inputs`) and
api/factories/file_factory.py. Two things are added for a command line: an unknown input is an
error, and values may come as text where Dify would get JSON (numbers and checkboxes it takes
as text itself; objects are JSON text, files are paths or URLs).
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from runtime.answers.files import DEFAULT_MIME_TYPE, extension_of, kind_of
from runtime.errors import UsageError, WorkflowInvalid
from runtime.files import FileTooLarge, read_bounded
from runtime.host.messages import OutputFile
from runtime.host.parameters import closest
from runtime.workflow.dsl import CHATFLOW, Node, Workflow

MAX_FILE_BYTES = 100 * 1024 * 1024
"""Dify's UPLOAD_VIDEO_FILE_SIZE_LIMIT, the largest of its limits for uploads."""
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_LOCAL, _REMOTE = "local_file", "remote_url"


@dataclass(frozen=True)
class InputFile:
    """A file that the user gives.

    Attributes:
        kind: image, document, audio, video or custom.
        url: of a file that lies elsewhere; then `data` is empty.
    """

    filename: str
    mime_type: str
    kind: str
    data: bytes = b""
    url: str = ""


@dataclass(frozen=True)
class Inputs:
    """What a run starts with.

    Attributes:
        variables: the start node's variables; None where an optional one was not given.
        query: the user's message to a chatflow.
        files: the files of that message.
    """

    variables: dict[str, Any]
    query: str = ""
    files: list[InputFile] = field(default_factory=list)


@dataclass(frozen=True)
class Variable:
    """A variable of the start node, as declared."""

    name: str
    type: str
    label: str
    required: bool
    default: Any
    max_length: int
    options: tuple[str, ...]
    kinds: tuple[str, ...]
    extensions: tuple[str, ...]
    methods: tuple[str, ...]
    schema: Any

    @classmethod
    def of(cls, data: Mapping[str, Any], start: Node) -> Variable:
        """Read one entry of the start node's `variables`."""
        name = data.get("variable")
        if not isinstance(name, str) or not name:
            raise WorkflowInvalid(
                f"The start node {start.title!r} has a variable without a name.",
                "Give it a name: variable: …",
            )
        limit = data.get("max_length")
        return cls(
            name=name,
            type=str(data.get("type") or "text-input"),
            label=str(data.get("label") or name),
            required=bool(data.get("required")),
            default=data.get("default"),
            max_length=limit if isinstance(limit, int) else 0,
            options=tuple(str(option) for option in data.get("options") or []),
            kinds=tuple(data.get("allowed_file_types") or []),
            extensions=tuple(
                "." + str(e).lower().lstrip(".") for e in data.get("allowed_file_extensions") or []
            ),
            methods=tuple(data.get("allowed_file_upload_methods") or []),
            schema=data.get("json_schema"),
        )

    def wrong(self, what: str, hint: str = "") -> WorkflowInvalid:
        """The error for a value of this variable."""
        return WorkflowInvalid(
            f"The input {self.name} ({self.type}) {what}.", hint or f"Correct {self.name}=…."
        )


def variables_of(workflow: Workflow) -> list[Variable]:
    """The variables that the start node asks for.

    Raises:
        WorkflowInvalid: one has no name.
    """
    declared = workflow.start.data.get("variables") or []
    return [Variable.of(entry, workflow.start) for entry in declared if isinstance(entry, dict)]


def check_inputs(workflow: Workflow, given: Mapping[str, Any]) -> Inputs:
    """Check and convert what the user gives.

    Args:
        workflow: the workflow that is to run.
        given: name to value. For a file: a `Path`, an `OutputFile`, text with a path (a
            leading @ is fine) or an http(s) URL, or Dify's mapping with a remote_url. For a
            list of files: a list of those, or one path per line. A chatflow also takes
            `query`, its message, and `files`.

    Raises:
        UsageError: an input that the workflow does not have.
        WorkflowInvalid: a missing one, or a value that Dify would refuse.
    """
    declared = {variable.name: variable for variable in variables_of(workflow)}
    system = {}
    if workflow.mode == CHATFLOW:
        system = {name: f"sys.{name}" for name in ("query", "files") if name not in declared}
    known = {**dict.fromkeys(declared), **dict.fromkeys(system)}
    values = {}
    for name, value in given.items():
        plain = name.removeprefix("sys.")
        if name not in known and not (name.startswith("sys.") and workflow.mode == CHATFLOW):
            raise _unknown(name, list(known), declared)
        values[name if name in declared else f"sys.{plain}"] = value
    missing = [v for v in declared.values() if v.required and values.get(v.name) is None]
    if workflow.mode == CHATFLOW and not values.get("sys.query"):
        needed = ["query", *(v.name for v in missing)]
    else:
        needed = [v.name for v in missing]
    if needed:
        raise WorkflowInvalid(
            f"The workflow needs the input{'s' if len(needed) > 1 else ''} {', '.join(needed)}.",
            "Add " + " ".join(f"{name}=…" for name in needed) + ".",
        )
    return Inputs(
        {name: _value(variable, values.get(name)) for name, variable in declared.items()},
        query=str(values.get("sys.query") or ""),
        files=_files(_ANY_FILES, values.get("sys.files") or []),
    )


def _unknown(name: str, names: list[str], declared: Mapping[str, Variable]) -> UsageError:
    listed = ", ".join(
        f"{n} ({declared[n].type}{', required' if declared[n].required else ''})"
        if n in declared
        else n
        for n in names
    )
    return UsageError(
        f"The workflow has no input {name!r}.",
        f"{closest(name, names)}Its inputs: {listed or 'none'}.",
    )


def _value(variable: Variable, value: Any) -> Any:
    if value is None:
        value = variable.default
        if value is None:
            return None
    convert = _CONVERTERS.get(variable.type)
    if convert is None:
        raise variable.wrong(
            "is of a type that no run can be given", "Correct the type in the start node."
        )
    converted = convert(variable, value)
    return converted.replace("\x00", "") if isinstance(converted, str) else converted


def _text(variable: Variable, value: Any) -> str:
    if not isinstance(value, str):
        raise variable.wrong(f"must be text, not {type(value).__name__}")
    if variable.max_length and len(value) > variable.max_length:
        raise variable.wrong(
            f"has {len(value)} characters; the start node allows {variable.max_length}",
            "Shorten it, or raise max_length in the start node.",
        )
    return value


def _select(variable: Variable, value: Any) -> str:
    if not isinstance(value, str):
        raise variable.wrong(f"must be text, not {type(value).__name__}")
    if value not in variable.options:
        raise variable.wrong(f"must be one of {', '.join(variable.options)}; got {value!r}")
    return value


def _number(variable: Variable, value: Any) -> int | float | None:
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            pass
    raise variable.wrong(f"must be a number; got {value!r}")


def _checkbox(variable: Variable, value: Any) -> bool:
    text = str(value).strip().lower()
    if text in _TRUE or value == 1:
        return True
    if text in _FALSE or value == 0:
        return False
    raise variable.wrong(f"must be true or false; got {value!r}")


def _object(variable: Variable, value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError as error:
            raise variable.wrong(f"is no JSON: {error}") from None
    if not value:
        return None if value == "" else value
    if not isinstance(value, dict):
        raise variable.wrong(f"must be a JSON object, not {type(value).__name__}")
    _match_schema(variable, value)
    return value


def _match_schema(variable: Variable, value: dict[str, Any]) -> None:
    schema = variable.schema
    if isinstance(schema, str) and schema.strip():
        try:
            schema = json.loads(schema)
        except ValueError as error:
            raise variable.wrong(
                f"has a json_schema that is no JSON: {error}", "Correct it in the start node."
            ) from None
    if not schema:
        return
    from jsonschema import Draft7Validator  # type: ignore[import-untyped]

    problem = next(Draft7Validator(schema).iter_errors(value), None)
    if problem is not None:
        raise variable.wrong(f"does not match its schema: {problem.message}")


def _one_file(variable: Variable, value: Any) -> InputFile | None:
    files = _files(variable, value)
    if len(files) > 1:
        raise variable.wrong(f"must be one file; got {len(files)}")
    return files[0] if files else None


def _file_list(variable: Variable, value: Any) -> list[InputFile]:
    files = _files(variable, value)
    if variable.max_length and len(files) > variable.max_length:
        raise variable.wrong(f"has {len(files)} files; the start node allows {variable.max_length}")
    return files


def _files(variable: Variable, value: Any) -> list[InputFile]:
    if isinstance(value, str):
        value = [line.strip() for line in value.splitlines() if line.strip()]
    items = value if isinstance(value, list | tuple) else [value]
    return [_file(variable, item) for item in items]


def _file(variable: Variable, value: Any) -> InputFile:
    if isinstance(value, dict):
        value = value.get("url") or value.get("remote_url") or value
    if isinstance(value, OutputFile):
        filename, mime, data, url = value.filename, value.mime_type, value.data, ""
    elif isinstance(value, str) and value.startswith(("http://", "https://")):
        filename = unquote(PurePosixPath(urlsplit(value).path).name) or "file"
        mime, data, url = "", b"", value
    elif isinstance(value, str | Path):
        path = Path(str(value).removeprefix("@")).expanduser()
        try:
            filename, mime, data, url = path.name, "", read_bounded(path, MAX_FILE_BYTES), ""
        except FileTooLarge as error:
            raise variable.wrong(
                f"names the file {path}, which {error}", "Give a smaller file, or its URL."
            ) from None
        except OSError as error:
            raise variable.wrong(
                f"names the file {path}, which cannot be read: {error.strerror}",
                "Give the path of a file, or an http(s) URL.",
            ) from None
    else:
        raise variable.wrong("must be a file", "Give the path of a file, or an http(s) URL.")
    mime = mime or mimetypes.guess_type(filename)[0] or DEFAULT_MIME_TYPE
    kind = kind_of(filename, mime)
    extension = extension_of(filename, mime).lower()
    method = _REMOTE if url else _LOCAL
    if variable.methods and method not in variable.methods:
        raise variable.wrong(
            f"may come by {' or '.join(variable.methods)} only, not by {method}",
            "Give a URL." if method == _LOCAL else "Give the path of a file.",
        )
    if variable.kinds and kind not in variable.kinds:
        if "custom" not in variable.kinds:
            raise variable.wrong(
                f"takes files of type {', '.join(variable.kinds)}; {filename} is {kind}"
            )
        kind = "custom"
    if kind == "custom" and variable.extensions and extension not in variable.extensions:
        raise variable.wrong(f"takes {', '.join(variable.extensions)} only; {filename} is not")
    return InputFile(filename, mime, kind, data, url)


_ANY_FILES = Variable.of({"variable": "files", "type": "file-list"}, Node("", "", "", {}))

_CONVERTERS: dict[str, Callable[[Variable, Any], Any]] = {
    "text-input": _text,
    "paragraph": _text,
    "select": _select,
    "number": _number,
    "checkbox": _checkbox,
    "json_object": _object,
    "file": _one_file,
    "file-list": _file_list,
}
