"""Texts → sparse rows of hashed n-grams, in blocks, weighed by tf-idf over a compact index of the buckets seen in training."""

import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

TEXT_LIMIT = 8000  # characters of one text that are looked at
WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows of counted, hashed features. `offsets`: (n + 1,) int64 into the other arrays; `blocks` are normalised apart."""

    offsets: np.ndarray
    hashes: np.ndarray  # int64 crc32 values
    counts: np.ndarray  # float32
    blocks: np.ndarray  # uint8

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True, eq=False)
class WeighedRows:
    """Rows of known buckets. `ids`: positions in the index; `values`: float32, every block of a row of unit length."""

    offsets: np.ndarray
    ids: np.ndarray
    values: np.ndarray

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(ids, values, offsets of k bags) of these rows, in their order."""
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        lengths = ends - starts
        offsets = np.zeros(len(rows), np.int64)
        np.cumsum(lengths[:-1], out=offsets[1:])
        flat = np.repeat(starts - offsets, lengths) + np.arange(int(lengths.sum()))
        return self.ids[flat], self.values[flat], offsets


class RowBuilder:
    """Collects rows of string features; the same strings always give the same hashes."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._hashes, self._counts, self._blocks, self._offsets = array("q"), array("f"), array("B"), array("q", [0])

    def add(self, *blocks: Iterable[str]) -> None:
        """Append one row; each argument is a block of features (repeats are counted)."""
        codes = self._codes
        for number, features in enumerate(blocks):
            for feature, count in Counter(features).items():
                key = f"{number} {feature}"
                code = codes.get(key)
                if code is None:
                    code = codes[key] = zlib.crc32(key.encode("utf-8", "surrogatepass"))
                self._hashes.append(code)
                self._counts.append(count)
                self._blocks.append(number)
        self._offsets.append(len(self._hashes))

    def rows(self) -> SparseRows:
        """What was added so far."""
        return SparseRows(
            np.frombuffer(self._offsets, np.int64).copy(),
            np.frombuffer(self._hashes, np.int64).copy() if self._hashes else np.zeros(0, np.int64),
            np.frombuffer(self._counts, np.float32).copy() if self._hashes else np.zeros(0, np.float32),
            np.frombuffer(self._blocks, np.uint8).copy() if self._hashes else np.zeros(0, np.uint8),
        )


def words(text: str) -> list[str]:
    """Lower-case words and punctuation marks of the first `TEXT_LIMIT` characters."""
    return WORD.findall(text[:TEXT_LIMIT].lower())


def word_grams(tokens: Sequence[str], prefix: str = "") -> Iterator[str]:
    """Single words and pairs of neighbours."""
    for token in tokens:
        yield prefix + token
    for left, right in pairwise(tokens):
        yield f"{prefix}{left} {right}"


def char_grams(text: str, low: int = 2, high: int = 5) -> Iterator[str]:
    """Character n-grams inside words, each word padded with a blank on either side."""
    for word in text[:TEXT_LIMIT].lower().split():
        padded = f" {word[:60]} "
        for size in range(low, high + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


def fit_index(sparse: SparseRows, rows: np.ndarray, *, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """(hashes, idf): the buckets that at least two of these rows hold (one, where there are few rows), in order of hash."""
    if len(rows) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    spans = [sparse.hashes[sparse.offsets[row] : sparse.offsets[row + 1]] for row in rows]
    found, frequency = np.unique(np.concatenate(spans), return_counts=True)
    least = 2 if len(rows) >= 200 else 1
    kept = np.flatnonzero(frequency >= least)
    if len(kept) > limit:
        kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:limit]])
    idf = np.log((1.0 + len(rows)) / (1.0 + frequency[kept])) + 1.0
    return found[kept].astype(np.int64), idf.astype(np.float32)


def weigh(sparse: SparseRows, hashes: np.ndarray, idf: np.ndarray) -> WeighedRows:
    """Sublinear tf-idf over the index; unknown buckets and those of weight 0 are left out, every block of a row gets unit length."""
    if len(hashes) == 0:
        return WeighedRows(np.zeros_like(sparse.offsets), np.zeros(0, np.int64), np.zeros(0, np.float32))
    place = np.minimum(np.searchsorted(hashes, sparse.hashes), len(hashes) - 1)
    known = (hashes[place] == sparse.hashes) & (idf[place] > 0)
    row = np.repeat(np.arange(len(sparse)), np.diff(sparse.offsets))[known]
    ids = place[known].astype(np.int64)
    values = (1.0 + np.log(sparse.counts[known])) * idf[ids]
    width = int(sparse.blocks.max(initial=0)) + 1
    bag = row * width + sparse.blocks[known]
    norm = np.sqrt(np.bincount(bag, weights=values.astype(np.float64) ** 2, minlength=len(sparse) * width))
    values = (values / np.maximum(norm[bag], 1e-9)).astype(np.float32)
    offsets = np.zeros(len(sparse) + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=len(sparse)), out=offsets[1:])
    return WeighedRows(offsets, ids, values)
