"""Answers that are prompts to the language model: Dify's parameter extractor and question
classifier as nodes that a plugin calls, and its summary of a long text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runtime.answers.endpoint import named, told
from runtime.answers.llm import Llm
from runtime.answers.reverse import Answer, Caller
from runtime.answers.structured import Structured

EXTRACTOR_FAILED = "invoke parameter extractor failed: request failed: "
CLASSIFIER_FAILED = "invoke question classifier failed: request failed: "
SUMMARY_FAILED = "invoke summary failed: request failed: "

SUMMARY_CHARACTERS = 12_000
"""Summed up at a time: about 4,000 tokens of English, half of what small models hold."""
_ROUNDS = 6

# The daemon's types (dify_invocation/types.go) and what stands in for a value that is not there.
_TYPES: dict[str, tuple[dict[str, Any], Any]] = {
    "string": ({"type": "string"}, ""),
    "number": ({"type": "number"}, 0),
    "bool": ({"type": "boolean"}, False),
    "select": ({"type": "string"}, ""),
    "array[string]": ({"type": "array", "items": {"type": "string"}}, []),
    "array[number]": ({"type": "array", "items": {"type": "number"}}, []),
    "array[object]": ({"type": "array", "items": {"type": "object"}}, []),
}


class Nodes:
    """Asks the language model what nodes of Dify ask it.

    Args:
        llm: asks for text.
        structured: asks for objects.
    """

    def __init__(self, llm: Llm, structured: Structured) -> None:
        self._llm = llm
        self._structured = structured

    def extract(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """{"process_data", "inputs", "outputs"}; the outputs are the parameters, `__is_success`
        and `__reason`. What the text does not say is empty; a required one that is not there makes
        `__is_success` 0, as in Dify.

        Raises:
            ModelCallFailed: in Dify's words.
            ValueError: the request cannot be understood.
        """
        parameters = _listed(request, "parameters", ("name", "type"))
        query, instruction = _query(request), str(request.get("instruction") or "")
        found = self._ask(
            request,
            "Take the values of these parameters out of the user's text. Give null for what it "
            f"does not say; invent nothing.\n{_described(parameters)}\n{instruction}",
            {
                "type": "object",
                "properties": {one["name"]: _schema(one) for one in parameters},
                "required": [one["name"] for one in parameters],
            },
            EXTRACTOR_FAILED,
            caller,
        )
        missing = [
            one["name"]
            for one in parameters
            if one.get("required") and found[0].get(one["name"]) is None
        ]
        outputs = {one["name"]: _filled(one, found[0].get(one["name"])) for one in parameters}
        reason = f"Required parameter {', '.join(missing)} is not in the text" if missing else None
        yield (
            "struct",
            {
                "inputs": {"query": query, "parameters": parameters, "instruction": instruction},
                "process_data": {
                    "usage": found[1],
                    "function": {},
                    "llm_text": json.dumps(found[0]),
                },
                "outputs": {**outputs, "__is_success": 0 if missing else 1, "__reason": reason},
            },
        )

    def classify(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """{"process_data", "inputs", "outputs"}; the outputs are `class_id` and `class_name`.

        Raises:
            ModelCallFailed: in Dify's words.
            ValueError: the request cannot be understood.
        """
        classes = _listed(request, "classes", ("id", "name"))
        query, instruction = _query(request), str(request.get("instruction") or "")
        listed = "\n".join(f"{one['id']}: {one['name']}" for one in classes)
        found = self._ask(
            request,
            "Say to which of these classes the user's text belongs; answer with its id.\n"
            f"{listed}\n{instruction}",
            {
                "type": "object",
                "properties": {"class_id": {"enum": [one["id"] for one in classes]}},
                "required": ["class_id"],
            },
            CLASSIFIER_FAILED,
            caller,
        )
        chosen = next(one for one in classes if one["id"] == found[0]["class_id"])
        yield (
            "struct",
            {
                "inputs": {"query": query},
                "process_data": {"usage": found[1], "classes": classes},
                "outputs": {"class_id": chosen["id"], "class_name": chosen["name"]},
            },
        )

    def summarise(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """{"summary"}: a long text in pieces, then the summaries of the pieces.

        Raises:
            ModelCallFailed: in Dify's words.
        """
        text, instruction = str(request.get("text") or ""), str(request.get("instruction") or "")
        # Dify asks the workspace's default model: here the one that is configured.
        model = named(self._llm.endpoint, None, SUMMARY_FAILED)
        with told(self._llm.endpoint, model, SUMMARY_FAILED):
            for _ in range(_ROUNDS):
                pieces = _pieces(text)
                text = "\n".join(
                    self._summary(piece, instruction, model, caller) for piece in pieces
                )
                if len(pieces) == 1:
                    break
        yield "struct", {"summary": text}

    def _summary(self, text: str, instruction: str, model: str, caller: Caller) -> str:
        prompt = [
            {
                "role": "system",
                "content": "Sum up the user's text in its own language: keep the key points, add "
                f"nothing. {instruction}",
            },
            {"role": "user", "content": text},
        ]
        chunks = self._llm.chunks({"prompt_messages": prompt}, model, caller)
        said = "".join(chunk["delta"]["message"]["content"] for chunk in chunks)
        return said.rpartition("</think>")[2].strip()

    def _ask(
        self,
        request: Mapping[str, Any],
        task: str,
        schema: Mapping[str, Any],
        failed: str,
        caller: Caller,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """An object of `schema` and the usage."""
        wanted = request.get("model")
        config = wanted if isinstance(wanted, dict) else {}
        model = named(self._llm.endpoint, config.get("name"), failed)
        prompt = [
            {"role": "system", "content": task.strip()},
            {"role": "user", "content": _query(request)},
        ]
        asked = {
            "completion_params": config.get("completion_params") or {},
            "prompt_messages": prompt,
            "stream": False,
        }
        with told(self._llm.endpoint, model, failed):
            return self._structured.object_for(asked, model, schema, caller)


def _query(request: Mapping[str, Any]) -> str:
    query = request.get("query")
    if not isinstance(query, str) or not query:
        raise ValueError("unmarshal backwards invoke request failed: 'query' is required")
    return query


def _listed(request: Mapping[str, Any], name: str, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = request.get(name)
    fine = isinstance(rows, list) and all(
        isinstance(row, dict) and all(isinstance(row.get(key), str) for key in needed)
        for row in rows
    )
    if not rows or not fine:
        raise ValueError(
            f"unmarshal backwards invoke request failed: '{name}' expected a slice of "
            f"{{{', '.join(needed)}}}"
        )
    for row in rows:
        if "type" in needed and row["type"] not in _TYPES:
            raise ValueError(
                f"unmarshal backwards invoke request failed: '{name}' has the unknown type "
                f"{row['type']!r}; known are {', '.join(_TYPES)}"
            )
    return list(rows)


def _described(parameters: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{one['name']} ({one['type']}): {one.get('description') or ''}" for one in parameters
    )


def _schema(parameter: Mapping[str, Any]) -> dict[str, Any]:
    base = _TYPES[parameter["type"]][0]
    if parameter["type"] == "select" and parameter.get("options"):
        base = {"enum": list(parameter["options"])}
    return {"anyOf": [base, {"type": "null"}]}


def _filled(parameter: Mapping[str, Any], value: Any) -> Any:
    return _TYPES[parameter["type"]][1] if value is None else value


def _pieces(text: str) -> list[str]:
    """`text` in pieces of at most SUMMARY_CHARACTERS, cut at ends of lines where there are any."""
    pieces = []
    while len(text) > SUMMARY_CHARACTERS:
        cut = text.rfind("\n", SUMMARY_CHARACTERS // 2, SUMMARY_CHARACTERS) + 1
        cut = cut or SUMMARY_CHARACTERS
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]
