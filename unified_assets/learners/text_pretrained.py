"""The features a head learns from: the classical ones, and beside them the vectors of a pretrained encoder where the task has them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from unified_assets.core.contracts import SentenceVectors, TaskData
from unified_assets.learners import text_features
from unified_assets.learners.text_features import Features, role

MARKS = re.compile(r"</?e[12]>")
METHODS = ("sentence", "pair", "question", "choice")  # that read an encoder
_KEPT: "WeakKeyDictionary[TaskData, dict[str, Features]]" = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Read:
    """What an encoder reads of some rows: one text each; or two to be compared, the first of a choice standing for `counts` options each."""

    first: Sequence[str]
    second: Sequence[str] | None = None
    counts: np.ndarray | None = None


def read(data: TaskData, method: str, rows: np.ndarray) -> Read:
    """The texts of these rows; of a choice its options, one after another."""
    if method == "sentence":
        return Read(first=[MARKS.sub("", " ".join(data.texts[name][int(row)] for name in data.texts)) for row in rows])
    if method == "choice":
        stems, options = role(data, "premise", "context", "question", "text"), [(data.options or ())[int(row)] for row in rows]
        counts = np.asarray([len(part) for part in options], np.int64)
        return Read(first=[stems[int(row)] for row in rows], second=[option for part in options for option in part], counts=counts)
    one, two = role(data, "premise", "context", "text"), role(data, "hypothesis", "question")
    return Read(first=[one[int(row)] for row in rows], second=[two[int(row)] for row in rows])


def features(data: TaskData, method: str) -> Features:
    """The classical features, widened by columns of vectors (their number is in `vectors`); computed once for a TaskData."""
    plain = text_features.features(data, method)
    if data.sentence_vectors is None or method not in _COLUMNS:
        return plain
    kept = _KEPT.setdefault(data, {})
    if method not in kept:
        few, many = _COLUMNS[method](read(data, method, np.arange(len(data))), data.sentence_vectors)
        kept[method] = replace(plain, dense=np.concatenate([plain.dense, few, many], axis=1, dtype=np.float32), vectors=many.shape[1])
    return kept[method]


def _sentence(texts: Read, vectors: SentenceVectors) -> tuple[np.ndarray, np.ndarray]:
    many = vectors.of(texts.first)
    return many[:, :0], many


def _pair(texts: Read, vectors: SentenceVectors) -> tuple[np.ndarray, np.ndarray]:
    return _compared(vectors.of(texts.first), vectors.of(texts.second or ()))


def _choice(texts: Read, vectors: SentenceVectors) -> tuple[np.ndarray, np.ndarray]:
    """How each option goes with the stem, and how much better than the options beside it."""
    counts = texts.counts
    assert counts is not None
    stems = np.repeat(vectors.of(texts.first), counts, axis=0)
    near, many = _compared(stems, vectors.of(texts.second or ()))
    means = [near[end - count : end].mean() if count else 0.0 for count, end in zip(counts, np.cumsum(counts), strict=True)]
    return np.concatenate([near, near - np.repeat(np.asarray(means), counts)[:, None]], axis=1), many


def _compared(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 1) the cosine; (n, 2 width) product and distance along each axis (Conneau et al. 2017)."""
    product = one * two
    return product.sum(axis=1, keepdims=True), np.concatenate([product, np.abs(one - two)], axis=1)


_COLUMNS: dict[str, Callable[[Read, SentenceVectors], tuple[np.ndarray, np.ndarray]]] = {
    "sentence": _sentence,
    "pair": _pair,
    "question": _pair,
    "choice": _choice,
}


def tuned_plan(vectors: SentenceVectors) -> dict[str, Any]:
    """The blueprint's entry: names and shapes of the tensors that are learned on, and of which encoder."""
    shapes = {name: list(value.shape) for name, value in vectors.network().last_layers(vectors.layers).items()}
    return {"digest": vectors.digest, "layers": vectors.layers, "shapes": shapes}


def columns(vectors: SentenceVectors, method: str) -> int:
    """How many columns a head sees of what these layers give; 0 for a method that reads none."""
    if not vectors.layers or method not in METHODS:
        return 0
    return vectors.width if method == "sentence" else 2 * vectors.width
