"""A ComfyUI that plays a script: HTTP and WebSocket on loopback, for faults.

It answers as ComfyUI 0.3.75 does (written down from a real one), unless a test puts a fault
in place of a route. What a prompt does is the test's: `works` is called with its id.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import struct
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import Server, answer

Request = BaseHTTPRequestHandler
Fault = Callable[[Request], None]
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def png(width: int = 64, height: int = 64) -> bytes:
    """A small whole PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _node(**inputs: Any) -> dict[str, Any]:
    return {"input": {"required": inputs}}


NODES: dict[str, dict[str, Any]] = {
    "CheckpointLoaderSimple": _node(ckpt_name=[["one.safetensors", "sdxl/two.safetensors"]]),
    "UNETLoader": _node(unet_name=[[]], weight_dtype=[["default"]]),
    "UpscaleModelLoader": _node(model_name=["COMBO", {"options": ["up_x2.pth"]}]),
    "LoraLoader": _node(lora_name=[["ink.safetensors"]]),
    "VAELoader": _node(vae_name=[[]]),
    "DualCLIPLoader": _node(clip_name1=[[]], clip_name2=[[]], type=[["flux"]]),
    "CLIPTextEncode": _node(text=["STRING"], clip=["CLIP"]),
    "LoadImage": _node(image=[[]]),
    "SaveImage": _node(images=["IMAGE"], filename_prefix=["STRING"]),
    "KSampler": _node(
        sampler_name=[["euler", "dpmpp_2m"]],
        scheduler=[["normal", "karras"]],
        steps=["INT"],
        cfg=["FLOAT"],
        denoise=["FLOAT"],
    ),
}


