"""What a prompt made, out of the `outputs` of its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

File = Mapping[str, Any]
"""filename, subfolder and type, as /view takes them."""


def files_of(outputs: Mapping[str, Any]) -> tuple[list[File], dict[str, list[str]]]:
    """The files and texts of a prompt.

    Nodes show files as lists of {filename, subfolder, type} under images, gifs, audio, video,
    3d or a name of their own, and texts as lists of strings. Files of type output are what
    was made; those of type temp are previews and count only where there is nothing else.

    Returns:
        The files, each once, and texts by node id.
    """
    files: dict[tuple[str, str, str], File] = {}
    texts: dict[str, list[str]] = {}
    for node_id, shown in outputs.items():
        for value in shown.values() if isinstance(shown, dict) else ():
            for item in value if isinstance(value, list | tuple) else ():
                if isinstance(item, dict) and item.get("filename"):
                    place = (
                        str(item["filename"]),
                        str(item.get("subfolder") or ""),
                        str(item.get("type") or "output"),
                    )
                    files.setdefault(place, item)
                elif isinstance(item, str) and item.strip():
                    texts.setdefault(str(node_id), []).append(item)
    made = [file for place, file in files.items() if place[2] == "output"]
    temporary = [file for place, file in files.items() if place[2] == "temp"]
    return made or temporary, texts
