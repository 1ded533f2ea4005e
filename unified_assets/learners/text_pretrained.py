"""The features a head learns from: the classical ones, and beside them the vectors of a pretrained encoder where the task has them."""

import re
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from unified_assets.core.contracts import SentenceVectors, TaskData
from unified_assets.learners import text_features
from unified_assets.learners.text_features import Features, role

MARKS = re.compile(r"</?e[12]>")
_KEPT: "WeakKeyDictionary[TaskData, dict[str, Features]]" = WeakKeyDictionary()


def features(data: TaskData, method: str) -> Features:
    """The classical features, widened by columns of vectors (their number is in `vectors`); computed once for a TaskData."""
    plain = text_features.features(data, method)
    if data.sentence_vectors is None or method not in _COLUMNS:
        return plain
    kept = _KEPT.setdefault(data, {})
    if method not in kept:
        few, many = _COLUMNS[method](data, data.sentence_vectors)
        kept[method] = replace(plain, dense=np.concatenate([plain.dense, few, many], axis=1, dtype=np.float32), vectors=many.shape[1])
    return kept[method]


def _sentence(data: TaskData, vectors: SentenceVectors) -> tuple[np.ndarray, np.ndarray]:
    many = vectors.of([MARKS.sub("", " ".join(parts)) for parts in zip(*data.texts.values(), strict=True)])
    return many[:, :0], many


def _pair(data: TaskData, vectors: SentenceVectors) -> tuple[np.ndarray, np.ndarray]:
    return _compared(vectors.of(role(data, "premise", "context", "text")), vectors.of(role(data, "hypothesis", "question")))


def _choice(data: TaskData, vectors: SentenceVectors) -> tuple[np.ndarray, np.ndarray]:
    """How each option goes with the stem, and how much better than the options beside it."""
    options = data.options or ()
    counts = np.asarray([len(part) for part in options], np.int64)
    stems = np.repeat(vectors.of(role(data, "premise", "context", "question", "text")), counts, axis=0)
    near, many = _compared(stems, vectors.of([option for part in options for option in part]))
    means = [near[end - count : end].mean() if count else 0.0 for count, end in zip(counts, np.cumsum(counts), strict=True)]
    return np.concatenate([near, near - np.repeat(np.asarray(means), counts)[:, None]], axis=1), many


def _compared(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 1) the cosine; (n, 2 width) product and distance along each axis (Conneau et al. 2017)."""
    product = one * two
    return product.sum(axis=1, keepdims=True), np.concatenate([product, np.abs(one - two)], axis=1)


_COLUMNS: dict[str, Callable[[TaskData, SentenceVectors], tuple[np.ndarray, np.ndarray]]] = {
    "sentence": _sentence,
    "pair": _pair,
    "question": _pair,
    "choice": _choice,
}
