"""What goes into a user's workflow: placeholders, pictures, seeds."""

from __future__ import annotations

import mimetypes
import secrets
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput
from creative.images.engines.comfyui.graph import patched, title_of
from creative.images.engines.comfyui.server import Graph, Server
from creative.images.engines.comfyui.template import (
    fill,
    loaders_of,
    placeholders,
    plain,
    seed_inputs,
)
from creative.images.names import closest
from creative.images.request import MAX_SEED

_MIME_TYPES = {
    ".webp": "image/webp",  # Python's own table depends on its version and on the machine
    ".glb": "model/gltf-binary",
    ".flac": "audio/flac",
    ".opus": "audio/ogg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}


class WorkflowRequest(BaseModel):
    """A workflow and what is put into it."""

    model_config = ConfigDict(frozen=True)

    workflow: dict[str, Any] | str = Field(description="API format: an object or JSON text")
    prompt: str = Field("", description="for {{prompt}}")
    negative_prompt: str = Field("", description="for {{negative_prompt}}")
    width: int | None = Field(None, description="for {{width}}, pixels")
    height: int | None = Field(None, description="for {{height}}, pixels")
    seed: int | None = Field(None, description="for {{seed}}, else every seed; 0 to 2^32 - 1")
    values: dict[str, Any] = Field(default_factory=dict, description="for other placeholders")
    files: tuple[tuple[str, bytes], ...] = Field(
        (), description="file names and contents, for {{image}}, {{image_2}} …", repr=False
    )
    previews: bool = Field(False, description="show small previews while it works")
    mode: Literal["wait", "submit"] = "wait"


class Filling:
    """What goes into the workflow. Everything that needs no server is checked when made.

    Attributes:
        seed: the seed that is put in, or the first that the workflow has; None: it has none.
    """

    def __init__(self, request: WorkflowRequest, graph: Graph) -> None:
        self._request = request
        self._graph = graph
        self._notes: list[str] = []
        self._files = _file_names(request.files)
        self._wanted = placeholders(graph)
        self._values = self._known_values()
        self._places: dict[tuple[str, str], int] = {}
        self._place_files()
        self._check()
        self.seed = self._seed()

    def result(self, server: Server) -> tuple[Graph, dict[tuple[str, str], str], list[str]]:
        """Upload what is used: the filled workflow, which parameter filled what, and notes."""
        used = {self._files[name] for name in self._wanted if name in self._files}
        used |= set(self._places.values())
        paths: dict[int, str] = {}
        for number, (filename, data) in enumerate(self._request.files):
            if number in used:
                paths[number] = server.upload(data, filename, mime_type_of(filename))
            else:
                self._notes.append(
                    f"images: {filename} was not used; put {{{{image}}}} or its name into the "
                    "node that loads it"
                )
        files = {name: paths[number] for name, number in self._files.items() if number in paths}
        graph, names = fill(self._graph, {**self._values, **files})
        named = {place: self._parameter(name) for place, name in names.items()}
        changes: dict[tuple[str, str], Any] = {
            place: paths[number] for place, number in self._places.items()
        }
        if self._request.seed is not None and "seed" not in self._wanted:
            changes |= dict.fromkeys(seed_inputs(graph), self._request.seed)
        named |= {place: "images" if place in self._places else "seed" for place in changes}
        return patched(graph, changes), named, self._notes

    def _parameter(self, name: str) -> str:
        if name in self._files:
            return "images"
        return name if name in _BUILT_IN else "values"

    def _known_values(self) -> dict[str, Any]:
        request = self._request
        known: dict[str, Any] = {"negative_prompt": request.negative_prompt}
        if request.prompt:
            known["prompt"] = request.prompt
        if request.width is not None:
            known["width"] = request.width
        if request.height is not None:
            known["height"] = request.height
        if "seed" in self._wanted:
            known["seed"] = (
                secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed
            )
        for name, value in request.values.items():
            key = plain(str(name))
            if key in self._files or (known.get(key) and key in _given(request)):
                raise InvalidInput(
                    "values", name, f"names that no other parameter fills, such as {name}_2"
                )
            known[key] = value
        return known

    def _place_files(self) -> None:
        """Where files go without a placeholder: to nodes that name them, or to the only one."""
        for number, (filename, _) in enumerate(self._request.files):
            self._places |= dict.fromkeys(loaders_of(self._graph, filename), number)
        by_placeholder = any(name in self._files for name in self._wanted)
        loaders = [one for one, node in self._graph.items() if node["class_type"] == "LoadImage"]
        if len(self._request.files) == 1 and not self._places and not by_placeholder:
            if len(loaders) != 1:
                return
            self._places[loaders[0], "image"] = 0
            self._notes.append(
                f"images: {self._request.files[0][0]} was put into "
                f"{title_of(self._graph, loaders[0])}, the only node that loads a picture"
            )

    def _check(self) -> None:
        for name, (node_id, key) in self._wanted.items():
            if name in self._values or name in self._files:
                continue
            where = f"{{{{{name}}}}} stands in {key} of {title_of(self._graph, node_id)}"
            if name in _BUILT_IN:
                raise InvalidInput(name, None, f"a value, since {where}")
            if name == "image" or name.startswith("image_"):
                raise InvalidInput(
                    "images", f"{len(self._request.files)} files", f"one more, since {where}"
                )
            raise InvalidInput(
                "values", None, f"a value for {name}, since {where}",
                f'Add it to values: {{"{name}": …}}. {closest(name, [*_BUILT_IN, *self._files])}',
            )  # fmt: skip
        for name in (*_given(self._request), *map(str, self._request.values)):
            if plain(name) not in self._wanted:
                self._notes.append(
                    f"{name}: the workflow has no {{{{{name}}}}}, so it was not used"
                )

    def _seed(self) -> int | None:
        seeds = seed_inputs(self._graph)
        if "seed" in self._wanted:
            seed = self._values["seed"]
            return seed if isinstance(seed, int) else None
        if self._request.seed is not None:
            if not seeds:
                self._notes.append("seed: no node of the workflow has one, so it was not used")
                return None
            return self._request.seed
        return self._graph[seeds[0][0]]["inputs"][seeds[0][1]] if seeds else None


_BUILT_IN = ("prompt", "negative_prompt", "width", "height", "seed")


def _given(request: WorkflowRequest) -> list[str]:
    """Parameters with a value, of those whose placeholder is their name; not the seed."""
    return [name for name in _BUILT_IN[:4] if getattr(request, name) not in (None, "")]


def _file_names(files: tuple[tuple[str, bytes], ...]) -> dict[str, int]:
    """What files can be called in a placeholder -> which one: image_2, cat.png, file cat.png."""
    names: dict[str, int] = {}
    for number, (filename, _) in enumerate(files):
        for name in (f"image_{number + 1}", filename, f"file {filename}"):
            if plain(name) not in _BUILT_IN:
                names.setdefault(plain(name), number)
    if files:
        names["image"] = 0
    return names


def mime_type_of(filename: str) -> str:
    """The MIME type that a file's ending tells."""
    ending = PurePosixPath(filename).suffix.lower()
    guessed = _MIME_TYPES.get(ending) or mimetypes.guess_type(filename)[0]
    return guessed or "application/octet-stream"
