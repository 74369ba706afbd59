"""The knowledge-retrieval node, which graphon leaves to Dify."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphon.entities.base_node_data import BaseNodeData
from graphon.enums import NodeType, WorkflowNodeExecutionStatus
from graphon.node_events.base import NodeRunResult
from graphon.nodes.base.node import Node
from graphon.runtime.init_params import InitParams
from graphon.runtime.runtime_state import RuntimeState
from pydantic import Field

from runtime.answers.chat import ModelCallFailed
from runtime.answers.reverse import Answers, Caller
from runtime.declaration import Plugin
from runtime.errors import StudioError
from runtime.workflow.knowledge import TOP_K, Embed, Knowledge

KIND = "knowledge-retrieval"


class RetrievalData(BaseNodeData):
    """The node's settings that count here (Dify: nodes/knowledge_retrieval/entities.py)."""

    type: NodeType = KIND
    query_variable_selector: list[str] = Field(default_factory=list)
    dataset_ids: list[str] = Field(default_factory=list)
    retrieval_mode: str = "multiple"
    multiple_retrieval_config: dict[str, Any] | None = None


class RetrievalNode(Node[RetrievalData]):
    """Searches the knowledge folder; `result` is a list as Dify's."""

    node_type = KIND

    def __init__(
        self,
        node_id: str,
        data: RetrievalData,
        *,
        init_params: InitParams,
        runtime_state: RuntimeState,
        knowledge: Knowledge,
    ) -> None:
        super().__init__(
            node_id=node_id, data=data, init_params=init_params, runtime_state=runtime_state
        )
        self._knowledge = knowledge

    @classmethod
    def version(cls) -> str:
        """Of the node's settings."""
        return "1"

    def _run(self) -> NodeRunResult:
        data = self.node_data
        variable = self.runtime_state.variable_pool.get(data.query_variable_selector)
        query = variable.text if variable is not None else ""
        if not query.strip():
            return _failed("Query is required: the variable it comes from is empty.", "ValueError")
        config = data.multiple_retrieval_config or {}
        single = data.retrieval_mode == "single"
        threshold = config.get("score_threshold") if config.get("score_threshold_enabled") else 0
        try:
            hits = self._knowledge.search(
                query,
                data.dataset_ids,
                TOP_K if single else int(config.get("top_k") or TOP_K),
                float(threshold or 0),
            )
        except StudioError as error:
            return _failed(f"{error.message} {error.hint}", type(error).__name__)
        except ModelCallFailed as error:
            return _failed(str(error), "ModelCallFailed")
        result = [hit.as_dify(place) for place, hit in enumerate(hits, 1)]
        return NodeRunResult(
            status=WorkflowNodeExecutionStatus.SUCCEEDED,
            inputs={"query": query},
            outputs={"result": result},
        )


def _failed(message: str, kind: str) -> NodeRunResult:
    return NodeRunResult(
        status=WorkflowNodeExecutionStatus.FAILED, error=message, error_type=kind, inputs={}
    )


def embedder(answers: Answers | None) -> Embed | None:
    """Vectors through the answers to `text_embedding` calls; None where nobody answers them."""
    if answers is None or "text_embedding" not in answers.by_kind:
        return None
    caller = Caller(
        Plugin.model_validate({"author": "dify", "name": "workflow", "version": "0.0.0"})
    )

    def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        request = {"model": "knowledge", "texts": list(texts)}
        made: list[Sequence[float]] = []
        for _, content in answers.answer("text_embedding", request, caller):
            made += content["embeddings"]
        return made

    return embed
