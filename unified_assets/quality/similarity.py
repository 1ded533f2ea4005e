"""Pixels in; a 64-bit perceptual hash and a small signature out. Hashes and signatures in; groups of near duplicates out.

Candidates come from hashes that differ in at most 8 of 64 bits, found without comparing all pairs: with 9 bands, two such
hashes agree in at least one. A candidate counts only if the signatures agree as well: layout (correlation of the
luminance), fine structure and colour.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

SIDE = 32  # of the luminance plane in a signature
CHROMA_SIDE = 8  # of its two colour planes
MOST_BITS = 8
BANDS = ((0, 7), (7, 7), (14, 7), (21, 7), (28, 7), (35, 7), (42, 7), (49, 7), (56, 8))  # (first bit, bits)
LIMIT = 2_000  # a hash is compared with at most this many neighbours of its bucket, in hash order
COARSE, FINE = 0.95, 0.9  # least correlation at 16 x 16 and 32 x 32
MOST_COLOUR = 10.0  # levels the colour planes may differ on average
_CHUNK = 20_000


def signature(pixels: np.ndarray) -> bytes:
    """1,152 bytes: 32 x 32 luminance, then 8 x 8 of two colour differences. pixels: (height, width, 3) uint8."""
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("YCbCr")
    luminance, blue, red = (
        channel.resize((side, side), Image.Resampling.BOX) for channel, side in zip(image.split(), (SIDE, CHROMA_SIDE, CHROMA_SIDE), strict=True)
    )
    return luminance.tobytes() + blue.tobytes() + red.tobytes()


def perceptual_hash(mark: bytes) -> int:
    """64 bits: which of the 8 x 8 lowest cosine coefficients (without the constant) exceed their median."""
    plane = np.frombuffer(mark, np.uint8, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.float64)
    index = np.arange(SIDE)
    basis = np.cos(np.pi * (2 * index[None, :] + 1) * np.arange(8)[:, None] / (2 * SIDE))  # (8, SIDE)
    coefficients = (basis @ plane @ basis.T).ravel()
    bits = coefficients > np.median(coefficients[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(hashes: Sequence[int], signatures: Sequence[bytes]) -> list[list[int]]:
    """Groups of two or more indices, each group and the list of groups in ascending order."""
    if len(hashes) < 2:
        return []
    marks = np.frombuffer(b"".join(signatures), np.uint8).reshape(len(signatures), -1)
    parent = np.arange(len(hashes))
    for left, right in candidates(np.array(hashes, np.uint64)):
        for start in range(0, len(left), _CHUNK):
            some = slice(start, start + _CHUNK)
            same = alike(marks[left[some]], marks[right[some]])
            for one, other in zip(left[some][same], right[some][same], strict=True):
                _unite(parent, int(one), int(other))
    groups: dict[int, list[int]] = {}
    for index in range(len(hashes)):
        groups.setdefault(_root(parent, index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def candidates(hashes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of indices whose hashes differ in at most MOST_BITS bits, a batch for each band and distance in the bucket."""
    for first, bits in BANDS:
        keys = (hashes >> np.uint64(first)) & np.uint64((1 << bits) - 1)
        order = np.lexsort((hashes, keys))
        sorted_keys, sorted_hashes = keys[order], hashes[order]
        for offset in range(1, min(LIMIT, len(hashes) - 1) + 1):
            together = np.flatnonzero(sorted_keys[:-offset] == sorted_keys[offset:])
            if len(together) == 0:
                break
            differing = np.bitwise_count(sorted_hashes[together] ^ sorted_hashes[together + offset])
            close = together[differing <= MOST_BITS]
            if len(close):
                yield order[close], order[close + offset]


def alike(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) bool: which pairs of signatures show the same picture. left, right: (n, 1152) uint8."""
    area = SIDE * SIDE
    one, other = (marks[:, :area].reshape(-1, SIDE, SIDE).astype(np.float32) for marks in (left, right))
    colour = np.abs(left[:, area:].astype(np.int16) - right[:, area:]).mean(axis=1)
    return np.asarray((_correlation(one, other) >= FINE) & (_correlation(_halved(one), _halved(other)) >= COARSE) & (colour <= MOST_COLOUR))


def _halved(planes: np.ndarray) -> np.ndarray:
    return np.asarray(planes.reshape(len(planes), SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4)))


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = (planes.reshape(len(planes), -1) - planes.mean(axis=(1, 2))[:, None] for planes in (one, other))
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / np.maximum(norms, 1e-6))


def _root(parent: np.ndarray, index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = int(parent[index])
    return index


def _unite(parent: np.ndarray, one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low
