"""What a run may use beside its plugins; nothing here imports the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.answers.reverse import Answers

if TYPE_CHECKING:
    from runtime.settings import Settings


@dataclass(frozen=True)
class Field:
    """A field of a form that a person fills.

    Attributes:
        name: of the variable that it becomes.
        default: what stands in it; empty: nothing.
        several_lines: whether it is a paragraph.
    """

    name: str
    default: str = ""
    several_lines: bool = False


@dataclass(frozen=True)
class Form:
    """What a human-input node asks.

    Attributes:
        title: the node's.
        text: its content, with the values of variables in it.
        actions: (id, title) of each button.
        seconds: how long an answer may take.
    """

    title: str
    text: str
    fields: tuple[Field, ...]
    actions: tuple[tuple[str, str], ...]
    seconds: float


Ask = Callable[[Form], tuple[str, Mapping[str, str]] | None]
"""Shows a form; returns the action's id and the fields, or None where nobody answered in time."""


@dataclass(frozen=True)
class Means:
    """What a run may use.

    Attributes:
        answers: asks models; None: there are none.
        models: whether language models can be asked: an endpoint is configured.
        knowledge: folder of the texts that knowledge-retrieval searches; None: there is none.
        embedding: makes the vectors for that; None: `answers` do.
        sandbox_url, sandbox_key: a dify-sandbox for code nodes; empty: code runs here.
        private_hosts: hosts on private addresses that http-request nodes may reach.
        ask: asks a person; None: there is nobody.
        stop: when set, the run ends as soon as it can.
    """

    answers: Answers | None = None
    models: bool = False
    knowledge: Path | None = None
    embedding: Answers | None = None
    sandbox_url: str = ""
    sandbox_key: str = ""
    private_hosts: tuple[str, ...] = ()
    ask: Ask | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, settings: Settings, answers: Answers, **more: Any) -> Means:
        """As the settings say: STUDIO_LLM_…, STUDIO_KNOWLEDGE_DIR, STUDIO_SANDBOX_URL,
        STUDIO_SANDBOX_KEY and STUDIO_ALLOWED_PRIVATE_HOSTS (separated by commas). Knowledge is
        compared by the embedded model, unless STUDIO_EMBEDDING_MODEL or _BASE_URL names another:
        an endpoint of language models rarely has one that a workflow could name.

        Args:
            settings: of the local runtime.
            answers: of the hosts.
            more: attributes that are given otherwise.
        """
        knowledge = settings.get("knowledge_dir")
        hosts = (settings.get("allowed_private_hosts") or "").replace("\n", ",").split(",")
        found: dict[str, Any] = {
            "embedding": _embedding(settings, answers),
            "answers": answers,
            "models": bool(settings.get("llm_base_url")),
            "knowledge": Path(knowledge) if knowledge else None,
            "sandbox_url": settings.get("sandbox_url") or "",
            "sandbox_key": settings.get("sandbox_key") or "",
            "private_hosts": tuple(host.strip().lower() for host in hosts if host.strip()),
        }
        return cls(**{**found, **{name: value for name, value in more.items() if value}})


def _embedding(settings: Settings, answers: Answers) -> Answers | None:
    if settings.get("embedding_model") or settings.get("embedding_base_url"):
        return None
    from runtime.answers.embedding import Embedding
    from runtime.answers.endpoint import Endpoint
    from runtime.answers.spending import Spending

    own = Embedding(Endpoint(), Spending(_silence), _silence)
    answers.closing.append(own.close)
    return Answers({"text_embedding": own.answer})


def _silence(kind: str, text: str) -> None:
    """Notices for nobody."""
