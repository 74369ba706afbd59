"""What a run starts with, as graphon's variable pool: system, environment, conversation, inputs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from graphon.file.enums import FileTransferMethod, FileType
from graphon.file.models import File
from graphon.runtime.variable_pool import VariablePool
from graphon.variables.factory import TypeMismatchError, build_segment_with_type
from graphon.variables.types import SegmentType
from graphon.variables.variables import SecretVariable
from pydantic import ValidationError

from runtime.answers.files import extension_of
from runtime.errors import WorkflowInvalid
from runtime.workflow.conversation import Conversation
from runtime.workflow.dsl import CHATFLOW, Workflow
from runtime.workflow.factory import explain
from runtime.workflow.inputs import InputFile, Inputs
from runtime.workflow.store import FileStore

USER = "studio"
MAX_VARIABLE_BYTES = 204_800
"""Dify's MAX_VARIABLE_SIZE, for environment and conversation variables."""


def build_pool(
    workflow: Workflow,
    inputs: Inputs,
    environment: Mapping[str, str],
    store: FileStore,
    run_id: str,
    conversation: Conversation | None = None,
) -> VariablePool:
    """The variables at the start of a run.

    Args:
        environment: values for the workflow's environment variables; the file's own otherwise.
        store: keeps the files among the inputs.
        run_id: stands for the ids that Dify would give (app, workflow, run, conversation).
        conversation: what a chatflow knows of earlier turns.

    Raises:
        WorkflowInvalid: a variable whose value does not fit its type.
    """
    pool = VariablePool()
    system: dict[str, Any] = {
        "user_id": USER,
        "app_id": run_id,
        "workflow_id": run_id,
        "workflow_run_id": run_id,
        "timestamp": int(time.time()),
        "files": [_file(file, store) for file in inputs.files],
    }
    if workflow.mode == CHATFLOW:
        system |= {
            "query": inputs.query,
            "conversation_id": conversation.id if conversation else run_id,
            "dialogue_count": len(conversation.turns) + 1 if conversation else 1,
        }
    for name, value in system.items():
        pool.add(("sys", name), value)
    _add_environment(pool, workflow, environment)
    kept = conversation.variables if conversation else {}
    for given in workflow.conversation:
        variable = {**given, "value": kept.get(given["name"], given.get("value"))}
        pool.add(("conversation", variable["name"]), _typed(variable, "conversation"))
    for name, value in inputs.variables.items():
        pool.add((workflow.start.id, name), _given(value, store))
    return pool


def _add_environment(
    pool: VariablePool, workflow: Workflow, environment: Mapping[str, str]
) -> None:
    for variable in workflow.environment:
        name = variable["name"]
        merged = {**variable, "value": environment.get(name, variable.get("value"))}
        if variable.get("value_type") == "secret":
            text = str(merged["value"] or "")
            pool.add(("env", name), SecretVariable(name=name, value=text, selector=["env", name]))
        else:
            pool.add(("env", name), _typed(merged, "environment"))


def _given(value: Any, store: FileStore) -> Any:
    if isinstance(value, InputFile):
        return _file(value, store)
    if isinstance(value, list):
        return [_given(item, store) for item in value]
    return value


def _file(file: InputFile, store: FileStore) -> File:
    if file.url:
        return File(
            file_type=FileType(file.kind),
            transfer_method=FileTransferMethod.REMOTE_URL,
            remote_url=file.url,
            filename=file.filename,
            extension=extension_of(file.filename, file.mime_type),
            mime_type=file.mime_type,
        )
    id = store.put(file.data, file.mime_type, file.filename)
    return store.file(id, FileTransferMethod.LOCAL_FILE, file.kind)


def _typed(variable: Mapping[str, Any], what: str) -> Any:
    """An environment or conversation variable with the type that the file declares."""
    value, kind = variable.get("value"), str(variable.get("value_type") or "string")
    if kind == "number" and isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            raise WorkflowInvalid(
                f"The {what} variable {variable['name']!r} is {value!r}, not a number.",
                "Correct its value in the file.",
            ) from None
    if kind == "string" and value is not None and not isinstance(value, str):
        value = str(value)
    try:
        segment = build_segment_with_type(SegmentType(kind), value)
        if segment.size > MAX_VARIABLE_BYTES:
            raise ValueError(
                f"it has {segment.size} bytes, more than {MAX_VARIABLE_BYTES} (MAX_VARIABLE_SIZE)"
            )
        return segment
    except (ValueError, ValidationError, TypeMismatchError) as error:
        raise WorkflowInvalid(
            f"The {what} variable {variable['name']!r} cannot be used: {explain(error)}.",
            "Correct its value or value_type in the file.",
        ) from None
