"""The picture node beside Dify's official Stable Diffusion node, on the same server.

    python -m bench.images --peer FOLDER     FOLDER: the official plugin stablediffusion
    python -m bench.images                   our plugin alone

A server on this machine takes exactly --seconds for a picture and hands over a photo-like PNG
as AUTOMATIC1111 does. Shown is what a call takes beyond that, in milliseconds, median of
--rounds; the plugins take turns. "untouched": drawn at the asked size; "cut": 4 pixels a side
are cut off; "resampled": scaled to 4 pixels less a side. The official node cannot do the last
two, so it is asked for the drawn size. At the end: memory of ours for a batch of 8 at 2048 px.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.paths import PROJECT
from tests.sd_server import SdServer
from tests.servers import answer

SIDES = (512, 1024, 2048)
MODEL = "tinyA"


@cache
def picture(side: int) -> str:
    """A photo-like PNG of side x side pixels, in base64: gradients with grain, about 2.5 bits
    per channel, as a drawn picture has."""
    from PIL import Image

    across = Image.linear_gradient("L").resize((side, side))
    grain = Image.effect_noise((side, side), 12)
    bands = [Image.blend(across.rotate(90 * turn), grain, 0.3) for turn in range(3)]
    made = io.BytesIO()
    Image.merge("RGB", bands).save(made, "PNG", compress_level=4)
    return base64.b64encode(made.getvalue()).decode()


@cache
def reply(side: int, count: int) -> bytes:
    """What the server says for `count` pictures."""
    info = {
        "all_seeds": list(range(count)),
        "infotexts": [""] * count,
        "sd_model_name": MODEL,
        "sampler_name": "Euler",
        "index_of_first_image": 0,
        "job_timestamp": "1",
    }
    images = [picture(side)] * count
    return json.dumps({"images": images, "parameters": {}, "info": json.dumps(info)}).encode()


class Fixed(SdServer):
    """Takes exactly `seconds`, whatever the size is; lets the official node change settings."""

    def keep_alive(self) -> None:
        """Connections stay open, and nothing waits for a full packet: as uvicorn has it."""
        handler = cast(type[BaseHTTPRequestHandler], self._server.RequestHandlerClass)
        handler.protocol_version = "HTTP/1.1"
        handler.disable_nagle_algorithm = True

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        if (request.command, request.path) == ("POST", "/sdapi/v1/options"):
            request.rfile.read(int(request.headers.get("content-length", 0)))
            answer(request, "null")
        else:
            super()._handle(request)

    def _generate(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        began = time.monotonic()
        said = reply(body["width"], body.get("n_iter", 1) * body.get("batch_size", 1))
        time.sleep(max(0.0, began + self.seconds - time.monotonic()))
        answer(request, said)


def serve(seconds: float) -> None:
    """The server's process: prints its address, ends with its standard input."""
    for side in SIDES:
        reply(side, 1)
    reply(SIDES[-1], 8)
    with Fixed("forge", seconds=seconds, models=(f"{MODEL}.safetensors", MODEL)) as server:
        server.keep_alive()
        print(server.url, flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def server(seconds: float) -> Iterator[str]:
    """The server in a process of its own, so that it takes no time from ours."""
    command = [sys.executable, "-m", "bench.images", "--serve", "--seconds", str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        yield process.stdout.readline().strip()
        process.stdin.close()


def ours(side: int, kind: str) -> dict[str, Any]:
    """Parameters of our node."""
    asked = side if kind == "untouched" else side - 4
    fit = "stretch" if kind == "resampled" else "cover"
    return {
        "prompt": "x",
        "model_family": "any",
        "width": asked,
        "height": asked,
        "fit": fit,
        "highres": "off",
    }


def timed(host: Host, tool: str, parameters: dict[str, Any], seconds: float) -> float:
    """Milliseconds that a call takes beyond `seconds`; its pictures are there."""
    began = time.perf_counter()
    result = Result.collect(host.invoke(tool, parameters))
    took = (time.perf_counter() - began - seconds) * 1000
    if not result.files:
        raise RuntimeError(f"{tool} gave no picture: {result.text}")
    return took


def memory(host: Host) -> float:
    """Largest resident set so far of the plugin's process, in MB."""
    for line in Path(f"/proc/{host.process.pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM: this benchmark needs Linux")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, help="folder of the official plugin")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.seconds)
        return
    with server(options.seconds) as url, contextlib.ExitStack() as stack:
        mine = stack.enter_context(open_plugin(PROJECT, credentials={"sd_base_url": url}))
        peer = None
        if options.peer:
            theirs = {"base_url": url, "model": MODEL}
            peer = stack.enter_context(open_plugin(options.peer, credentials=theirs))
        print(f"{'beyond the server, ms':26} {'ours':>8} {'official':>9}  ratio")
        for side in SIDES:
            for kind in ("untouched", "cut", "resampled"):
                own, other = [], []
                for _ in range(options.rounds + 1):
                    own.append(timed(mine, "text_to_image", ours(side, kind), options.seconds))
                    if peer:
                        asked = {"prompt": "x", "model": MODEL, "width": side, "height": side}
                        other.append(timed(peer, "stable_diffusion", asked, options.seconds))
                # The first call of each is left out: lazy imports happen once.
                a = statistics.median(own[1:])
                line = f"{f'{side} px, {kind}':26} {a:8.0f}"
                if other:
                    b = statistics.median(other[1:])
                    line += f" {b:9.0f}  {a / b:5.2f}"
                print(line, flush=True)
        before = memory(mine)
        eight = {**ours(SIDES[-1], "untouched"), "count": 8}
        result = Result.collect(mine.invoke("text_to_image", eight))
        size = sum(len(file.data) for file in result.files) / 2**20
        print(
            f"8 pictures of {SIDES[-1]} px ({size:.0f} MB): the plugin's largest memory went from "
            f"{before:.0f} to {memory(mine):.0f} MB"
        )


if __name__ == "__main__":
    main()
