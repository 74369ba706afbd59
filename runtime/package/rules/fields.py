"""Reading one mapping of a declaration, field by field, the way Go and pydantic read it.

The daemon decodes into Go structs: a scalar becomes text where text is wanted, but a mapping
does not, and `"5"` is no number. The SDK validates with pydantic: text must be text. So a
number where text is wanted stops the SDK, a mapping there stops the daemon first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.package.findings import Findings, Source
from runtime.package.rules.yamlfile import Date, Word

LANGUAGES = ("en_US", "zh_Hans", "ja_JP", "pt_BR")
"""The languages that the daemon keeps (basic_type.go)."""
MAX_I18N = 1023

_LOOSE_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off"})


@dataclass(frozen=True)
class Fields:
    """One mapping of a YAML file.

    Attributes:
        data: the mapping.
        file: the file it is in.
        path: where in the file it is, or '' for the file itself.
        findings: where broken rules go.
        strict: who checks lengths, patterns and non-empty values: the CLI for the manifest,
            the daemon, at remote debugging, for providers and tools.
    """

    data: Mapping[str, Any]
    file: str
    path: str
    findings: Findings
    strict: Source = Source.REMOTE

    @property
    def absent(self) -> Source:
        """Who is the first to miss what is not there: the SDK, where the CLI does not look."""
        return self.strict if self.strict is Source.CLI else Source.SDK

    def where(self, name: str) -> str:
        """The full path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def error(self, source: Source, rule: str, name: str, problem: str, hint: str = "") -> None:
        """Note a broken rule at a field; `problem` continues "file: field …"."""
        where = self.where(name)
        self.findings.error(source, rule, self.file, where, f"{self.file}: {where} {problem}", hint)

    def warning(self, source: Source, rule: str, name: str, problem: str, hint: str = "") -> None:
        """Note something that is worth a look at a field."""
        where = self.where(name)
        self.findings.warning(
            source, rule, self.file, where, f"{self.file}: {where} {problem}", hint
        )

    def text(
        self,
        name: str,
        *,
        required: bool = True,
        missing: Source | None = None,
        empty: bool = False,
        most: int | None = None,
        pattern: str = "",
        allowed: str = "",
        rule: str = "",
        source: Source | None = None,
    ) -> str | None:
        """A text field, or None if it is not usable.

        Args:
            name: the field.
            required: whether it must be there.
            missing: who refuses if it is not; else `absent`.
            empty: whether '' is allowed.
            most: the most characters.
            pattern: a regular expression for the whole text.
            allowed: the pattern in words.
            rule: the id of the pattern's rule.
            source: who enforces the pattern; else `strict`.
        """
        value = self.data.get(name)
        if value is None:
            if required:
                self.error(
                    missing or self.absent, "missing", name, "is missing; a text is required."
                )
            return None
        if isinstance(value, dict | list):
            self.error(
                Source.DAEMON,
                "wrong-type",
                name,
                f"is a {'mapping' if isinstance(value, dict) else 'list'}; allowed is a text.",
            )
            return None
        if not isinstance(value, str) or isinstance(value, Date):
            kind = "date" if isinstance(value, Date) else _kind(value)
            self.error(
                Source.SDK,
                "wrong-type",
                name,
                f"is the {kind} {_shown(value)}; allowed is a text.",
                f'Put it in quotes: "{_shown(value)}".',
            )
            return None
        if not value and not empty:
            if required:
                self.error(self.strict, "missing", name, "is empty; a text is required.")
            return None
        if most is not None and len(value) > most:
            self.error(
                self.strict,
                "too-long",
                name,
                f"has {len(value)} characters; allowed are {most}.",
            )
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            self.error(source or self.strict, rule, name, f"is {value!r}; allowed is {allowed}.")
            return None
        return value

    def choice(
        self, name: str, allowed: Collection[str], rule: str, source: Source, *, required: bool
    ) -> str | None:
        """A text out of a few, or None if it is not usable."""
        value = self.text(name, required=required)
        if value is not None and value not in allowed:
            self.error(source, rule, name, f"is {value!r}; allowed is {one_of(allowed)}.")
            return None
        return value

    def boolean(self, name: str, *, null: bool = True) -> bool | None:
        """A yes or no, or None if it is absent or not usable; `null`: null is allowed."""
        if name not in self.data:
            return None
        value = self.data[name]
        if value is None:
            if not null:
                self.error(Source.SDK, "wrong-type", name, "is null; allowed is true or false.")
            return None
        if isinstance(value, bool | Word):
            return bool(value)
        if isinstance(value, str) and value.lower() in _LOOSE_BOOLEANS:
            return value.lower() in {"y", "yes", "on"}
        self.error(
            Source.DAEMON,
            "wrong-type",
            name,
            f"is {_shown(value)!r}; allowed is true or false, without quotes.",
        )
        return None

    def number(self, name: str, *, whole: bool = False) -> float | None:
        """A number, or None if it is absent or not usable."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool | Word) or not isinstance(value, int | float):
            self.error(
                Source.DAEMON,
                "wrong-type",
                name,
                f"is {_shown(value)!r}; allowed is a {'whole ' if whole else ''}number, without "
                "quotes or unit.",
            )
            return None
        if whole and value != int(value):
            self.error(Source.SDK, "wrong-type", name, f"is {value}; allowed is a whole number.")
            return None
        return value

    def child(self, name: str, *, required: Source | None = None) -> Fields | None:
        """The mapping at a field, or None; `required`: who refuses if it is absent."""
        value = self.data.get(name)
        if value is None:
            if required is not None:
                self.error(required, "missing", name, "is missing; a mapping is required.")
            return None
        if not isinstance(value, dict):
            self.error(
                Source.DAEMON,
                "wrong-type",
                name,
                f"is {_shown(value)!r}; allowed is a mapping.",
            )
            return None
        return self.inside(value, name)

    def inside(self, data: Mapping[str, Any], name: str) -> Fields:
        """A mapping that belongs to this one."""
        return Fields(data, self.file, self.where(name), self.findings, self.strict)

    def list(self, name: str, *, null: bool = True) -> list[Any]:
        """The list at a field; [] if it is absent or not usable. `null`: null is allowed."""
        value = self.data.get(name)
        if value is None:
            if name in self.data and not null:
                self.error(Source.SDK, "wrong-type", name, "is null; allowed is a list.")
            return []
        if not isinstance(value, list):
            self.error(
                Source.DAEMON, "wrong-type", name, f"is {_shown(value)!r}; allowed is a list."
            )
            return []
        return value

    def mappings(self, name: str, *, null: bool = True) -> Iterator[Fields]:
        """The mappings in the list at a field."""
        for number, item in enumerate(self.list(name, null=null)):
            where = f"{name}[{number}]"
            if isinstance(item, dict):
                yield self.inside(item, where)
            else:
                self.error(
                    Source.DAEMON,
                    "wrong-type",
                    where,
                    f"is {_shown(item)!r}; allowed is a mapping.",
                )

    def i18n(self, name: str, *, required: bool = True) -> None:
        """A text in several languages.

        en_US must be there, with 1 to 1023 characters (basic_type.go); the SDK fills the
        others from it.
        """
        value = self.data.get(name)
        if value is None and not required:
            return
        if value is not None and not isinstance(value, dict):
            self.error(
                Source.DAEMON,
                "i18n",
                name,
                f"is {_shown(value)!r}; allowed is a mapping with en_US and, if you like, "
                "zh_Hans, ja_JP and pt_BR.",
            )
            return
        if value is None:
            self.error(self.absent, "missing", name, "is missing; a text in en_US is required.")
            return
        texts = self.inside(value, name)
        texts.text("en_US", most=MAX_I18N)
        for language in LANGUAGES[1:]:
            texts.text(language, required=False, empty=True, most=MAX_I18N)


def one_of(allowed: Collection[str]) -> str:
    """A list of values for people: "one of a, b, c"."""
    return "one of " + ", ".join(allowed) if len(allowed) > 1 else "".join(allowed)


def _kind(value: object) -> str:
    if isinstance(value, bool | Word):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _shown(value: object) -> str:
    if isinstance(value, Word):
        return value.written
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"