class Comfy(Server):
    """The server. Use it as a context.

    Attributes:
        prompts: bodies of POST /prompt, in their order.
        running, pending: ids, as /queue shows them.
        history: what /history/{id} says.
        deleted, interrupted: ids that were asked to go.
        uploads: bodies of POST /upload/image.
        nodes: what /object_info knows.
        faults: path, or the folder it is in -> what answers instead.
        capacity: how many prompts are taken; None: all.
        works: called with the id of each prompt, in a thread of its own.
        connected: set when a WebSocket is there.
        headers: of every request, by path.
    """

    def __init__(self, works: Callable[[Comfy, str], None] | None = None) -> None:
        self.prompts: list[dict[str, Any]] = []
        self.running: list[str] = []
        self.pending: list[str] = []
        self.history: dict[str, Any] = {}
        self.deleted: list[str] = []
        self.interrupted: list[str] = []
        self.uploads: list[bytes] = []
        self.nodes = dict(NODES)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.capacity: int | None = None
        self.works = works or Comfy.succeed
        self.connected = threading.Event()
        self.disconnected = threading.Event()
        self.headers: dict[str, Any] = {}
        self._sockets: list[Request] = []
        self._lock = threading.Lock()
        super().__init__(self._route)

    # What a prompt does

    def succeed(self, prompt_id: str, files: int = 1) -> None:
        """End with pictures."""
        names = [f"{prompt_id}_{number}.png" for number in range(files)]
        for name in names:
            self.files[name] = png()
        images = [{"filename": name, "subfolder": "", "type": "output"} for name in names]
        self.end(prompt_id, {"save": {"images": images}})

    def end(self, prompt_id: str, outputs: dict[str, Any], *messages: Any) -> None:
        """End with these outputs; messages tell of an error."""
        status = {
            "status_str": "error" if messages else "success",
            "completed": not messages,
            "messages": [["execution_start", {"prompt_id": prompt_id}], *messages],
        }
        self.history[prompt_id] = {"outputs": outputs, "status": status, "prompt": []}
        for ids in (self.running, self.pending):
            if prompt_id in ids:
                ids.remove(prompt_id)
        event, data = messages[-1] if messages else ("execution_success", {})
        self.say(event, **{**data, "prompt_id": prompt_id})

    def start(self, prompt_id: str) -> None:
        """From the queue to work."""
        self.pending.remove(prompt_id)
        self.running.append(prompt_id)

    def say(self, event: str, **data: Any) -> None:
        """Send an event to all WebSockets."""
        self._send(1, json.dumps({"type": event, "data": data}).encode())

    def show(self, data: bytes) -> None:
        """Send a binary frame to all WebSockets."""
        self._send(2, data)

    def hang_up(self) -> None:
        """Close all WebSockets without a word."""
        for request in list(self._sockets):
            with contextlib.suppress(OSError):
                request.connection.shutdown(2)

    # Inside

    def _send(self, opcode: int, data: bytes) -> None:
        length = len(data)
        head = bytes([0x80 | opcode, length]) if length < 126 else b""
        if not head:
            head = bytes([0x80 | opcode, 126]) + struct.pack(">H", length)
        for request in list(self._sockets):
            with contextlib.suppress(OSError), self._lock:
                request.wfile.write(head + data)
                request.wfile.flush()

    def _route(self, request: Request) -> None:
        path = urlsplit(request.path).path
        self.headers[path] = request.headers
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else b""
        fault = self.faults.get(path) or self.faults.get(path[: path.rfind("/")])
        if fault is not None:
            fault(request)
        elif path == "/ws":
            self._socket(request)
        elif request.command == "POST":
            self._post(request, path, body)
        else:
            self._get(request, path)

    def _get(self, request: Request, path: str) -> None:
        query = parse_qs(urlsplit(request.path).query)
        if path == "/system_stats":
            answer(request, json.dumps({"system": {"comfyui_version": "0.3.75"}}))
        elif path.startswith("/object_info"):
            kind = path.removeprefix("/object_info").strip("/")
            found = {kind: self.nodes[kind]} if kind in self.nodes else {}
            answer(request, json.dumps(found if kind else self.nodes))
        elif path.startswith("/history/"):
            entry = self.history.get(path.removeprefix("/history/"))
            known = {path.removeprefix("/history/"): entry} if entry else {}
            answer(request, json.dumps(known))
        elif path == "/queue":
            answer(
                request,
                json.dumps(
                    {
                        "queue_running": [[n, one, {}] for n, one in enumerate(self.running)],
                        "queue_pending": [[n, one, {}] for n, one in enumerate(self.pending)],
                    }
                ),
            )
        elif path == "/view" and query.get("filename", [""])[0] in self.files:
            answer(request, self.files[query["filename"][0]], content_type="image/png")
        else:
            answer(request, "", 404)

    def _post(self, request: Request, path: str, body: bytes) -> None:
        if path == "/prompt" and len(self.prompts) == self.capacity:
            answer(request, '{"error": "full"}', 500)
        elif path == "/prompt":
            data = json.loads(body)
            prompt_id = data["prompt_id"]
            self.prompts.append(data)
            self.pending.append(prompt_id)
            answer(request, json.dumps({"prompt_id": prompt_id, "number": 1, "node_errors": {}}))
            threading.Thread(target=self.works, args=(self, prompt_id), daemon=True).start()
        elif path == "/upload/image":
            self.uploads.append(body)
            name = f"upload_{len(self.uploads)}.png"
            answer(request, json.dumps({"name": name, "subfolder": "s", "type": "input"}))
        elif path == "/queue":
            ids = json.loads(body)["delete"]
            self.deleted += ids
            self.pending = [one for one in self.pending if one not in ids]
            answer(request, "")
        elif path == "/interrupt":
            self.interrupted.append(json.loads(body)["prompt_id"])
            answer(request, "")
        else:
            answer(request, "", 404)

    def _socket(self, request: Request) -> None:
        key = request.headers.get("Sec-WebSocket-Key", "") + _GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        request.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self._sockets.append(request)
        self.connected.set()
        with contextlib.suppress(OSError):
            while request.connection.recv(4096):
                pass
        self._sockets.remove(request)
        self.disconnected.set()
        request.close_connection = True
