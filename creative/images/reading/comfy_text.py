"""The text that a sampler's input `positive` or `negative` was made from.

From the sampler back through conditioning: encoders have a text or a link to one; nodes that
only change a conditioning (areas, ControlNet, FluxGuidance, time ranges) are walked through;
where two meet, AUTOMATIC1111's words say how: AND for combined, BREAK for concatenated ones.
Classes and inputs: ComfyUI 0.3.75, nodes.py and comfy_extras. A class that is not among them is
walked through by the names of its inputs, and told.
"""

from __future__ import annotations

import re
from typing import Any

from creative.images.reading.comfy_graph import Graph, Node, link_of
from creative.images.reading.comfy_switches import branches
from creative.images.reading.comfy_words import CHANGES, changed

MOST_NODES = 2000
_MOST_LEVELS = 100
_MOST_CHARACTERS = 200_000

_ENCODERS = re.compile(r"CLIPTextEncode|TextEncode|PromptEncode|CLIPTextEncod", re.IGNORECASE)
_ZERO = ("ConditioningZeroOut",)
_GUIDED = ("FluxGuidance", "CLIPTextEncodeFlux")
_JOINED = {
    "ConditioningCombine": (" AND ", ("conditioning_1", "conditioning_2")),
    "ConditioningConcat": (" BREAK ", ("conditioning_to", "conditioning_from")),
    "ConditioningAverage": (" AND ", ("conditioning_to", "conditioning_from")),
}
_TEXTS = ("text", "prompt", "text_g", "text_l", "clip_g", "t5xxl", "clip_l", "t5", "llama",
          "caption", "tags", "string")  # fmt: skip
_STRINGS = ("value", "text", "string", "prompt", "populated_text", "wildcard_text", "result",
            "STRING", "Text", "text_0", "widget_0", "")  # fmt: skip
_JOINERS = re.compile(r"concat|join|combine|append", re.IGNORECASE)
_MAKERS = re.compile(
    r"LLM|GPT|OpenAI|Ollama|Gemini|Claude|Anthropic|DeepSeek|Groq|Llava|Florence|Caption|Tagger|"
    r"Interrogat|Prompt_?Gen|Magic_?Prompt|QwenVL",
    re.IGNORECASE,
)
"""Nodes that write a text while the graph runs: what goes into them is not what comes out."""
_PIECES = re.compile(r"(?:string|text|str|prompt)_?(?:[a-h]|\d{1,2})", re.IGNORECASE)
_SPELLED = {"\\n": "\n", "\\t": "\t", "newline": "\n", "space": " ", "none": ""}
_OF_ROLE = {
    "positive": ("positive", "positive_prompt", "text_positive", "prompt_positive", "pos",
                 "positive_text", "cond1", "base_positive"),
    "negative": ("negative", "negative_prompt", "text_negative", "prompt_negative", "neg",
                 "negative_text", "cond2", "base_negative"),
}  # fmt: skip
_THROUGH = ("conditioning", "cond", "conditioning_1", "conditioning_to", "positive", "context",
            "basic_pipe", "pipe", "any", "*", "input")  # fmt: skip
_KNOWN = re.compile(
    r"Conditioning|ControlNet|FluxGuidance|CLIPTextEncode|Reroute|Primitive|StringConcatenate|"
    r"InpaintModelConditioning|unCLIP|Guider|GLIGEN|StyleModelApply|PerturbedAttention|"
    r"ReferenceLatent|CLIPSetLastLayer|ComfySwitchNode|^String(?:Replace|Trim|Substring)$|"
    r"^CaseConverter$|^Regex(?:Replace|Extract)$"
)


