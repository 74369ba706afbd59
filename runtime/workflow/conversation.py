"""The memory of a chatflow between its turns: variables and what was said."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.errors import StudioError, UsageError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass
class Conversation:
    """What a chatflow knows of earlier turns; a run adds its own when it has succeeded.

    Attributes:
        id: also `sys.conversation_id`.
        workflow: name of the app, so that another one does not go on with it.
        variables: name to value of the conversation variables, as plain data.
        turns: (query, answer) of each turn.
    """

    id: str
    workflow: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    turns: list[tuple[str, str]] = field(default_factory=list)


def load(folder: Path, id: str, workflow: str) -> Conversation:
    """The conversation `id` of the app `workflow`; a new one if there is none yet.

    Raises:
        UsageError: the id cannot be one, or belongs to another app.
        StudioError: the file cannot be read.
    """
    path = _path(folder, id)
    try:
        content = json.loads(path.read_text("utf-8"))
        kept = Conversation(
            id,
            str(content["workflow"]),
            dict(content["variables"]),
            [(str(query), str(answer)) for query, answer in content["turns"]],
        )
    except FileNotFoundError:
        return Conversation(id, workflow)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(
            f"The conversation {id} cannot be read: {error}.", f"Delete {path} to begin anew."
        ) from None
    if kept.workflow != workflow:
        raise UsageError(
            f"The conversation {id} belongs to the app {kept.workflow!r}, not to {workflow!r}.",
            "Give another --conversation.",
        )
    return kept


def save(folder: Path, conversation: Conversation) -> None:
    """Keep a conversation; the file is whole or as it was.

    Raises:
        StudioError: it cannot be written.
    """
    path = _path(folder, conversation.id)
    beside = path.with_suffix(f".{os.getpid()}.new")
    text = json.dumps(
        {
            "workflow": conversation.workflow,
            "variables": conversation.variables,
            "turns": conversation.turns,
        },
        ensure_ascii=False,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, "utf-8")
        beside.chmod(0o600)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise StudioError(
            f"The conversation {conversation.id} cannot be kept: {error}.",
            "Make room, or set STUDIO_DATA_DIR to a folder that can be written.",
        ) from None


def _path(folder: Path, id: str) -> Path:
    if not _ID.fullmatch(id):
        raise UsageError(
            f"{id!r} cannot name a conversation.",
            "Take letters, digits, '.', '_' and '-', 100 at most.",
        )
    return folder / f"{id}.json"
