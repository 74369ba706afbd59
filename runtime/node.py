"""One node, from a command line to a document."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.answers.files import FileServer
from runtime.answers.remote import is_address, remote_file
from runtime.declaration import Parameter
from runtime.errors import StudioError, UsageError
from runtime.files import FileTooLarge, read_bounded
from runtime.host import Host
from runtime.host.faults import FileFault
from runtime.host.messages import Message, Result
from runtime.host.parameters import closest, prepare
from runtime.ledger import NO_LEDGER, Ledger
from runtime.output import check_writable, document, save

_USE = ("kind", "model", "tokens_in", "tokens_out", "price", "currency")
_FILE_TYPES = frozenset({"file", "files"})
MAX_ARGUMENT_FILE = 30 * 1024 * 1024
OnLog = Callable[[dict[str, Any]], None]


@dataclass
class NodeRun:
    """What became of a run.

    Attributes:
        result: what the tool sent, also if it failed later.
        files: its files on disk: {path, filename, mime_type, size}.
        error: why it failed, or None.
        seconds: how long the call took.
        models: what it used through reverse calls: {kind, model, tokens_in, tokens_out, price,
            currency}.
    """

    result: Result
    files: list[dict[str, Any]] = field(default_factory=list)
    error: StudioError | None = None
    seconds: float = 0.0
    models: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The document of `studio run --json`."""
        return document(self.result, self.files, self.error, self.seconds, self.models)


def pairs(arguments: Sequence[str]) -> dict[str, str]:
    """name=value arguments as a mapping.

    Raises:
        UsageError: an argument without "=", or a name twice.
    """
    given: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise UsageError(
                f"'{argument}' is not of the form name=value.", "Write name=value or name=@file."
            )
        if name in given:
            raise UsageError(f"'{name}' is given twice.", "Give each parameter once.")
        given[name] = value
    return given


@contextlib.contextmanager
def arguments(
    declared: Sequence[Parameter],
    given: Mapping[str, str],
    what: str,
    fault: FileFault | None = None,
) -> Iterator[dict[str, Any]]:
    """Values from the command line: @file is read, and files for a plugin are served.

    `name=@path` gives a text parameter the file's text and a file parameter the file;
    `name=@https://…` (or without the @) gives a file parameter the file that is there, and
    `name=@a,@b` several files; `name=@@text` is the text "@text". The files are served until
    the context ends.

    Raises:
        UsageError: an unknown name, or a file that cannot be read or is no text.
    """
    kinds = {parameter.name: parameter.type for parameter in declared}
    with FileServer(fault) as server:
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in kinds:
                raise UsageError(
                    f"{what} has no parameter '{name}'.",
                    f"{closest(name, list(kinds))}Its parameters: {', '.join(kinds) or 'none'}.",
                )
            if kinds[name] in _FILE_TYPES and (value.startswith("@") or is_address(value)):
                place = value.removeprefix("@")
                places = place.split(",@") if kinds[name] == "files" else [place]
                served = [_file(server, name, one) for one in places]
                values[name] = served if kinds[name] == "files" else served[0]
            else:
                values[name] = text_of(name, value)
        yield values


def text_of(name: str, value: str) -> str:
    """The text that a value stands for: itself, `@path` the file's text, `@@text` "@text".

    Raises:
        UsageError: the file cannot be read or is no UTF-8 text.
    """
    if value.startswith("@@"):
        return value[1:]
    return _text(name, value[1:]) if value.startswith("@") else value


def run(
    host: Host,
    tool: str,
    given: Mapping[str, str],
    out: Path,
    *,
    timeout: float | None = None,
    on_log: OnLog | None = None,
    ledger: Ledger = NO_LEDGER,
) -> NodeRun:
    """Run a tool, save its files into `out` and keep the run in `ledger`.

    Usage errors are raised; everything that goes wrong later is in the result, beside what
    the tool had sent before.

    Raises:
        UsageError: no such tool or parameter, a value that the tool cannot take, or `out` cannot
            be written.
        PluginStartFailed: the plugin does not become ready.
    """
    _, declared = host.find(tool)
    check_writable(out)
    with arguments(declared.parameters, given, tool, host.faults.files) as values:
        parameters = prepare(declared, values)
        done = NodeRun(Result())
        secret = [known.name for known in declared.parameters if known.type == "secret-input"]
        with ledger.run("node", tool, host.declaration.id, given, secret=secret) as record:

            def used(*use: Any) -> None:
                record.usage(*use)
                done.models.append(dict(zip(_USE, use, strict=True)))

            host.wait_ready()
            began = time.monotonic()
            try:
                messages = host.invoke(tool, parameters, timeout=timeout, on_usage=used)
                _collect(messages, done.result, _both(on_log, record.step))
                done.files = save(done.result.files, out)
            except StudioError as error:
                done.error = error
            done.seconds = time.monotonic() - began
            record.result(done.result.text, done.result.variables)
            record.files(done.files)
            if done.error is not None:
                record.failed(done.error)
    return done


def collect(host: Host, tool: str, given: Mapping[str, Any], on_log: OnLog | None = None) -> Result:
    """Call a tool and keep everything in memory.

    Raises:
        StudioError: whatever went wrong.
    """
    _, declared = host.find(tool)
    result = Result()
    _collect(host.invoke(tool, prepare(declared, given)), result, on_log)
    return result


def _both(one: OnLog | None, other: OnLog) -> OnLog:
    def tell(content: dict[str, Any]) -> None:
        other(content)
        if one is not None:
            one(content)

    return tell


def _collect(messages: Iterable[Message], result: Result, on_log: OnLog | None) -> None:
    for message in messages:
        result.add(message)
        if message.type == "log" and on_log is not None:
            on_log(message.content)


def _file(server: FileServer, name: str, place: str) -> dict[str, Any]:
    """The object for a file at a path or an address."""
    if is_address(place):
        return remote_file(name, place)
    return server.put(_read(name, place), Path(place).name, _mime_type(place))


def _read(name: str, path: str) -> bytes:
    try:
        return read_bounded(Path(path), MAX_ARGUMENT_FILE)
    except OSError as error:
        raise UsageError(
            f"{name}: {path} cannot be read: {error.strerror or error}.",
            "Give the path of a file after '@', or '@@' for a text that begins with '@'.",
        ) from None
    except FileTooLarge as error:
        raise UsageError(f"{name}: {path} {error}.", "Give a smaller file.") from None


def _text(name: str, path: str) -> str:
    try:
        return _read(name, path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            f"{name}: {path} is not UTF-8 text.", "Save it as UTF-8, then try again."
        ) from None


def _mime_type(path: str) -> str:
    import mimetypes

    return mimetypes.guess_type(path)[0] or "application/octet-stream"