class Tracer:
    """Finds texts in one graph, within MOST_NODES nodes.

    Attributes:
        guessed: classes that were walked through by the names of their inputs.
        made: classes that wrote a text while the graph ran, which it does not hold.
        unclear: switches that handed on one of several texts, nobody knows which.
        parted: an encoder had several texts, which stand one below the other.
        guidance: what the FluxGuidance nearest to the sampler, or Flux's encoder, was set to.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._left = MOST_NODES
        self.guessed: set[str] = set()
        self.made: set[str] = set()
        self.unclear: set[str] = set()
        self.parted = False
        self.guidance: Any = None

    def prompt(self, link: Any, role: str) -> str:
        """The text behind a sampler's input.

        Args:
            link: the input.
            role: positive or negative.
        """
        return self._conditioning(link, role, (), 0)[:_MOST_CHARACTERS]

    def _conditioning(self, link: Any, role: str, way: tuple[str, ...], level: int) -> str:
        if isinstance(link, str):
            return link
        node = self._graph.at(link)
        if node is None or node.name in way or level > _MOST_LEVELS or self._left <= 0:
            return ""
        self._left -= 1
        return self._through(node, role, (*way, node.name), level)

    def _through(self, node: Node, role: str, way: tuple[str, ...], level: int) -> str:
        """The text behind a node that gives a conditioning."""
        if node.kind in _ZERO:
            return ""
        if node.kind in _GUIDED and self.guidance is None:
            self.guidance = self._graph.number(node, "guidance")
        several = branches(node.kind, node.inputs)
        if len(several) > 1:
            ways = (self._conditioning(one, role, way, level + 1) for one in several.values())
            return self._only(node, set(ways))
        if node.kind in _JOINED:
            sign, names = _JOINED[node.kind]
            found = (self._conditioning(node.inputs.get(n), role, way, level + 1) for n in names)
            return sign.join(dict.fromkeys(filter(None, found)))
        of_role = [name for name in _OF_ROLE[role] if name in node.inputs]
        if of_role and not _ENCODERS.search(node.kind):
            return self._followed(node, of_role[0], role, way, level)
        encoded = self._encoded(node, way, level)
        return self._any(node, role, way, level) if encoded is None else encoded

    def _any(self, node: Node, role: str, way: tuple[str, ...], level: int) -> str:
        """The text behind the first input that has one, the likely names first."""
        for name in (*_THROUGH, ""):
            if link_of(node.inputs.get(name)) is not None:
                return self._followed(node, name, role, way, level)
        self._guess(node)
        for value in node.inputs.values():
            if link_of(value) is not None:
                text = self._conditioning(value, role, way, level + 1)
                if text:
                    return text
        return ""

    def _followed(self, node: Node, name: str, role: str, way: tuple[str, ...], level: int) -> str:
        self._guess(node)
        value = node.inputs[name]
        if isinstance(value, str):
            return value
        source = self._graph.at(value)
        if source is not None and self._is_string(source):
            return self._string(value, way, level + 1)
        return self._conditioning(value, role, way, level + 1)

    def _encoded(self, node: Node, way: tuple[str, ...], level: int) -> str | None:
        """What an encoder encodes; None if the node is none."""
        names = [name for name in _TEXTS if name in node.inputs]
        if not names:
            return None
        if not _ENCODERS.search(node.kind):
            self._guess(node)
        texts = (self._string(node.inputs[name], way, level + 1) for name in names)
        # SDXL and Flux have one text per encoder, mostly the same.
        different = dict.fromkeys(text for text in texts if text.strip())
        self.parted = self.parted or len(different) > 1
        return "\n".join(different)

    def _string(self, value: Any, way: tuple[str, ...], level: int) -> str:
        if isinstance(value, str):
            return value
        node = self._graph.at(value)
        if node is None or node.name in way or level > _MOST_LEVELS or self._left <= 0:
            return ""
        self._left -= 1
        if _MAKERS.search(node.kind):
            self.made.add(node.kind[:80])
            return ""
        return self._held(node, (*way, node.name), level)

    def _held(self, node: Node, way: tuple[str, ...], level: int) -> str:
        """The text that a node of texts holds, joins, changes or hands on."""
        several = branches(node.kind, node.inputs)
        if len(several) > 1:
            ways = (self._string(one, way, level + 1) for one in several.values())
            return self._only(node, set(ways))
        if CHANGES.search(node.kind):
            return self._changed(node, way, level)
        pieces = [name for name in node.inputs if _PIECES.fullmatch(name)]
        if len(pieces) > 1 and (_JOINERS.search(node.kind) or "delimiter" in node.inputs):
            sign = node.inputs.get("delimiter", node.inputs.get("separator", ""))
            plain = _SPELLED.get(sign, sign) if isinstance(sign, str) else ""
            if not _KNOWN.search(node.kind):
                self._guess(node)
            texts = [self._string(node.inputs[name], way, level + 1) for name in pieces]
            return plain.join(text for text in texts if text)
        for name in _STRINGS:
            if name in node.inputs:
                self._guess(node)
                text = self._string(node.inputs[name], way, level + 1)
                if text:
                    return text
        self._guess(node)
        for item in node.inputs.values():
            if link_of(item) is not None:
                text = self._string(item, way, level + 1)
                if text:
                    return text
        plain_texts = [item for item in node.inputs.values() if isinstance(item, str)]
        return max(plain_texts, key=len, default="")

    def _only(self, node: Node, texts: set[str]) -> str:
        """The one text that all ways through a switch lead to."""
        if len(texts) == 1:
            return texts.pop()
        self.unclear.add(node.kind[:80])
        return ""

    def _changed(self, node: Node, way: tuple[str, ...], level: int) -> str:
        """The text that a node makes of another."""
        name = next((name for name in (*_STRINGS, "text_a") if name in node.inputs), "")
        text = self._string(node.inputs.get(name), way, level + 1)
        found: dict[str, Any] = {}
        for key, value in node.inputs.items():
            plain = self._graph.scalar(value, key)
            linked = link_of(value) is not None and not isinstance(plain, int | float)
            found[key] = self._string(value, way, level + 1) if linked else plain
        after = changed(node.kind, text, found)
        if after is None:
            self.made.add(node.kind[:80])
            return ""
        self._guess(node)
        return after

    def _is_string(self, node: Node) -> bool:
        return bool(re.search(r"string|text|prompt|primitive", node.kind, re.IGNORECASE)) and not (
            _ENCODERS.search(node.kind)
        )

    def _guess(self, node: Node) -> None:
        if not _KNOWN.search(node.kind):
            self.guessed.add(node.kind[:80])
