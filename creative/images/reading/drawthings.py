"""Pictures of Draw Things: XMP with JSON as exif:UserComment and a text as dc:description.

The JSON has c (prompt), uc (negative prompt), steps, scale, seed, size, sampler, model, strength,
lora ([{model, weight}]) and v2, the app's whole configuration ({loras: [{file, weight}], …}), as
in the app's own pictures.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from creative.images.infotext import Infotext
from creative.images.reading.loose import as_object, inner
from creative.images.reading.recipe import (
    Recipe,
    as_text,
    bare,
    fields_of,
    leftover,
    lora_of,
    sampler_of,
    size_of,
)
from creative.images.reading.texts import Texts
from creative.images.request import Lora

MAX_XMP = 2 * 1024 * 1024
_COMMENT = "{http://ns.adobe.com/exif/1.0/}UserComment"
_TOOL = "{http://ns.adobe.com/xap/1.0/}CreatorTool"
_SIZE = re.compile(r"(\d{1,6})\s*x\s*(\d{1,6})")
_READ = {
    "c", "uc", "steps", "scale", "seed", "size", "sampler", "model", "strength", "lora", "v2",
}  # fmt: skip


def read(texts: Texts) -> Recipe | None:
    """What Draw Things says of the picture; None if it is none of its."""
    comment, tool = xmp(texts.get("xmp"))
    found = as_object(comment)
    if "c" not in found or not ("Draw Things" in tool or "uc" in found):
        return None
    size = _SIZE.fullmatch(as_text(found.get("size")))
    strength = found.get("strength")
    fields = {
        "Steps": found.get("steps"),
        **sampler_of("Draw Things", as_text(found.get("sampler"))),
        "CFG scale": found.get("scale"),
        "Seed": found.get("seed"),
        "Size": size_of(size[1], size[2]) if size else None,
        "Model": bare(found.get("model")),
        "Denoising strength": strength if strength not in (1, 1.0) else None,
    }
    return Recipe(
        generator="Draw Things",
        text=Infotext(
            prompt=as_text(found.get("c")),
            negative_prompt=as_text(found.get("uc")),
            fields=fields_of(fields),
        ),
        loras=_loras(found),
        other=leftover(found, _READ),
    )


def xmp(text: str) -> tuple[str, str]:
    """exif:UserComment and xmp:CreatorTool; "" where they are missing or the XML is broken."""
    # XMP has no document type; entities that expand to gigabytes need one.
    if len(text) > MAX_XMP or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "", ""
    try:
        root = ElementTree.fromstring(text.strip("\0 \r\n\t"))  # noqa: S314 - no document type
    except (ElementTree.ParseError, ValueError, RecursionError):
        return "", ""
    found = {_COMMENT: "", _TOOL: ""}
    for element in root.iter():
        if element.tag in found:
            found[element.tag] = "".join(element.itertext()).strip()
        for name, value in element.attrib.items():
            if name in found:
                found[name] = found[name] or value
    return found[_COMMENT], found[_TOOL]


def _loras(found: dict[str, Any]) -> tuple[Lora, ...]:
    rows = found.get("lora") or inner(found, "v2", "loras")
    made = (
        lora_of(row.get("model") or row.get("file"), row.get("weight"))
        for row in (rows if isinstance(rows, list) else [])[:50]
        if isinstance(row, dict)
    )
    return tuple(lora for lora in made if lora)
