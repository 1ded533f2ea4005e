"""Pixels in; a 64-bit perceptual hash and a small signature out. Hashes and signatures in; groups of near duplicates out.

Candidates come from hashes that differ in at most 8 of 64 bits, found without comparing all pairs: with 9 bands, two such
hashes agree in at least one. A candidate counts only if the signatures agree as well, in colour and in luminance: either no
cell of 16 x 16 differs by more than 0.6 standard deviations (rescaled, recompressed, brightened), or, where both pictures are
full of detail, the correlation is high (cropped a little). On sparse pictures (digits, line drawings, symbols on plain
ground) different pictures correlate above 0.97, so correlation alone says nothing there.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

SIDE = 32  # of the luminance plane in a signature
CHROMA_SIDE = 8  # of its two colour planes
MOST_BITS = 8
BANDS = ((0, 7), (7, 7), (14, 7), (21, 7), (28, 7), (35, 7), (42, 7), (49, 7), (56, 8))  # (first bit, bits)
LIMIT = 2_000  # a hash is compared with at most this many neighbours of its bucket, in hash order
MOST_DEVIATION = 0.6  # of a cell at 16 x 16, in standard deviations of the picture; different pictures measured 0.74 and more
COARSE, FINE = 0.95, 0.9  # least correlation at 16 x 16 and 32 x 32, where both pictures are full of detail
GROUND_SHARE, GROUND_LEVELS = 0.35, 6  # full of detail: less than this share of the cells lies so close to the commonest level
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
    colour = np.abs(left[:, area:].astype(np.int16) - right[:, area:]).mean(axis=1)
    one, other = (marks[:, :area].reshape(-1, SIDE, SIDE).astype(np.float32) for marks in (left, right))
    fine, coarse = (_standardised(one), _standardised(other)), (_standardised(_halved(one)), _standardised(_halved(other)))
    same = np.abs(coarse[0] - coarse[1]).max(axis=1) <= MOST_DEVIATION
    similar = ((coarse[0] * coarse[1]).mean(axis=1) >= COARSE) & ((fine[0] * fine[1]).mean(axis=1) >= FINE)
    return np.asarray((colour <= MOST_COLOUR) & (same | (similar & _detailed(left[:, :area]) & _detailed(right[:, :area]))))


def _detailed(planes: np.ndarray) -> np.ndarray:
    """(n,) bool: pictures without a plain ground. planes: (n, cells) uint8."""
    histograms = np.stack([np.bincount(plane, minlength=256) for plane in planes]) if len(planes) else np.zeros((0, 256), np.int64)
    sums = np.cumsum(np.pad(histograms, ((0, 0), (GROUND_LEVELS + 1, GROUND_LEVELS))), axis=1)
    near_level = sums[:, 2 * GROUND_LEVELS + 1 :] - sums[:, : -(2 * GROUND_LEVELS + 1)]  # (n, 256): cells within GROUND_LEVELS of each level
    return np.asarray(near_level.max(axis=1, initial=0) < GROUND_SHARE * planes.shape[1])


def _halved(planes: np.ndarray) -> np.ndarray:
    return np.asarray(planes.reshape(len(planes), SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4)))


def _standardised(planes: np.ndarray) -> np.ndarray:
    """(n, cells): mean 0, standard deviation 1; a plain picture becomes zeros."""
    flat = planes.reshape(len(planes), -1)
    flat = flat - flat.mean(axis=1)[:, None]
    return np.asarray(flat / np.maximum(flat.std(axis=1)[:, None], 1.0))


def _root(parent: np.ndarray, index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = int(parent[index])
    return index


def _unite(parent: np.ndarray, one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low
