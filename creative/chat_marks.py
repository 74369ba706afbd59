"""Marks of chat templates in text that did not come from us.

Servers that look for them in a message end it there, so that whoever wrote the text could go on
as system. Data of prompts is other people's text, and so is what a model wrote after reading it.
"""

from __future__ import annotations

import re

# ChatML, Llama 2 and 3, Gemma, Mistral, Phi, DeepSeek; EXAONE ([|user|]), ChatGLM ([gMASK]<sop>),
# InternLM (<eoh>). Sources: chat_template in the tokenizer_config.json of each (2026-11).
_MARK = re.compile(
    r"<[|｜][^<>\s]{1,40}[|｜]>|\[\|[A-Za-z_]{1,40}\|\]"
    r"|<(/?)(s|start_of_turn|end_of_turn|bos|eos|sop|eop|eoh|eoa)>|<</?SYS>>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|gMASK)\]",
    re.IGNORECASE,
)


def harmless(text: str) -> str:
    """`text` without marks of chat templates; a space in them is enough."""
    return _MARK.sub(lambda match: f"{match.group()[:1]} {match.group()[1:]}", text)
