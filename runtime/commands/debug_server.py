"""`studio debug-server`."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Annotated

import typer

from runtime import console
from runtime.commands.common import VerboseOption, app, reporting


@app.command("debug-server")
def debug_server(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 is any free port.")
    ] = 5003,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is all of the machine.")
    ] = "127.0.0.1",
    key: Annotated[
        str | None, typer.Option("--key", help="Key to ask for. Default: a fresh one.")
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Take the place of Dify for plugins that debug remotely, until Ctrl-C.

    Paste the lines that it prints into the plugin's .env and start `python -m main` there; then
    call its nodes from another terminal:

    `studio run TOOL name=value --debug localhost:5003`
    """
    with reporting(False, verbose):
        secret = key or str(uuid.uuid4())
        with contextlib.ExitStack() as stack:
            asyncio.run(_serve(host, port, secret, stack))


async def _serve(host: str, port: int, key: str, stack: contextlib.ExitStack) -> None:
    from runtime.host.debug_server import DebugServer
    from runtime.host.remote import kept_key
    from runtime.paths import cache

    def ready(taken: int) -> None:
        try:
            stack.enter_context(kept_key(taken, key))
        except OSError as error:
            _say(
                f"The key cannot be kept in {cache()}: {error.strerror or error}. Call the plugins "
                "with it as REMOTE_INSTALL_KEY in the environment, or set STUDIO_CACHE_DIR."
            )
        shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
        console.show(
            f"INSTALL_METHOD=remote\nREMOTE_INSTALL_URL={shown}:{taken}\nREMOTE_INSTALL_KEY={key}"
        )
        _say(f"Waiting for plugins. Call them with: studio run TOOL … --debug {shown}:{taken}")

    await DebugServer(key, _say).serve(host, port, ready)


def _say(text: str) -> None:
    console.err.print(text, markup=False)
