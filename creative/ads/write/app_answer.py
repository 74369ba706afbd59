"""What a Dify app says, read as variants: tolerant, since every app says it its own way.

Taken are, in this order of preference: objects by platform ("meta_feed": [{…}]), lists of objects
with texts under the platform's names or usual ones ("headline", "primary text", "cta"), and plain
texts, whose first line is a headline if it is short. Texts that serve several platforms serve all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from creative.ads.model import Copy
from creative.ads.platforms import Platform, Role
from creative.ads.write.drafts import Drafts
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, shorten
from creative.loose_json import objects

ENGINE = "The Dify app"
MOST_TEXT = 4000
"""Characters of one text that are taken."""
MOST_DEEP = 8
HEADLINE = 80
"""Characters of a first line that is a headline."""

_ROLES: dict[str, Role] = {
    "headline": "headline", "title": "headline", "longheadline": "long_headline",
    "description": "description", "subtitle": "description", "subheadline": "description",
    "text": "text", "body": "text", "primarytext": "text", "adtext": "text", "copy": "text",
    "caption": "text", "introductorytext": "text", "posttext": "text", "content": "text",
    "adcopy": "text", "message": "text", "cta": "cta", "calltoaction": "cta", "button": "cta",
    "path": "path", "brand": "brand", "businessname": "brand",
}  # fmt: skip
_LISTS = ("variants", "ads", "results", "items", "copies", "data", "result", "output", "answer")
_LABEL = re.compile(
    r"^[\s>#*_-]*(headline|title|text|body|primary text|description|cta|call to action|"
    r"标题|标题文案|正文|描述|見出し|本文|説明|título|texto|descrição)[\s*_]*[:：]\s*[*_]*(.+)$",
    re.IGNORECASE,
)
_LABELS: dict[str, Role] = {
    "标题": "headline", "标题文案": "headline", "見出し": "headline", "título": "headline",
    "正文": "text", "本文": "text", "texto": "text", "描述": "description", "説明": "description",
    "descrição": "description",
}  # fmt: skip
_SEPARATOR = re.compile(r"\n\s*(?:-{3,}|\*{3,}|={3,})\s*\n|\n\s*\n(?=\s*(?:\d+[.)]|[Vv]ariant))")


def copies_of(
    outputs: Mapping[str, Any],
    output: str,
    platforms: Sequence[Platform],
    count: int,
    deadline: Deadline,
) -> Drafts:
    """The variants in a run's outputs.

    Args:
        outputs: of the run, by name.
        output: which one has them; "": `json`, else `text`, else the only one.
        platforms: for whom.
        count: variants per platform; what is over is ignored.
        deadline: the call's clock; broken JSON is repaired in another process.

    Raises:
        AnswerInvalid: there is no such output, or no text in it.
    """
    value = _chosen(outputs, output)
    sorter = _Sorter(platforms, deadline)
    sorter.walk(value)
    drafts = Drafts()
    for platform in platforms:
        every = [*sorter.by_platform.get(platform.id, ()), *sorter.common]
        usable = [(one, fields) for one in every if (fields := _fields(one, platform))]
        number = 0
        for number, (one, fields) in enumerate(usable[:count], 1):
            drafts.copies.append(
                Copy(
                    id=f"{platform.id}-{number}",
                    platform=platform.id,
                    fields=fields,
                    angle=shorten(_string(one.get("angle")), 30).lower(),
                    image_prompt=shorten(_string(one.get("image_prompt")), 600),
                    engine="dify_app",
                )
            )
        drafts.dropped += [
            f"{platform.id}-{missing}: the Dify app wrote {number} of {count} variants"
            for missing in range(number + 1, count + 1)
        ]
    if not drafts.copies:
        raise AnswerInvalid(
            ENGINE,
            f"there are no texts of ads in its outputs ({', '.join(outputs) or 'none'}), which "
            f"begin: {shorten(str(value), 100) or '(empty)'}",
            "Name the output that has them in dify_output; it may be a text, a list of texts, or "
            "JSON with headline, text and cta.",
        )
    return drafts


def _chosen(outputs: Mapping[str, Any], output: str) -> Any:
    if output:
        if output not in outputs:
            named = ", ".join(outputs) or "none"
            raise AnswerInvalid(
                ENGINE, f"it has no output '{output}'; it has {named}", "Correct dify_output."
            )
        return outputs[output]
    for name in ("json", "text"):
        if outputs.get(name):
            return outputs[name]
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)


class _Sorter:
    """Walks through an output and finds the variants in it, by platform and for all."""

    def __init__(self, platforms: Sequence[Platform], deadline: Deadline) -> None:
        self.by_platform: dict[str, list[dict[str, Any]]] = {}
        self.common: list[dict[str, Any]] = []
        self._platforms = platforms
        self._ids = {_plain(platform.id): platform.id for platform in platforms}
        self._deadline = deadline

    def walk(self, one: Any, platform: str = "", depth: int = 0) -> None:
        """Look at a value, and what is in it."""
        if depth > MOST_DEEP or one in (None, "", [], {}):
            return
        if isinstance(one, str):
            self._text(one, platform, depth)
        elif isinstance(one, list):
            for part in one:
                self.walk(part, platform, depth + 1)
        elif isinstance(one, dict):
            self._object(one, platform, depth)

    def _text(self, text: str, platform: str, depth: int) -> None:
        parsed = _parsed(text, self._deadline)
        if parsed is not None:
            self.walk(parsed, platform, depth + 1)
            return
        if re.match(r"\s*(?:```\w*\s*)?[{\[]", text):
            return  # JSON beyond repair is no text of an ad
        for part in _SEPARATOR.split(text):
            if part.strip():
                self._put(_of_text(part), platform)

    def _object(self, one: dict[str, Any], platform: str, depth: int) -> None:
        named = [key for key in one if _plain(key) in self._ids]
        inside = [key for key in one if _plain(key) in _LISTS]
        if named:
            for key in named:
                self.walk(one[key], self._ids[_plain(key)], depth + 1)
        elif any(_role(key, self._platforms) for key in one):
            self._put(one, self._ids.get(_plain(one.get("platform", "")), platform))
        else:
            for key in inside or [k for k in one if isinstance(one[k], dict | list)]:
                self.walk(one[key], platform, depth + 1)

    def _put(self, one: dict[str, Any], platform: str) -> None:
        if platform:
            self.by_platform.setdefault(platform, []).append(one)
        else:
            self.common.append(one)


def _parsed(text: str, deadline: Deadline) -> Any:
    """JSON in a text, if there is an object or list worth reading; None if it is prose."""
    if not re.search(r"[{\[]", text):
        return None
    for found in objects(text, deadline, partial=True):
        whole = isinstance(found, list) and any(isinstance(one, dict | str) for one in found)
        if (isinstance(found, dict) and found) or whole:
            return found
    return None


def _of_text(text: str) -> dict[str, Any]:
    """A plain text as a variant: labelled lines, else a short first line as the headline."""
    found: dict[str, Any] = {}
    lines = [line.strip() for line in text.strip().split("\n") if line.strip()]
    rest = []
    for line in lines:
        label = _LABEL.match(line)
        if label:
            name = _LABELS.get(label[1].lower(), label[1].lower())
            found.setdefault(name, []).append(label[2].strip(' *_"“”'))
        else:
            rest.append(re.sub(r"^(?:[#>*\s-]+|\d+[.)]\s+)", "", line).strip(" *_"))
    rest = [line for line in rest if line and not re.fullmatch(r"(?i)(ad|variant)\s*\d+:?", line)]
    if rest and not found and len(rest[0]) <= HEADLINE and len(rest) > 1:
        found["headline"] = [rest.pop(0)]
    if rest:
        found.setdefault("text", []).append("\n".join(rest))
    return found


def _fields(one: Mapping[str, Any], platform: Platform) -> dict[str, tuple[str, ...]]:
    """Texts by the platform's field names: by these names, else by what a name means."""
    fields: dict[str, list[str]] = {}
    loose: dict[Role, list[str]] = {}
    names = {_plain(rule.name): rule.name for rule in platform.fields}
    for key, value in _flat(one):
        texts = [text[:MOST_TEXT] for text in _strings(value)]
        name = names.get(_plain(key)) or names.get(_plain(key) + "s")
        if name:
            fields.setdefault(name, []).extend(texts)
        elif role := _role(key, ()):
            loose.setdefault(role, []).extend(texts)
    for rule in platform.fields:
        if rule.name not in fields and loose.get(rule.role):
            fields[rule.name] = loose[rule.role]
    if loose and not any(rule.role == "text" for rule in platform.fields):
        # A platform without a long text has descriptions for it.
        for rule in platform.fields:
            if rule.role == "description" and rule.name not in fields and loose.get("text"):
                fields[rule.name] = loose["text"]
    return {name: tuple(texts) for name, texts in fields.items() if texts}


def _flat(one: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys and values, those of an object "fields" too."""
    for key, value in one.items():
        if isinstance(value, dict) and _plain(key) in ("fields", "texts"):
            yield from value.items()
        else:
            yield str(key), value


def _role(key: str, platforms: Sequence[Platform]) -> Role | None:
    plain = _plain(key)
    for platform in platforms:
        for rule in platform.fields:
            if plain in (_plain(rule.name), _plain(rule.name).removesuffix("s")):
                return rule.role
    if plain in ("fields", "texts"):
        return "text"
    return _ROLES.get(plain) or _ROLES.get(plain.removesuffix("s")) or _numbered(plain)


def _numbered(plain: str) -> Role | None:
    """The role of "headline3"."""
    return _ROLES.get(re.sub(r"\d+$", "", plain))


def _plain(key: object) -> str:
    return re.sub(r"[\W_]+", "", str(key)).casefold()


def _strings(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    texts = [one.get("text") if isinstance(one, dict) else one for one in listed]
    return [one.strip() for one in texts if isinstance(one, str) and one.strip()]


def _string(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
