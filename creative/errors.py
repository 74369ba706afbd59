"""The error tree. Every failure of `creative` is one of these.

    CreativeError
    ├── InvalidInput        a parameter that cannot be used: its name, what came, what is allowed
    │   └── TooLarge        a thing over a limit: the thing, its size, the limit
    ├── NotConfigured       a credential that the job needs and nobody gave
    ├── BlockedAddress      an address that this plugin refuses to reach
    ├── EngineUnavailable   a server or program that does not answer
    ├── EngineRejected      a server or program that answered "no", in its own words
    ├── AnswerInvalid       an answer that could not be understood or repaired
    └── DeadlineExceeded    out of time: which limit, and who can raise it

A message says what happened and where; `hint` says what to do next. `str(error)` carries
both, since the plugin protocol transports one text. Neither may contain a secret: an
address goes through `creative.http.redact` first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

HINT_MARK = "\nWhat to do: "
"""Separates message and hint in `str(error)`, so that a host can show them apart."""


class CreativeError(Exception):
    """Base of the tree.

    Args:
        message: what happened and where, one sentence or two.
        hint: what the user can do about it, in the imperative. May be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        # Half a surrogate pair in an error's text is never sent: the caller would wait for it
        # until Dify's own time-out.
        self.message = message.encode(errors="replace").decode()
        self.hint = hint.encode(errors="replace").decode()
        super().__init__(f"{self.message}{HINT_MARK}{self.hint}" if hint else self.message)

    def without(self, secrets: Iterable[str]) -> Self:
        """This error, with every one of `secrets` that a server repeated blotted out."""
        self.message = blot(self.message, secrets)
        self.hint = blot(self.hint, secrets)
        self.args = (f"{self.message}{HINT_MARK}{self.hint}" if self.hint else self.message,)
        return self

    def __reduce__(self) -> tuple[object, tuple[type[CreativeError], str, str]]:
        # Errors cross a process border (creative.worker); subclasses have other signatures.
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[CreativeError], message: str, hint: str) -> CreativeError:
    error = kind.__new__(kind)
    CreativeError.__init__(error, message, hint)
    return error


class InvalidInput(CreativeError):
    """A parameter that cannot be used.

    Args:
        parameter: its name, as in the tool's YAML.
        came: what was given; long values are shortened.
        allowed: what would have been accepted.
        hint: what to do, if it is more than "give an allowed value".
    """

    def __init__(self, parameter: str, came: object, allowed: str, hint: str = "") -> None:
        shown = "nothing" if came is None or came == "" else shorten(repr(came))
        super().__init__(f"{parameter}: got {shown}; allowed is {allowed}.", hint)


class TooLarge(InvalidInput):
    """A thing over a limit.

    Args:
        what: the thing, starting with the parameter or output it belongs to.
        size: how large it is, with its unit.
        limit: the limit, with its unit.
    """

    def __init__(self, what: str, size: str, limit: str, hint: str = "") -> None:
        CreativeError.__init__(self, f"{what} is {size}; the limit is {limit}.", hint)


class NotConfigured(CreativeError):
    """A credential that the job needs is not set.

    Args:
        credential: its name in the provider's form.
        needed_for: what cannot be done without it.
    """

    def __init__(self, credential: str, needed_for: str, hint: str = "") -> None:
        super().__init__(
            f"{needed_for} needs the setting '{credential}', which is empty.",
            hint
            or f"Set '{credential}' in the plugin's authorization form, or "
            f"STUDIO_{credential.upper()} for the local runtime.",
        )


class BlockedAddress(CreativeError):
    """An address that must not be reached from here.

    Args:
        address: the address as the user or the page gave it, already redacted.
        reason: which rule refuses it.
    """

    def __init__(self, address: str, reason: str, hint: str = "") -> None:
        super().__init__(f"The address {address} is refused: {reason}.", hint)


class EngineUnavailable(CreativeError):
    """A server or a program does not answer.

    Args:
        engine: what it is, for people ("Chromium", "the browser at …").
        reason: what was tried and what came back instead of an answer.
    """

    def __init__(self, engine: str, reason: str, hint: str = "") -> None:
        super().__init__(f"{engine} is not available: {reason}.", hint)


class EngineRejected(CreativeError):
    """A server or a program answered that it will not do the job.

    Args:
        engine: what it is, for people.
        said: its own message.
        status: the HTTP status, where there is one; also an attribute of the error.
    """

    status: int | None = None

    def __init__(self, engine: str, said: str, status: int | None = None, hint: str = "") -> None:
        self.status = status
        answered = f"answered {status}" if status is not None else "refused"
        super().__init__(f"{engine} {answered}: {shorten(said, 500)}", hint)


class AnswerInvalid(CreativeError):
    """An answer came and makes no sense.

    Args:
        engine: who answered.
        problem: what is wrong with the answer.
    """

    def __init__(self, engine: str, problem: str, hint: str = "") -> None:
        super().__init__(f"The answer of {engine} cannot be used: {problem.rstrip('.')}.", hint)


class DeadlineExceeded(CreativeError):
    """Out of time.

    Args:
        doing: what was going on.
        seconds: the limit that was reached, in seconds.
        limit: the limit's name.
        who: who can raise it and how.
    """

    def __init__(self, doing: str, seconds: float, limit: str, who: str) -> None:
        super().__init__(f"Out of time after {seconds:g} s ({limit}) while {doing}.", who)


def blot(text: str, secrets: Iterable[str]) -> str:
    """`text` with ••• for each of `secrets`."""
    for secret in secrets:
        text = text.replace(secret, "•••")
    return text


def shorten(text: str, length: int = 120) -> str:
    """`text` in one line of at most `length` characters, with … where something was cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
