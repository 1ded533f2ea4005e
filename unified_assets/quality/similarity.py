"""Pixels in; a small signature out. Signatures in; groups of near duplicates out, without comparing all pairs.

Candidates come from 64-bit perceptual hashes that differ in at most 8 bits: with 9 bands, two such hashes agree in at least
one. A signature has three hashes, of the whole picture and of its middle, so that a copy cut at its edges meets its original.
A candidate counts only if colour and luminance agree as well once one plane is laid onto the other (`alignment`): no cell of
16 x 16 may differ by more than 0.55 standard deviations, nor all together by more than 0.11. Different pictures measured
1.06 and 0.20 and more, digits and drawings on plain ground among them; strokes of 28 px that differ by one pixel come closer.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from unified_assets.quality.alignment import aligned, blurred, halved, moved, standardised

SIDE = 32  # of the luminance plane in a signature
CHROMA_SIDE = 8  # of its two colour planes
SIGNATURE_BYTES = SIDE * SIDE + 2 * CHROMA_SIDE * CHROMA_SIDE
MOST_BITS = 8
BANDS = ((0, 7), (7, 7), (14, 7), (21, 7), (28, 7), (35, 7), (42, 7), (49, 7), (56, 8))  # (first bit, bits)
LIMIT = 2_000  # a hash is compared with at most this many neighbours of its bucket, in hash order
MIDDLES = (0.0, 0.03, 0.06)  # shares of the sides that the hashes of a signature leave out
MOST_DEVIATION = 0.55  # of a cell at 16 x 16, in standard deviations of the picture
MOST_REST = 0.11  # root mean square of all cells, likewise
LEAST_CORRELATION = 0.75  # before aligning; below it nothing is tried
MOST_COLOUR = 10.0  # levels the colour planes may differ on average
_CHUNK = 2_000
_BATCHES = 256


def signature(pixels: np.ndarray) -> bytes:
    """1,152 bytes: 32 x 32 luminance, then 8 x 8 of two colour differences. pixels: (height, width, 3) uint8.

    A small picture is enlarged smoothly, so that its steps do not look like content.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if min(image.size) >= 4 * SIDE:
        image = image.reduce(min(image.size) // (2 * SIDE))
    luminance, *colours = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert("YCbCr").split()
    blue, red = (colour.resize((CHROMA_SIDE, CHROMA_SIDE), Image.Resampling.BOX) for colour in colours)
    return luminance.tobytes() + blue.tobytes() + red.tobytes()


def perceptual_hash(mark: bytes) -> int:
    """64 bits: which of the 8 x 8 lowest cosine coefficients (without the constant) exceed their median."""
    plane = np.frombuffer(mark, np.uint8, SIDE * SIDE).reshape(1, SIDE, SIDE)
    return int(perceptual_hashes(plane.astype(np.float32))[0])


def perceptual_hashes(planes: np.ndarray) -> np.ndarray:
    """(n,) uint64: the hash of each plane. planes: (n, SIDE, SIDE) float32."""
    index = np.arange(SIDE)
    basis = np.cos(np.pi * (2 * index[None, :] + 1) * np.arange(8)[:, None] / (2 * SIDE)).astype(np.float32)  # (8, SIDE)
    coefficients = (basis @ planes @ basis.T).reshape(len(planes), 64)
    bits = coefficients > np.median(coefficients[:, 1:], axis=1, keepdims=True)
    bits[:, 0] = False
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64)[:, 0]


def near_duplicates(signatures: Sequence[bytes]) -> list[list[int]]:
    """Groups of two or more indices, each group and the list of groups in ascending order."""
    if len(signatures) < 2:
        return []
    marks = np.frombuffer(b"".join(signatures), np.uint8).reshape(len(signatures), -1)
    parent = np.arange(len(marks))
    left, right = _pairs(marks)
    for start in range(0, len(left), _CHUNK):
        one, other = left[start : start + _CHUNK], right[start : start + _CHUNK]
        apart = _roots(parent, one) != _roots(parent, other)
        one, other = one[apart], other[apart]
        same = alike(marks[one], marks[other])
        for low, high in zip(one[same], other[same], strict=True):
            _unite(parent, int(low), int(high))
    groups: dict[int, list[int]] = {}
    for index, root in enumerate(_roots(parent, np.arange(len(marks))).tolist()):
        groups.setdefault(root, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of signatures one of whose hashes is close to one of the other's, each pair once."""
    hashes = np.concatenate([_hashes(marks, share) for share in MIDDLES])
    keys = np.zeros(0, np.int64)
    waiting: list[np.ndarray] = []
    for left, right in candidates(hashes):
        one, other = left % len(marks), right % len(marks)
        waiting.append((np.minimum(one, other) * len(marks) + np.maximum(one, other))[one != other])
        if len(waiting) == _BATCHES:
            keys, waiting = np.unique(np.concatenate([keys, *waiting])), []
    keys = np.unique(np.concatenate([keys, *waiting]))
    return keys // len(marks), keys % len(marks)


def _hashes(marks: np.ndarray, share: float) -> np.ndarray:
    """(n,) uint64: hashes of the planes without a share of their sides."""
    found = []
    for start in range(0, len(marks), _CHUNK):
        planes = marks[start : start + _CHUNK, : SIDE * SIDE].reshape(-1, SIDE, SIDE).astype(np.float32)
        movement = np.tile(np.array([[0, -share, 0, -share]], np.float32), (len(planes), 1))
        found.append(perceptual_hashes(moved(planes, movement) if share else planes))
    return np.concatenate(found)


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
    if not len(left):
        return np.zeros(0, bool)
    area = SIDE * SIDE
    colour = np.abs(left[:, area:].astype(np.int16) - right[:, area:]).mean(axis=1)
    one, other = (blurred(marks[:, :area].reshape(-1, SIDE, SIDE).astype(np.float32)) for marks in (left, right))
    correlation = (standardised(one) * standardised(other)).mean(axis=(1, 2))
    same = np.zeros(len(left), bool)
    hopeful = np.flatnonzero((colour <= MOST_COLOUR) & (correlation >= LEAST_CORRELATION))
    for first, second in ((one, other), (other, one)):
        same[hopeful] = _fits(first[hopeful], second[hopeful])
        hopeful = hopeful[~same[hopeful]]
    for first, second in ((one, other), (other, one)):  # the second may have lost detail by being made smaller
        same[hopeful] = _fits(blurred(first[hopeful]), second[hopeful])
        hopeful = hopeful[~same[hopeful]]
    return same


def _fits(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) bool: whether next to nothing is left of the difference once the left planes lie on the right ones."""
    if not len(left):
        return np.zeros(0, bool)
    rest = np.abs(standardised(halved(aligned(left, right))) - standardised(halved(standardised(right))))
    return np.asarray((rest.max(axis=(1, 2)) <= MOST_DEVIATION) & (np.sqrt(np.square(rest).mean(axis=(1, 2))) <= MOST_REST))


def _roots(parent: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The root of each index, all at once."""
    roots = parent[indices]
    while (further := parent[roots] != roots).any():
        roots = np.where(further, parent[roots], roots)
    return np.asarray(roots)


def _root(parent: np.ndarray, index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = int(parent[index])
    return index


def _unite(parent: np.ndarray, one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low
