"""Texts → sparse rows of hashed n-grams, in blocks, weighed by tf-idf over a compact index of the buckets seen in training."""

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

TEXT_LIMIT = 8000  # characters of one text that are looked at
COUNTED_AT_ONCE = 1 << 20  # features
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


class _Codes(dict[str, int]):
    """Feature → crc32 of the number of its block and itself."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self._start = zlib.crc32(f"{block} ".encode())

    def __missing__(self, feature: str) -> int:
        code = self[feature] = zlib.crc32(feature.encode("utf-8", "surrogatepass"), self._start)
        return code


class _WordCodes(dict[str, "array[int]"]):
    """Word → codes of its character n-grams in a block."""

    def __init__(self, codes: _Codes) -> None:
        super().__init__()
        self._codes = codes

    def __missing__(self, word: str) -> "array[int]":
        found = self[word] = array("I", map(self._codes.__getitem__, word_char_grams(word)))
        return found


@dataclass(frozen=True)
class CharGrams:
    """A block of features: the character n-grams of the words of a text. Words that come again are taken apart once."""

    text: str


class RowBuilder:
    """Collects rows of string features; the same strings always give the same hashes."""

    def __init__(self) -> None:
        self._codes: list[_Codes] = []
        self._of_words: list[_WordCodes] = []
        self._waiting, self._spans, self._blocks = array("I"), array("q"), array("q", [0])  # features; their number in each block; blocks up to each row
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, *blocks: Iterable[str] | CharGrams) -> None:
        """Append one row; each argument is a block of features (repeats are counted)."""
        while len(self._codes) < len(blocks):
            self._codes.append(_Codes(len(self._codes)))
            self._of_words.append(_WordCodes(self._codes[-1]))
        waiting = self._waiting
        for number, features in enumerate(blocks):
            before = len(waiting)
            if isinstance(features, CharGrams):
                of_words = self._of_words[number]
                for word in features.text[:TEXT_LIMIT].lower().split():
                    waiting.extend(of_words[word])
            else:
                waiting.extend(map(self._codes[number].__getitem__, features))
            self._spans.append(len(waiting) - before)
        self._blocks.append(self._blocks[-1] + len(blocks))
        if len(waiting) >= COUNTED_AT_ONCE:
            self._count()

    def _count(self) -> None:
        """Repeats of the features that wait, counted row by row and block by block, in order of their first appearance."""
        codes, spans, ends = np.array(self._waiting, np.int64), np.array(self._spans), np.array(self._blocks)
        widths = np.diff(ends)
        row = np.repeat(np.arange(len(widths)), widths)
        block = np.arange(len(spans)) - np.repeat(ends[:-1], widths)
        bag = np.repeat(row << 8 | block, spans)
        _, first, count = np.unique(bag << 32 | codes, return_index=True, return_counts=True)
        order = np.argsort(first)
        first = first[order]
        lengths = np.bincount(bag[first] >> 8, minlength=len(widths))
        self._parts.append((lengths, codes[first], count[order].astype(np.float32), (bag[first] & 255).astype(np.uint8)))
        self._waiting, self._spans, self._blocks = array("I"), array("q"), array("q", [0])

    def rows(self) -> SparseRows:
        """What was added so far."""
        self._count()
        lengths, hashes, counts, blocks = (np.concatenate(found) for found in zip(*self._parts, strict=True))
        self._parts = [(lengths, hashes, counts, blocks)]
        return SparseRows(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), hashes, counts, blocks)


def words(text: str) -> list[str]:
    """Lower-case words and punctuation marks of the first `TEXT_LIMIT` characters."""
    return WORD.findall(text[:TEXT_LIMIT].lower())


def word_grams(tokens: Sequence[str], prefix: str = "") -> Iterator[str]:
    """Single words and pairs of neighbours."""
    for token in tokens:
        yield prefix + token
    for left, right in pairwise(tokens):
        yield f"{prefix}{left} {right}"


def word_char_grams(word: str, low: int = 2, high: int = 5) -> Iterator[str]:
    """Character n-grams of a word of at most 60 characters, a blank on either side, shortest first."""
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
