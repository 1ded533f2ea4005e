"""A text in; a MinHash signature out. Signatures in; groups of texts most of which is the same out, without comparing all pairs.

A shingle is SPAN bytes of the text, lower-cased and with single spaces, that start at a word (at any byte where there are no
spaces). One hash is computed for each shingle and its smallest values in BINS equal ranges are kept: the share of equal
values estimates the Jaccard similarity (one permutation hashing with densification, Li et al. 2012, Shrivastava and Li 2014).
"""

from collections.abc import Sequence

import numpy as np

SPAN = 24  # bytes: about four words
BINS = 128
ROWS = 4  # of a band: texts that agree in a whole band are candidates
FEWEST = 24  # shingles; of a shorter text nothing is said
MOST_BYTES = 1 << 20
LEAST_SHARE = 0.6  # of equal values
LIMIT = 200  # texts of one bucket compared with each other
_MULTIPLIER, _MIXER = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0x9E3779B97F4A7C15)
_SPACE = 32


def signature(words: Sequence[str]) -> bytes | None:
    """4 * BINS bytes for the words of a text in small letters, or None where they are too few."""
    raw = " ".join(words).encode("utf-8", "replace")[:MOST_BYTES]
    count = len(raw) - SPAN + 1
    if count < FEWEST:
        return None
    starts = np.flatnonzero(np.frombuffer(raw, np.uint8)[: count - 1] == _SPACE) + 1
    if len(starts) * 20 < count:
        starts = np.arange(count)
    if len(starts) < FEWEST:
        return None
    eights = np.ndarray((len(raw) - 7,), np.dtype("<u8"), raw, strides=(1,))  # the eight bytes from each place on
    hashes = np.zeros(len(starts), np.uint64)
    with np.errstate(over="ignore"):
        for part in range(0, SPAN, 8):
            hashes = (hashes ^ eights[starts + part]) * _MULTIPLIER
            hashes ^= hashes >> np.uint64(32)
        hashes *= _MIXER
    hashes.sort()
    return _smallest(hashes).tobytes()


def _smallest(hashes: np.ndarray) -> np.ndarray:
    """(BINS,) uint32: the smallest hash of each range; an empty one takes over that of the next, marked by the distance."""
    edges = np.searchsorted(hashes, np.arange(BINS, dtype=np.uint64) << np.uint64(64 - 7))
    filled = np.flatnonzero(edges < np.append(edges[1:], len(hashes)))
    first = edges[filled]
    values = (hashes[first] >> np.uint64(20)).astype(np.uint32)
    place = np.searchsorted(filled, np.arange(BINS)) % len(filled)
    distance = (filled[place] - np.arange(BINS)) % BINS
    return np.asarray(values[place] + np.uint32(2654435761) * distance.astype(np.uint32), np.uint32)


def near_duplicates(signatures: Sequence[bytes]) -> list[list[int]]:
    """Groups of two or more indices, in ascending order: each is like the first one it was compared with in its group."""
    if len(signatures) < 2:
        return []
    marks = np.frombuffer(b"".join(signatures), np.uint32).reshape(len(signatures), BINS)
    parent = list(range(len(marks)))
    for band in range(0, BINS, ROWS):
        for one, other in _pairs(np.ascontiguousarray(marks[:, band : band + ROWS])):
            left, right = _root(parent, one), _root(parent, other)
            if left != right and (marks[one] == marks[other]).mean() >= LEAST_SHARE:
                parent[max(left, right)] = min(left, right)
    groups: dict[int, list[int]] = {}
    for index in range(len(marks)):
        groups.setdefault(_root(parent, index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(band: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows that are equal: each with the first ones of its bucket. band: (n, ROWS) uint32."""
    keys = band.view(np.dtype((np.void, band.itemsize * ROWS))).ravel()
    order = np.argsort(keys, kind="stable")
    found = []
    edges = np.flatnonzero(np.concatenate(([True], keys[order][1:] != keys[order][:-1], [True])))
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        bucket = order[start : min(end, start + LIMIT)].tolist()
        found += [(one, other) for place, other in enumerate(bucket) for one in bucket[max(0, place - 8) : place]]
    return found


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
