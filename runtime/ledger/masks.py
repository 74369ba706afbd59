"""What the ledger may keep of a text: no secrets, no endless texts, nothing a database refuses."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from creative.errors import blot

if TYPE_CHECKING:
    from runtime.declaration import Plugin
    from runtime.settings import Settings

MASK = "•••"
MAX_TEXT = 4000
"""Characters that are kept of one text."""
MAX_ITEMS = 100
"""Entries that are kept of one list or object."""
MAX_DEPTH = 8
_SHORTEST = 4
"""A shorter secret would blot out half of every text and protects nothing."""

_SECRET_SETTING = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|AUTH|CREDENTIAL)S?$")
_SECRET_PARAMETER = re.compile(
    r"(^|_)(pass(word|wd|phrase)?|secret|token|api_?key|cookies?|headers|credentials?"
    r"|auth|authorization)$",
    re.IGNORECASE,
)
# Secrets by their shape, wherever they come from.
_SHAPES = (
    (re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]*:)[^\s/@\"'<>]+(?=@)", re.I), MASK),
    (
        re.compile(
            r"(?P<keep>[?&](?:[\w.-]*(?:token|secret|password|signature|credential|api_?key)"
            r"|key|sig|sign|auth)=)[^&#\s\"'<>]+",
            re.I,
        ),
        MASK,
    ),
    (re.compile(r"(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.I), MASK),
    (re.compile(r"(?P<keep>\b(?:sk|pk|app|hf|ghp)[-_])[A-Za-z0-9_-]{16,}"), MASK),
)


class Masks:
    """Takes secrets out of what is kept.

    Args:
        secrets: values that must not be kept anywhere, also in their usual encodings.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                forms |= {secret, quote(secret, safe=""), quote(secret)}
                forms.add(base64.b64encode(secret.encode(errors="replace")).decode())
        # The longest first: a secret may be a part of another one.
        self._secrets = sorted(forms, key=len, reverse=True)

    def text(self, value: object, limit: int = MAX_TEXT) -> str:
        """`value` as text without secrets, cut at `limit` characters with a note."""
        # PostgreSQL takes no NUL, and no database half a surrogate pair.
        whole = str(value)
        # Cut roughly first: a megabyte need not be searched, and half a secret not be kept.
        text = whole[: 2 * limit + 1000].replace("\0", "\ufffd").encode(errors="replace").decode()
        text = blot(text, self._secrets)
        for shape, mask in _SHAPES:
            text = shape.sub(lambda found, mask=mask: found["keep"] + mask, text)  # type: ignore[misc]
        if len(whole) <= limit:
            return text
        return f"{text[:limit]}… (cut: {len(whole):,} characters)"

    def value(self, value: Any, depth: int = 0) -> Any:
        """Plain data without secrets and of bounded size."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= MAX_DEPTH:
            return self.text(value, 200)
        if isinstance(value, Mapping):
            kept = {
                self.text(name, 200): MASK
                if _secret_parameter(str(name), item)
                else self.value(item, depth + 1)
                for name, item in list(value.items())[:MAX_ITEMS]
            }
            if len(value) > MAX_ITEMS:
                kept["…"] = f"(cut: {len(value):,} entries)"
            return kept
        if isinstance(value, list | tuple):
            items = [self.value(item, depth + 1) for item in value[:MAX_ITEMS]]
            return items + ([f"… (cut: {len(value):,} items)"] if len(value) > MAX_ITEMS else [])
        return self.text(value)

    def parameters(self, given: Mapping[str, Any], secret: Collection[str] = ()) -> dict[str, Any]:
        """A run's parameters; those named in `secret` and those that sound so are masked."""
        return {
            name: MASK
            if (name in secret and value not in (None, "")) or _secret_parameter(name, value)
            else self.value(value)
            for name, value in given.items()
        }


def _secret_parameter(name: str, value: Any) -> bool:
    """Whether a value must be masked for the sake of its name alone; numbers are no secrets."""
    return (
        isinstance(value, str | list | tuple | dict)
        and bool(value)
        and not (isinstance(value, str) and value.startswith("@"))  # the name of a file
        and _SECRET_PARAMETER.search(name) is not None
    )


def secrets_of(settings: Settings, plugins: Iterable[Plugin] = ()) -> set[str]:
    """The values of settings that are secrets.

    Those that the plugins declare as secret-input, those whose name says so, and passwords in
    addresses; of several in one value, each.
    """
    declared = {
        credential.name.upper()
        for plugin in plugins
        for provider in plugin.providers
        for credential in provider.credentials
        if credential.type == "secret-input"
    }
    found: set[str] = set()
    for name, value in settings.items():
        short = name.partition("_")[2]
        if short in declared or _SECRET_SETTING.search(short):
            parts = [part.strip() for part in re.split(r"[,\n]", value)]
            found |= {value, *parts, *(part.partition(":")[2] for part in parts)}
        for part in re.split(r"[,\s]+", value):
            if "@" in part and (password := _password(part)):
                found.add(password)
    return {secret for secret in found if secret}


def _password(address: str) -> str | None:
    try:
        return urlsplit(address).password
    except ValueError:
        return None
