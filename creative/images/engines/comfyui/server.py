"""The HTTP side of a ComfyUI server: what it has, its queue, its files.

Routes are those of ComfyUI's server.py (read at 0.3.75). Nothing here waits for a job.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from creative import http
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, EngineRejected, InvalidInput, NotConfigured
from creative.images.engines.base import fingerprint
from creative.images.engines.replies import check, read
from creative.settings import Settings

ENGINE = "ComfyUI"
KEY = "comfyui_api_key"
ADDRESS = "comfyui_base_url"
FOLDER = "creative_studio"
"""Where our files are, in the server's input and output folders."""
MAX_PICTURE_BYTES = 256 * 1024 * 1024
"""Of a picture that is made smaller before Dify sees it: a PNG of 8192 x 8192 pixels."""

Graph = dict[str, dict[str, Any]]
"""A workflow in API format: node id -> {class_type, inputs, _meta}."""
Node = dict[str, Any]


class Server:
    """A ComfyUI server within one call. Use it as a context.

    Args:
        settings: `comfyui_base_url` (any base path) and `comfyui_api_key`.
        deadline: the call's clock.
        wanted: `fingerprint` of the address that must be used; empty: the configured one.

    Raises:
        NotConfigured: no address.
        InvalidInput: another server than `wanted` is configured (parameter job_id).
    """

    def __init__(self, settings: Settings, deadline: Deadline, wanted: str = "") -> None:
        address = settings.comfyui_base_url.strip().rstrip("/")
        if not address:
            raise NotConfigured(ADDRESS, f"The engine {ENGINE.lower()}")
        self.fingerprint = fingerprint(address)
        if wanted and wanted != self.fingerprint:
            raise InvalidInput(
                "job_id",
                "a job of another ComfyUI server",
                f"a job of the server in '{ADDRESS}'",
                f"Put the address where the job was submitted back into '{ADDRESS}'.",
            )
        self.base, self._headers = _split(address, settings.comfyui_api_key)
        self.shown = http.redact(self.base)
        self.who = f"{ENGINE} at {self.shown}"
        self.deadline = deadline
        self._http = http.client(ENGINE, deadline)
        self._nodes: dict[str, Node | None] = {}

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.__exit__(*error)

    @property
    def headers(self) -> dict[str, str]:
        """What proves who we are; secret."""
        return dict(self._headers)

    def get(self, path: str, **options: Any) -> http.Reply:
        """GET `path`, whatever the status; redirects are not followed."""
        return self._http.get(
            self.base + path, headers=self._headers, allow_redirects=False, **options
        )

    def json(self, path: str, **options: Any) -> Any:
        """The JSON at `path`; raises as `creative.images.engines.replies.read`."""
        return read(self.get(path, **options), KEY, ADDRESS)

    def post(self, path: str, **options: Any) -> http.Reply:
        """POST to `path`, once, whatever the status."""
        return self._http.post(
            self.base + path, headers=self._headers, allow_redirects=False, **options
        )

    # What it has

    def node(self, kind: str) -> Node | None:
        """What /object_info says about a class of nodes; None: it is not installed."""
        if kind not in self._nodes:
            answer = self.json(f"/object_info/{quote(kind, safe='')}")
            if not isinstance(answer, dict):
                raise AnswerInvalid(self.who, f"/object_info/{kind} is no object")
            self._nodes[kind] = answer.get(kind)
        return self._nodes[kind]

    def nodes(self) -> dict[str, Node]:
        """What /object_info says about every class of nodes (a few hundred kilobytes)."""
        answer = self.json("/object_info")
        if not isinstance(answer, dict):
            raise AnswerInvalid(self.who, "/object_info is no object")
        self._nodes.update(answer)
        return answer

    def inputs(self, kind: str) -> dict[str, Any]:
        """Inputs of a class by name, each as /object_info has it; empty: not installed."""
        node = self.node(kind) or {}
        groups = node.get("input") or {}
        return {**(groups.get("required") or {}), **(groups.get("optional") or {})}

    def options(self, kind: str, name: str) -> list[str]:
        """The choices of an input, in the server's order; empty where there are none."""
        declared = self.inputs(kind).get(name) or []
        if not isinstance(declared, list) or not declared:
            return []
        found = declared[0]
        if found == "COMBO" and len(declared) > 1:  # nodes of the newer kind (V3)
            found = (declared[1] or {}).get("options", [])
        return [str(choice) for choice in found] if isinstance(found, list) else []

    def described(self, folder: str, filename: str) -> dict[str, Any]:
        """What a model file says about itself (its safetensors header); {} if nothing."""
        reply = self.get(f"/view_metadata/{quote(folder)}", params={"filename": filename})
        if not reply.ok:  # 404: it has none, or another format
            return {}
        answer = reply.json()
        return answer if isinstance(answer, dict) else {}

    # Files

    def upload(self, data: bytes, filename: str, mime_type: str) -> str:
        """Upload a file and return the name that LoadImage and the like know it by.

        The name is made of the file's content: the same file takes no second place, and
        two calls never overwrite each other's.
        """
        name = hashlib.sha256(data).hexdigest()[:24] + PurePosixPath(filename).suffix.lower()
        reply = self.post(
            "/upload/image",
            files={"image": (name, data, mime_type)},
            data={"overwrite": "true", "type": "input", "subfolder": FOLDER},
        )
        answer = read(reply, KEY, ADDRESS)
        if not isinstance(answer, dict) or not answer.get("name"):
            raise AnswerInvalid(self.who, "it does not say under which name it keeps the upload")
        folder = str(answer.get("subfolder") or "")
        return f"{folder}/{answer['name']}" if folder else str(answer["name"])

    def view(
        self, file: Mapping[str, Any], max_bytes: int = MAX_PICTURE_BYTES, must: bool = True
    ) -> bytes | None:
        """A file of the server: its filename, subfolder and type as `outputs` names them.

        Returns:
            Its bytes; None if it is not there and need not be (`must`).

        Raises:
            EngineRejected, AnswerInvalid: it is not there, or empty.
            TooLarge: over `max_bytes`.
        """
        place = {key: str(file.get(key) or "") for key in ("filename", "subfolder", "type")}
        reply = self.get("/view", params=place, max_bytes=max_bytes)
        if reply.status == 404:
            if not must:
                return None
            raise EngineRejected(
                self.who,
                f"the file {place['filename']} that it made is not there",
                404,
                "Somebody removed it, or several servers answer at this address: a job and its "
                "files must be asked of the same one.",
            )
        check(reply, KEY, ADDRESS)
        if not reply.body:
            raise AnswerInvalid(self.who, f"the file {place['filename']} is empty")
        return reply.body

    # The queue

    def queue(self, **options: Any) -> tuple[list[tuple[str, Graph]], list[tuple[str, Graph]]]:
        """Prompts that run, and prompts that wait in their order: ids and graphs."""
        answer = self.json("/queue", **options)
        try:
            running = [(str(item[1]), item[2]) for item in answer["queue_running"]]
            pending = sorted(answer["queue_pending"], key=lambda item: item[0])
            return running, [(str(item[1]), item[2]) for item in pending]
        except (TypeError, KeyError, IndexError):
            raise AnswerInvalid(self.who, "/queue does not list what runs and waits") from None

    def history(self, prompt_id: str, **options: Any) -> dict[str, Any] | None:
        """What became of a prompt; None: it has not ended, or the server does not know it."""
        answer = self.json(f"/history/{quote(prompt_id, safe='')}", **options)
        if not isinstance(answer, dict):
            raise AnswerInvalid(self.who, "/history/{id} is no object")
        entry = answer.get(prompt_id)
        return entry if isinstance(entry, dict) else None

    def delete(self, prompt_ids: list[str]) -> None:
        """Take prompts out of the queue; one that runs goes on."""
        check(self.post("/queue", json={"delete": prompt_ids}), KEY, ADDRESS)

    def interrupt(self, prompt_id: str) -> None:
        """Stop the running prompt, which must be this one: older servers ignore the id."""
        check(self.post("/interrupt", json={"prompt_id": prompt_id}), KEY, ADDRESS)


def _split(address: str, key: str) -> tuple[str, dict[str, str]]:
    """The address without user and password, and the header that carries them or the key."""
    try:
        parts = urlsplit(address)
        login = None if parts.username is None else (parts.username, parts.password or "")
    except ValueError:
        return address, {}
    base = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if key:
        return base, {"Authorization": f"Bearer {key}"}
    if login:
        plain = ":".join(map(unquote, login)).encode()
        return base, {"Authorization": f"Basic {base64.b64encode(plain).decode()}"}
    return base, {}
