"""A folder of texts in the place of Dify's knowledge bases.

Texts (.md, .markdown, .txt) are split into passages at blank lines, as Dify's default rule does
(500 tokens; here characters, four to a token); passages are ranked by words (BM25) and, where
vectors can be had, by meaning: 0.3 and 0.7 of the score, Dify's weights for hybrid search
(api/core/rag/retrieval, DEFAULT: keyword 0.3, vector 0.7).
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import StudioError, UsageError

PASSAGE_CHARACTERS = 2000
"""Dify's default passage has 500 tokens."""
MAX_FILE_BYTES = 15 * 1024 * 1024
"""Dify's UPLOAD_FILE_SIZE_LIMIT."""
MAX_COMPARED = 2000
"""So many passages at most are compared by meaning; of more, those that share words most."""
TOP_K = 4
KEYWORD_WEIGHT, VECTOR_WEIGHT = 0.3, 0.7
_SUFFIXES = frozenset({".md", ".markdown", ".txt"})
_K1, _B = 1.5, 0.75  # BM25 as it is usually set (Robertson and Zaragoza 2009)
# A run of letters or digits is a word; scripts without spaces go by characters and pairs.
_WORD = re.compile(r"[^\W_]+")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to vectors."""


@dataclass(frozen=True)
class Passage:
    """A piece of a text.

    Attributes:
        dataset: the folder right below the knowledge folder; "" for a text in that itself.
        document: path of the text, relative to the knowledge folder.
        position: from 1, in its text.
    """

    dataset: str
    document: str
    position: int
    text: str


@dataclass(frozen=True)
class Hit:
    """A passage that answers a query; `score` is from 0 to 1."""

    passage: Passage
    score: float

    def as_dify(self, place: int) -> dict[str, Any]:
        """An entry of a retrieval node's `result` (Dify: core/workflow/nodes/
        knowledge_retrieval); `place` counts from 1."""
        passage = self.passage
        id = hashlib.sha256(f"{passage.document}\0{passage.position}".encode()).hexdigest()
        return {
            "title": passage.document,
            "content": passage.text,
            "url": passage.document,
            "files": [],
            "metadata": {
                "_source": "knowledge",
                "dataset_id": passage.dataset or "local",
                "dataset_name": passage.dataset or "local",
                "document_id": passage.document,
                "document_name": passage.document,
                "data_source_type": "upload_file",
                "segment_id": id[:32],
                "retriever_from": "workflow",
                "score": round(self.score, 6),
                "segment_word_count": len(passage.text),
                "segment_position": passage.position,
                "segment_index_node_hash": id,
                "position": place,
            },
        }


class Knowledge:
    """Searches a folder; read when first asked, once.

    Args:
        folder: of the texts, with those in folders below it.
        embed: makes vectors; None: words only.
    """

    def __init__(self, folder: Path, embed: Embed | None = None) -> None:
        self._folder = folder
        self._embed = embed
        self._lock = threading.Lock()
        self._passages: list[Passage] | None = None
        self._vectors: dict[str, Sequence[float]] = {}

    def search(
        self, query: str, datasets: Sequence[str] = (), top_k: int = TOP_K, threshold: float = 0.0
    ) -> list[Hit]:
        """The passages that answer `query` best, best first; may be none.

        Args:
            query: in words.
            datasets: folders right below the knowledge folder; of those that are none nothing
                is known, and without any all texts are searched.
            top_k: how many at most.
            threshold: the lowest score.

        Raises:
            StudioError: the folder has no texts, or one of them cannot be read.
        """
        with self._lock:
            if self._passages is None:
                self._passages = list(read(self._folder))
            passages = self._passages
        known = {passage.dataset for passage in passages} & set(datasets)
        if known:
            passages = [passage for passage in passages if passage.dataset in known]
        by_words = _bm25(query, [passage.text for passage in passages])
        order = sorted(range(len(passages)), key=lambda i: -by_words[i])[:MAX_COMPARED]
        top = max((by_words[i] for i in order), default=0.0) or 1.0
        scores = {i: by_words[i] / top for i in order}
        if self._embed is not None and order:
            alike = self._alike(query, [passages[i].text for i in order])
            for i, cosine in zip(order, alike, strict=True):
                scores[i] = KEYWORD_WEIGHT * scores[i] + VECTOR_WEIGHT * max(0.0, cosine)
        best = sorted(scores, key=lambda i: -scores[i])[:top_k]
        return [Hit(passages[i], scores[i]) for i in best if scores[i] > max(threshold, 1e-9)]

    def _alike(self, query: str, texts: Sequence[str]) -> list[float]:
        with self._lock:
            missing = [text for text in (query, *texts) if text not in self._vectors]
            missing = list(dict.fromkeys(missing))
            if missing and self._embed is not None:
                self._vectors.update(zip(missing, self._embed(missing), strict=True))
            asked = self._vectors[query]
            return [_cosine(asked, self._vectors[text]) for text in texts]


def read(folder: Path) -> Iterator[Passage]:
    """The passages of all texts below a folder, in the order of their names.

    Raises:
        UsageError: it is no folder.
        StudioError: it has no texts, or one cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(
            f"The knowledge folder {folder} is no folder.",
            "Give --knowledge (or STUDIO_KNOWLEDGE_DIR) a folder with .md or .txt files.",
        )
    found = False
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(folder)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise StudioError(
                    f"{name} is over {MAX_FILE_BYTES // 2**20} MB (UPLOAD_FILE_SIZE_LIMIT).",
                    "Split it.",
                )
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise StudioError(f"{name} cannot be read: {error}.", "Save it as UTF-8.") from None
        dataset = name.parts[0] if len(name.parts) > 1 else ""
        for position, passage in enumerate(split(text), 1):
            found = True
            yield Passage(dataset, name.as_posix(), position, passage)
    if not found:
        raise StudioError(
            f"The knowledge folder {folder} has no texts.", "Put .md or .txt files into it."
        )


