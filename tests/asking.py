"""A plugin whose tool asks back whatever a test wants, through the SDK's own client code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.plugins import write_plugin

_TOOL = """\
import io
from typing import Any

import requests
from dify_plugin import Tool
from dify_plugin.entities.model.llm import LLMModelConfig
from dify_plugin.entities.model.message import (
    AudioPromptMessageContent,
    DocumentPromptMessageContent,
    ImagePromptMessageContent,
    PromptMessageTool,
    TextPromptMessageContent,
    UserPromptMessage,
)
from dify_plugin.entities.model.moderation import ModerationModelConfig
from dify_plugin.entities.model.rerank import RerankModelConfig
from dify_plugin.entities.model.speech2text import Speech2TextModelConfig
from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig
from dify_plugin.entities.model.tts import TTSModelConfig
from dify_plugin.entities.workflow_node import ClassConfig, ModelConfig, ParameterConfig

NAMED = {"provider": "p", "model": "asked-for"}


class AskTool(Tool):
    def _invoke(self, tool_parameters: dict[str, Any]):
        yield self.create_json_message(getattr(self, "_" + tool_parameters["act"])(tool_parameters))

    def _structured(self, given):
        invoke = self.session.model.llm_structured_output.invoke
        config = LLMModelConfig(**NAMED, mode="chat", completion_params=given.get("params") or {})
        prompt = [UserPromptMessage(content="How many?")]
        schema = given["schema"]
        if given.get("stream"):
            chunks = list(invoke(config, prompt, schema, stream=True))
            return {"chunks": [chunk.model_dump(mode="json") for chunk in chunks]}
        return invoke(config, prompt, schema, stream=False).model_dump(mode="json")

    def _parts(self, given):
        kinds = {
            "image": ImagePromptMessageContent,
            "audio": AudioPromptMessageContent,
            "document": DocumentPromptMessageContent,
        }
        parts = [TextPromptMessageContent(data="Look.")]
        parts += [kinds[part.pop("kind")](**part) for part in given["parts"]]
        tool = PromptMessageTool(name="see", description="Sees.", parameters={"type": "object"})
        config = LLMModelConfig(**NAMED, mode="chat", completion_params={})
        prompt = [UserPromptMessage(content=parts)]
        invoke = self.session.model.llm.invoke
        return invoke(config, prompt, tools=[tool], stream=False).model_dump(mode="json")

    def _embed(self, given):
        config = TextEmbeddingModelConfig(**NAMED)
        made = self.session.model.text_embedding.invoke(config, given["texts"])
        return made.model_dump(mode="json")

    def _rerank(self, given):
        config = RerankModelConfig(**NAMED, score_threshold=given["least"], top_n=given["most"])
        made = self.session.model.rerank.invoke(config, given["docs"], "tea")
        return made.model_dump(mode="json")

    def _moderate(self, given):
        config = ModerationModelConfig(**NAMED)
        return {"flagged": self.session.model.moderation.invoke(config, "some text")}

    def _speak(self, given):
        config = TTSModelConfig(**NAMED, voice="alloy")
        return {"sound": b"".join(self.session.model.tts.invoke(config, "Hello")).hex()}

    def _listen(self, given):
        config = Speech2TextModelConfig(**NAMED)
        sound = io.BytesIO(bytes.fromhex(given["sound"]))
        return {"text": self.session.model.speech2text.invoke(config, sound)}

    def _summarise(self, given):
        return {"summary": self.session.model.summary.invoke(given["text"], "Be brief.")}

    def _extract(self, given):
        made = self.session.workflow_node.parameter_extractor.invoke(
            parameters=[ParameterConfig(**one) for one in given["parameters"]],
            model=ModelConfig(provider="p", name="asked-for"),
            query=given["query"],
            instruction="Take care.",
        )
        return made.model_dump(mode="json")

    def _classify(self, given):
        made = self.session.workflow_node.question_classifier.invoke(
            classes=[ClassConfig(id="1", name="tea"), ClassConfig(id="2", name="tax")],
            model=ModelConfig(provider="p", name="asked-for"),
            query=given["query"],
        )
        return made.model_dump(mode="json")

    def _store(self, given):
        storage = self.session.storage
        match given["do"]:
            case "set":
                storage.set(given["key"], bytes.fromhex(given["value"]))
                return {"done": True}
            case "get":
                return {"value": storage.get(given["key"]).hex()}
            case "delete":
                storage.delete(given["key"])
                return {"done": True}
            case _:
                return {"exists": storage.exist(given["key"])}

    def _upload(self, given):
        data = bytes.fromhex(given["data"])
        sent = self.session.file.upload(given["name"], data, given["mime"])
        read = requests.get(sent.preview_url, timeout=60)
        return {
            "sent": sent.model_dump(mode="json"),
            "read": read.content.hex(),
            "kind": read.headers["Content-Type"],
        }

    def _fetch(self, given):
        return {"text": requests.get(given["url"], timeout=60).text}

    def _tool(self, given):
        made = self.session.tool.invoke_builtin_tool(
            given["provider"], given["tool"], given["parameters"]
        )
        return {"messages": [message.model_dump(mode="json") for message in made]}

    def _app(self, given):
        app = getattr(self.session.app, given.pop("kind"))
        given.pop("act")
        made = app.invoke(**given)
        return {"events": list(made) if given["response_mode"] == "streaming" else [made]}

    def _fetch_app(self, given):
        return dict(self.session.app.fetch_app(given["app_id"]))

    def _file(self, given):
        files = given["files"]
        many = files if isinstance(files, list) else [files]
        return {"files": [file.model_dump(mode="json") for file in many]}

    def _model(self, given):
        return {"model": given["model"]}
"""

_KINDS = ("llm", "text_embedding", "rerank", "tts", "speech2text", "moderation")
STORAGE_SIZE = 2048


def _everything(data: dict[str, Any]) -> None:
    data["resource"]["permission"] = {
        "tool": {"enabled": True},
        "model": {"enabled": True, **dict.fromkeys(_KINDS, True)},
        "node": {"enabled": True},
        "app": {"enabled": True},
        "storage": {"enabled": True, "size": STORAGE_SIZE},
    }


def _parameters(data: dict[str, Any]) -> None:
    kinds = {"act": "string", "files": "files", "file": "file", "model": "model-selector"}
    data["parameters"] = [
        {
            "name": name,
            "type": kind,
            "form": "llm",
            "label": {"en_US": name},
            "human_description": {"en_US": name},
        }
        for name, kind in kinds.items()
    ]


def asking_plugin(folder: Path) -> Path:
    """Write the plugin; its tool `echo` does `act`."""
    return write_plugin(
        folder,
        {"tools/echo.py": _TOOL, "tools/echo.yaml": _parameters, "manifest.yaml": _everything},
    )
