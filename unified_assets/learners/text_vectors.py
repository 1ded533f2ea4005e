"""Texts → one vector a word, from which words stand near which (positive PMI, truncated SVD): those of one model, or of all.

Levy & Goldberg 2014: what skip-gram learns is a factorisation of shifted PMI; this one is deterministic and takes seconds.
Each text is counted by itself: joining a premise and its right answer would tell the answer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from unified_assets.core.contracts import TaskData, WordVectors
from unified_assets.learners.text_grams import words

WIDTH = 64
MOST_WORDS, MOST_SHARED_WORDS = 16_000, 32_000
MOST_TOKENS, MOST_SHARED_TOKENS = 1_500_000, 2_500_000  # gaps between texts included
REACH = 6
_TOKENS: "WeakKeyDictionary[TaskData, list[list[str]]]" = WeakKeyDictionary()


def training_tokens(data: TaskData) -> list[list[str]]:
    """The words of every text on the train side, options too."""
    if data not in _TOKENS:
        found = [words(texts[row]) for texts in data.texts.values() for row in data.rows("train")]
        if data.options is not None:
            found += [words(option) for row in data.rows("train") for option in data.options[row]]
        _TOKENS[data] = found
    return _TOKENS[data]


def vocabulary(tasks: Sequence[TaskData]) -> tuple[str, ...]:
    """The words that a model has a vector for: those of the shared vectors, or the frequent ones of its own training texts."""
    shared = shared_vectors(tasks)
    return tuple(_frequent(_own_texts(tasks), MOST_WORDS)) if shared is None else shared.words


def shared_vectors(tasks: Sequence[TaskData]) -> WordVectors | None:
    """The word vectors that the tasks came with."""
    return next((data.word_vectors for data in tasks if data.word_vectors is not None), None)


def word_vectors(texts: Sequence[Sequence[str]]) -> WordVectors:
    """Words of these texts, their counts and vectors."""
    counts = _frequent(texts, MOST_SHARED_WORDS)
    names = tuple(counts)
    return WordVectors(words=names, counts=np.fromiter(counts.values(), np.int64, len(names)), vectors=_factorised(texts, names, MOST_SHARED_TOKENS))


def fit_vectors(tasks: Sequence[TaskData], names: Sequence[str]) -> np.ndarray:
    """(words, WIDTH) float32 vectors of these words from the tasks' own training texts."""
    return _factorised(_own_texts(tasks), names)


def own_counts(tasks: Sequence[TaskData], names: Sequence[str]) -> list[int]:
    """How often each of these words stands in the tasks' own training texts."""
    counts = Counter(word for text in _own_texts(tasks) for word in text)
    return [counts[name] for name in names]


def _own_texts(tasks: Sequence[TaskData]) -> list[list[str]]:
    return [text for data in tasks for text in training_tokens(data)]


def _frequent(texts: Iterable[Sequence[str]], most: int) -> dict[str, int]:
    """Words that stand at least twice with their counts, most frequent first, then by name."""
    counts = Counter(word for text in texts for word in text)
    kept = sorted((word for word, count in counts.items() if count >= 2), key=lambda word: (-counts[word], word))
    return {word: counts[word] for word in kept[:most]}


def _factorised(texts: Iterable[Sequence[str]], names: Sequence[str], most_tokens: int = MOST_TOKENS) -> np.ndarray:
    """(words, WIDTH) float32 vectors of unit mean square; zeros for what never stands beside another word."""
    stream = _stream(texts, {name: number for number, name in enumerate(names)}, most_tokens)
    vectors = np.zeros((len(names), WIDTH), np.float32)
    if len(names) < 2 or len(stream) < 2:
        return vectors
    matrix = _positive_pmi(stream, len(names))
    rank = min(WIDTH, len(names) - 1)
    if matrix.nnz == 0:
        return vectors
    from sklearn.utils.extmath import randomized_svd

    left, strength, _ = randomized_svd(matrix, n_components=rank, n_iter=3, random_state=0)
    vectors[:, :rank] = left * np.sqrt(strength)
    return (vectors / max(float(np.sqrt(np.mean(vectors**2))), 1e-9)).astype(np.float32)


def _stream(texts: Iterable[Sequence[str]], place: Mapping[str, int], most: int) -> np.ndarray:
    """Word numbers of all texts in a row, REACH gaps (-1) between texts, unknown words left out; the first `most` and the rest of their text."""
    flat: list[int] = []
    for text in texts:
        flat.extend(place[word] for word in text if word in place)
        flat.extend([-1] * REACH)
        if len(flat) > most:
            break
    return np.asarray(flat, np.int64)


def _positive_pmi(stream: np.ndarray, size: int):  # type: ignore[no-untyped-def] # noqa: ANN202 - a scipy matrix, imported inside
    from scipy.sparse import coo_matrix

    keys = []
    for step in range(1, REACH + 1):
        one, two = stream[:-step], stream[step:]
        both = (one >= 0) & (two >= 0)
        keys.append(np.concatenate([one[both] * size + two[both], two[both] * size + one[both]]))
    pairs, counts = np.unique(np.concatenate(keys), return_counts=True)
    rows, columns = pairs // size, pairs % size
    total = np.bincount(rows, weights=counts, minlength=size)
    smooth = total**0.75 / (total**0.75).sum()
    pmi = np.log(counts / np.maximum(total[rows], 1)) - np.log(np.maximum(smooth[columns], 1e-12))
    kept = pmi > 0
    return coo_matrix((pmi[kept].astype(np.float32), (rows[kept], columns[kept])), shape=(size, size)).tocsr()
