"""A scripted Stable Diffusion server: answers as the real ones do, draws flat pictures.

What it says was taken from the real servers' answers (Forge dfdcbab6, stable-diffusion.cpp) and
from the sources of AUTOMATIC1111 1.10 and SD.Next. One job runs at a time, the others wait, as
there. `python -m tests.sd_server --seconds 1` runs it by hand and prints its address.

    with SdServer("forge", seconds=1.0) as server:
        server.url, server.posts, server.broken
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from tests.servers import Server, answer

Fault = Callable[[BaseHTTPRequestHandler], None]

FOLDER = "/srv/outputs/txt2img-images"
MODELS = ("tinyA.safetensors [124658232f]", "tinyB.safetensors [317efb7b98]")
SAMPLERS = (("DPM++ 2M", ["k_dpmpp_2m"]), ("Euler", ["k_euler"]), ("Euler a", ["k_euler_a"]))
SCHEDULERS = (("automatic", "Automatic"), ("karras", "Karras"))
FIELDS = (
    "prompt negative_prompt width height seed batch_size n_iter steps cfg_scale sampler_name "
    "scheduler styles send_images save_images do_not_save_samples do_not_save_grid enable_hr "
    "hr_resize_x hr_resize_y hr_upscaler hr_scale denoising_strength override_settings "
    "override_settings_restore_afterwards alwayson_scripts script_name script_args force_task_id "
    "subseed subseed_strength tiling restore_faces eta init_images mask mask_blur inpainting_fill "
    "inpaint_full_res inpainting_mask_invert resize_mode"
)

_MARKS = {
    "forge": ["/sdapi/v1/sd-modules", "/sdapi/v1/latent-upscale-modes"],
    "a1111": ["/sdapi/v1/sd-vae", "/sdapi/v1/latent-upscale-modes"],
    "sdnext": ["/sdapi/v1/version", "/sdapi/v1/sd-vae"],
    "other": [],
    "sdcpp": ["/sdcpp/v1/capabilities", "/sdapi/v1/latent-upscale-modes"],
}


def png(width: int, height: int, seed: int, infotext: str = "", noise: bool = False) -> bytes:
    """A PNG of one colour, told by the seed; with `noise` of the size of a real picture."""
    rgb = bytes((seed * part + 40 * part) % 256 for part in (3, 5, 7))
    if noise:
        import random

        body = random.Random(seed).randbytes(width * height * 3)
        rows = (b"\0" + body[y * width * 3 : (y + 1) * width * 3] for y in range(height))
    else:
        rows = (b"\0" + rgb * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    text = chunk(b"tEXt", b"parameters\0" + infotext.encode("latin-1")) if infotext else b""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(rows), 1)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + text + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class SdServer(Server):
    """Runs until its context ends.

    Args:
        dialect: "forge", "a1111", "sdnext", "sdcpp" or "other".
        seconds: a generation takes so long.
        steps: so many looks at the progress are told apart in that time.
        models: titles; the first is loaded.
        loras: names.
        webui: whether the web UI is there (own progress, saved files).
        openapi: whether it describes itself.
        login: "user:password" that it asks for, or "".
        noise: whether its pictures have the size in bytes of real ones.
        scheduler: whether the extension agent-scheduler is installed.

    Attributes:
        posts: (path, JSON body) of every POST.
        broken: answers for paths, instead of what would be said there.
        interrupts: how many times /interrupt came.
        running: id of the job that runs now, or "".
        settings: what GET options shows.
        explicit: settings that are put back after a job that overrides them; the others stay.
    """

    def __init__(
        self,
        dialect: str = "forge",
        *,
        seconds: float = 0.0,
        steps: int = 10,
        models: tuple[str, ...] = MODELS,
        loras: tuple[str, ...] = ("film grain", "ink"),
        webui: bool = True,
        openapi: bool = True,
        login: str = "",
        noise: bool = False,
        scheduler: bool = False,
    ) -> None:
        super().__init__(self._handle)
        self.dialect, self.seconds, self.steps = dialect, seconds, steps
        self.models, self.loras, self.webui = models, loras, webui
        self.openapi = openapi and dialect not in ("sdcpp", "other")
        self.login, self.noise, self.scheduler = login, noise, scheduler
        self.loaded = models[0]
        self.posts: list[tuple[str, Any]] = []
        self.broken: dict[str, Fault] = {}
        self.interrupts = 0
        self.running = ""
        self.waiting: list[str] = []
        self.finished: list[str] = []
        self.files: dict[str, bytes] = {}
        self.allowed = True
        self.extra_images: list[bytes] = []
        self.info: dict[str, Any] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.settings = self._settings()
        self.explicit = set(self.settings)
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._began = 0.0
        self._state = {"interrupted": False, "skipped": False, "job_timestamp": "0"}

    def posts_to(self, path: str) -> list[Any]:
        """Bodies of the POSTs to one path."""
        return [body for to, body in self.posts if to == path]

    def finish(self) -> None:
        """The running job and those that wait end now, as if their time had passed."""
        self.seconds = 0.0
        self._stop.set()

    def interrupt(self) -> None:
        """What /interrupt does: the running job ends with what it has."""
        self._state["interrupted"] = True
        self._stop.set()

    # What comes in.

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        length = int(request.headers.get("content-length") or 0)
        raw = request.rfile.read(length)
        body = json.loads(raw) if raw else None
        if request.command == "POST":
            self.posts.append((path, body))
        if path in self.broken:
            self.broken[path](request)
            return
        if self.login and not self._welcome(request):
            _json(request, {"detail": "Incorrect username or password"}, 401)
            return
        act = self._routes(request.command, path)
        if act is None:
            _json(request, {"detail": "Not Found"}, 404)
            return
        act(request, body)

    def _welcome(self, request: BaseHTTPRequestHandler) -> bool:
        wanted = "Basic " + base64.b64encode(self.login.encode()).decode()
        return request.headers.get("authorization") == wanted or not request.path.startswith(
            "/sdapi"
        )

    def _routes(self, method: str, path: str) -> Callable[..., None] | None:
        own = self.dialect == "sdcpp"
        if method == "GET" and path in self._lists():
            return lambda request, _: _json(request, self._lists()[path])
        if method == "GET" and path.startswith("/file=") and self._has_webui:
            return self._file
        if own and path.startswith("/sdcpp/v1/jobs/"):
            return self._cancel_job if path.endswith("/cancel") else self._job
        if self.scheduler and path.startswith("/agent-scheduler/v1/task/"):
            return self._task
        return self._posts().get(path) if method == "POST" else None

    @property
    def _has_webui(self) -> bool:
        return self.webui and self.dialect in ("forge", "a1111")

    def _lists(self) -> dict[str, Any]:
        lists: dict[str, Any] = {
            "/sdapi/v1/sd-models": [
                {"title": name, "model_name": name.partition(".")[0], "type": "sd"}
                for name in self.models
            ],
            "/sdapi/v1/options": self.settings,
            "/sdapi/v1/samplers": [{"name": n, "aliases": a} for n, a in SAMPLERS],
        }
        lists |= {mark: [] for mark in _MARKS[self.dialect]}
        if self.dialect != "other":
            lists["/sdapi/v1/loras"] = [
                {"name": n, "alias": n.upper(), "path": f"{n}.safetensors"} for n in self.loras
            ]
            lists["/sdapi/v1/upscalers"] = [
                {"name": "None", "model_path": None},
                {"name": "Lanczos", "model_path": None},
                {"name": "R-ESRGAN 4x+", "model_path": "https://example.com/x.pth"},
                {"name": "Aura SR", "model_path": "somebody/aura-sr"},
                {"name": "4x-Ultra", "model_path": "/srv/models/4x-Ultra.pth"},
            ]
            if self.dialect == "sdnext":
                lists["/sdapi/v1/upscalers"].insert(2, {"name": "Latent Nearest"})
            lists["/sdapi/v1/schedulers"] = [{"name": n, "label": x} for n, x in SCHEDULERS]
        if "/sdapi/v1/latent-upscale-modes" in lists:
            lists["/sdapi/v1/latent-upscale-modes"] = [{"name": "Latent"}]
        if self.dialect in ("forge", "a1111", "sdnext"):
            lists["/sdapi/v1/prompt-styles"] = [{"name": "Ink Wash"}]
            lists["/sdapi/v1/scripts"] = {
                "txt2img": ["controlnet", "x/y/z plot"],
                "img2img": ["controlnet", "soft inpainting"],
            }
            lists["/sdapi/v1/progress"] = self._progress()
            if self.openapi:
                lists["/openapi.json"] = self._openapi()
        if self._has_webui:
            lists["/internal/ping"] = {}
            config = {name: self.settings[name] for name in self.explicit}
            lists["/internal/sysinfo"] = {"Platform": "Linux", "Config": config}
            lists["/internal/pending-tasks"] = {"size": len(self.waiting), "tasks": self.waiting}
        return lists

    def _posts(self) -> dict[str, Callable[..., None]]:
        posts: dict[str, Callable[..., None]] = {}
        if self.dialect == "sdcpp":
            posts["/sdcpp/v1/img_gen"] = self._start_job
            return posts
        posts["/sdapi/v1/txt2img"] = posts["/sdapi/v1/img2img"] = self._generate
        if self.dialect != "other":
            posts["/sdapi/v1/extra-single-image"] = self._enlarge
            posts["/sdapi/v1/interrupt"] = self._interrupted
        if self._has_webui:
            posts["/internal/progress"] = self._own_progress
        if self.scheduler:
            posts["/agent-scheduler/v1/queue/txt2img"] = self._queue
        return posts

    def _settings(self) -> dict[str, Any]:
        options: dict[str, Any] = {"sd_model_checkpoint": self.loaded, "samples_format": "png"}
        if self.dialect in ("forge", "a1111"):
            options |= {
                "samples_save": True, "samples_filename_pattern": "", "save_to_dirs": True,
                "save_images_add_number": True, "return_grid": True, "return_mask": False,
                "outdir_samples": "", "outdir_txt2img_samples": FOLDER,
                "outdir_img2img_samples": FOLDER.replace("txt", "img"),
                "CLIP_stop_at_last_layers": 1,
            }  # fmt: skip
        return options

    def _openapi(self) -> dict[str, Any]:
        schema = {"properties": {name: {"default": None} for name in FIELDS.split()}}
        schema["properties"]["cfg_scale"] = {"default": 6.5}
        if self.dialect == "sdnext":
            del schema["properties"]["force_task_id"]
        reference = {"$ref": "#/components/schemas/Body"}
        content = {"content": {"application/json": {"schema": reference}}}
        paths: dict[str, Any] = {path: {"get": {}} for path in _MARKS[self.dialect]}
        paths |= {path: {"post": {"requestBody": content}} for path in self._posts()}
        if self._has_webui:
            paths["/file={path_or_url}"] = {"get": {}}
        return {"paths": paths, "components": {"schemas": {"Body": schema}}}

    # What it does.

    def _done(self) -> float:
        return min((time.monotonic() - self._began) / (self.seconds or 1), 1) if self._began else 0

    def _progress(self) -> dict[str, Any]:
        busy = bool(self.running)
        state = {
            **self._state,
            "job": "scripts_txt2img" if busy else "",
            "job_count": int(busy),
            "job_no": 0,
            "sampling_step": int(self._done() * self.steps) if busy else 0,
            "sampling_steps": self.steps if busy else 0,
        }
        return {"progress": self._done() if busy else 0, "eta_relative": 0, "state": state}

    def _own_progress(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        task = body["id_task"]
        active, queued = task == self.running, task in self.waiting
        said: dict[str, Any] = {
            "active": active,
            "queued": queued,
            "completed": task in self.finished,
            "id_live_preview": -1,
            "textinfo": "Waiting...",
        }
        if queued:
            place = self.waiting.index(task) + 1
            said["textinfo"] = f"In queue: {place}/{len(self.waiting)}"
        if active:
            said |= {"progress": self._done(), "eta": self.seconds * (1 - self._done())}
            if body.get("live_preview"):
                preview = base64.b64encode(png(8, 8, 1)).decode()
                said |= {"live_preview": f"data:image/png;base64,{preview}", "id_live_preview": 1}
        _json(request, said)

    def _work(self, task: str) -> bool:
        """Wait for the turn, then draw; whether it was interrupted."""
        self.waiting.append(task)
        with self._turn:
            self.waiting.remove(task)
            self._stop.clear()
            stamp = str(time.time_ns())
            self._state = {"interrupted": False, "skipped": False, "job_timestamp": stamp}
            self.running, self._began = task, time.monotonic()
            self._stop.wait(self.seconds)
            stopped = bool(self._state["interrupted"])
            self.running, self._began = "", 0.0
            self.finished.append(task)
            return stopped

    def _generate(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        settings = body.get("override_settings") or {}
        self.settings |= {k: v for k, v in settings.items() if k not in self.explicit}
        stopped = self._work(body.get("force_task_id") or f"task({time.monotonic_ns()})")
        model = settings.get("sd_model_checkpoint", self.loaded)
        model = model if model in self.models else self.loaded
        count = body.get("n_iter", 1) * body.get("batch_size", 1)
        seeds = [body["seed"] + index for index in range(count)]
        width, height = body["width"] // 8 * 8, body["height"] // 8 * 8
        if body.get("enable_hr"):
            width, height = body["hr_resize_x"], body["hr_resize_y"]
        name = model.partition(".")[0]
        sampler = body.get("sampler_name") or "Euler"
        infotexts = [
            f"{body['prompt']}\nSteps: {body.get('steps', 20)}, Sampler: {sampler}, CFG scale: 7, "
            f"Seed: {seed}, Size: {width}x{height}, Model: {name}"
            for seed in seeds
        ]
        pictures = [
            png(width, height, seed, text, self.noise)
            for seed, text in zip(seeds, infotexts, strict=True)
        ]
        if stopped:
            pictures = pictures[: max(1, count // 2)]
        if body.get("save_images") and not stopped:
            pattern = settings.get("samples_filename_pattern") or "[seed]"
            kind = "img2img" if body.get("init_images") else "txt2img"
            for seed, picture in zip(seeds, pictures, strict=True):
                file = pattern.replace("[seed]", str(seed)) + ".png"
                self.files[f"{FOLDER.replace('txt2img', kind)}/{file}"] = picture
        info = {
            "all_seeds": seeds,
            "infotexts": infotexts,
            "sd_model_name": name,
            "sampler_name": sampler,
            "index_of_first_image": 0,
            "job_timestamp": self._state["job_timestamp"],
            **self.info,
        }
        images = [*pictures, *self.extra_images] if body.get("send_images", True) else []
        _json(
            request,
            {
                "images": [base64.b64encode(picture).decode() for picture in images],
                "parameters": {},
                "info": "" if self.dialect == "other" else json.dumps(info),
            },
        )

    def _interrupted(self, request: BaseHTTPRequestHandler, _: Any) -> None:
        self.interrupts += 1
        self.interrupt()
        if self.dialect == "sdnext":
            request.send_response(204)
            request.end_headers()
        else:
            _json(request, {})

    def _enlarge(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        source = base64.b64decode(body["image"])
        width, height = struct.unpack_from(">II", source, 16)
        scale = max(body["upscaling_resize_w"] / width, body["upscaling_resize_h"] / height)
        size = int(width * scale) // 8 * 8, int(height * scale) // 8 * 8
        picture = base64.b64encode(png(*size, 1)).decode()
        _json(request, {"html_info": "", "image": picture})

    def _file(self, request: BaseHTTPRequestHandler, _: Any) -> None:
        path = unquote(request.path.removeprefix("/file="))
        if not self.allowed:
            _json(request, {"detail": f"File not allowed: {path}."}, 403)
        elif path not in self.files:
            _json(request, {"detail": f"File not found: {path}."}, 404)
        else:
            answer(request, self.files[path], content_type="image/png")

    # stable-diffusion.cpp's own jobs.

    def _start_job(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        job_id = f"job_{len(self.jobs)}"
        job: dict[str, Any] = {"id": job_id, "status": "queued", "result": None, "error": None}
        self.jobs[job_id] = job
        threading.Thread(target=self._draw_job, args=(job, body), daemon=True).start()
        _json(request, {"id": job_id, "status": "queued"}, 202)

    def _draw_job(self, job: dict[str, Any], body: dict[str, Any]) -> None:
        with self._turn:
            if job["status"] == "cancelled":
                return
            job["status"] = "generating"
            self._stop.wait(self.seconds)
            width, height = (-(-body[side] // 64) * 64 for side in ("width", "height"))
            images = [
                {"index": i, "b64_json": base64.b64encode(
                    png(width, height, body["seed"] + i, f"{body['prompt']}\nSeed: {i}")
                ).decode()}
                for i in range(min(body["batch_count"], 8))
            ]  # fmt: skip
            job["result"] = {"output_format": "png", "images": images}
            job["status"] = "completed"

    def _job(self, request: BaseHTTPRequestHandler, _: Any) -> None:
        job = self.jobs.get(request.path.rpartition("/")[2])
        if job is None:
            _json(request, {"error": "job not found"}, 404)
        else:
            waiting = [j["id"] for j in self.jobs.values() if j["status"] == "queued"]
            place = waiting.index(job["id"]) + 1 if job["id"] in waiting else 0
            _json(request, {**job, "queue_position": place})

    def _cancel_job(self, request: BaseHTTPRequestHandler, _: Any) -> None:
        job = self.jobs[request.path.split("/")[-2]]
        if job["status"] == "generating":
            _json(request, {"error": "job is currently generating"}, 409)
            return
        if job["status"] == "queued":
            job |= {"status": "cancelled", "error": {"message": "job cancelled by client"}}
        _json(request, job)

    # The extension agent-scheduler.

    def _queue(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        task = f"task-{len(self.jobs)}"
        self.jobs[task] = {"body": body, "begins": time.monotonic()}
        _json(request, {"task_id": task})

    def _task(self, request: BaseHTTPRequestHandler, _: Any) -> None:
        parts = request.path.split("/")
        task = self.jobs.get(parts[4])
        if task is None:
            _json(request, {"success": False, "message": "Task not found"})
            return
        if parts[-1] == "results":
            picture = base64.b64encode(png(64, 64, task["body"]["seed"])).decode()
            data = [{"image": f"data:image/png;base64,{picture}", "infotext": "a\nSeed: 1"}]
            _json(request, {"success": True, "data": data})
            return
        done = time.monotonic() - task["begins"] >= self.seconds
        _json(request, {"success": True, "data": {"status": "done" if done else "running"}})


def _json(request: BaseHTTPRequestHandler, data: Any, status: int = 200) -> None:
    answer(request, json.dumps(data), status)


def main() -> None:
    """Run by hand until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialect", default="forge", choices=sorted(_MARKS))
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--noise", action="store_true")
    given = parser.parse_args()
    with SdServer(given.dialect, seconds=given.seconds, noise=given.noise) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