def split(text: str, longest: int = PASSAGE_CHARACTERS) -> Iterator[str]:
    """Pieces of at most `longest` characters: paragraphs together, long ones at lines, sentences
    or words."""
    held = ""
    for paragraph in re.split(r"\n\s*\n", text):
        for part in _parts(paragraph.strip(), longest):
            if held and len(held) + 2 + len(part) > longest:
                yield held
                held = ""
            held = f"{held}\n\n{part}" if held else part
    if held:
        yield held


def _parts(paragraph: str, longest: int) -> Iterator[str]:
    while len(paragraph) > longest:
        window = paragraph[:longest]
        ends = [m.end() for m in re.finditer(r"\n|[.!?]\s|[。！？]|\s", window)]
        strong = [m.end() for m in re.finditer(r"\n|[.!?]\s|[。！？]", window)]
        cut = next((e for e in reversed(strong) if e > longest // 2), (ends or [longest])[-1])
        yield paragraph[:cut].strip()
        paragraph = paragraph[cut:].strip()
    if paragraph:
        yield paragraph


def words(text: str) -> list[str]:
    """The words of a text, folded; of scripts without spaces their characters and pairs."""
    found = []
    for word in _WORD.findall(text.casefold()):
        if _DENSE.search(word):
            found += [*word, *(word[i : i + 2] for i in range(len(word) - 1))]
        else:
            found.append(word)
    return found


def _bm25(query: str, texts: Sequence[str]) -> list[float]:
    counts = [Counter(words(text)) for text in texts]
    lengths = [count.total() for count in counts]
    average = sum(lengths) / len(lengths) if lengths else 1.0
    scores = [0.0] * len(texts)
    for word in set(words(query)):
        having = sum(1 for count in counts if word in count)
        if not having:
            continue
        rarity = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for i, count in enumerate(counts):
            if often := count[word]:
                length = 1 - _B + _B * lengths[i] / (average or 1.0)
                scores[i] += rarity * often * (_K1 + 1) / (often + _K1 * length)
    return scores


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0
