"""The limits of Dify's daemon and API, by their names there.

Source: langgenius/dify-plugin-daemon 0.6.10 (internal/types/app/default.go, internal/core/
local_runtime) and Dify's api/core/plugin/utils/chunk_merger.py, read in autumn 2026.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a host enforces. The defaults are Dify's; tests and `--timeout` lower them.

    Attributes:
        PLUGIN_MAX_EXECUTION_TIMEOUT: longest call, in seconds, absolute.
        PLUGIN_STDIO_MAX_BUFFER_SIZE: a line of the plugin must be shorter, in bytes.
        MAX_HEARTBEAT_INTERVAL: longest silence of a plugin's process, in seconds; also the
            time it has to become ready.
        MAX_FILE_SIZE: largest file a tool may return, in bytes.
        MAX_CHUNK_SIZE: largest piece in which a file may arrive, in bytes.
    """

    PLUGIN_MAX_EXECUTION_TIMEOUT: float = 600.0
    PLUGIN_STDIO_MAX_BUFFER_SIZE: int = 5 * 1024 * 1024
    MAX_HEARTBEAT_INTERVAL: float = 120.0
    MAX_FILE_SIZE: int = 30 * 1024 * 1024
    MAX_CHUNK_SIZE: int = 8192
