"""Pixels in; a small signature out. Signatures in; groups of near duplicates out, without comparing all pairs.

`candidates` names the pairs. A pair counts only if colour and luminance agree as well once one plane is laid onto the other
(`alignment`): of the cells of 16 x 16 all but three may differ by at most 0.5 standard deviations, and all together by 0.13.
A copy made brighter loses its highlights to white, so a pair that fails is compared once more by its darker cells alone.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from unified_assets.quality.alignment import aligned, blurred, darker, halved, standardised
from unified_assets.quality.candidates import MIDDLES, Middle, pairs

SIDE = 32  # of the luminance plane in a signature
CHROMA_SIDE = 8  # of its two colour planes
SIGNATURE_BYTES = SIDE * SIDE + 2 * CHROMA_SIDE * CHROMA_SIDE
MOST_DEVIATION = 0.5  # of a cell at 16 x 16, in standard deviations of the picture …
EXCEPTIONS = 3  # … but for so many cells
MOST_REST = 0.13  # root mean square of all cells, likewise
HOPELESS = 2.5  # times as much left after the first try
LEAST_CORRELATION = 0.75  # before aligning; below it nothing is tried
MOST_COLOUR = 12.0  # levels the colour planes may differ on average
_CHUNK = 2_000


def signature(pixels: np.ndarray) -> bytes:
    """1,152 bytes: 32 x 32 luminance, then 8 x 8 of two colour differences. pixels: (height, width, 3) uint8.

    A small picture is enlarged smoothly, so that its steps do not look like content.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if min(image.size) >= 6 * SIDE:
        image = image.reduce(min(image.size) // (3 * SIDE))
    luminance, *colours = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert("YCbCr").split()
    blue, red = (colour.resize((CHROMA_SIDE, CHROMA_SIDE), Image.Resampling.BOX) for colour in colours)
    return luminance.tobytes() + blue.tobytes() + red.tobytes()


def near_duplicates(signatures: Sequence[bytes], middles: Sequence[Middle] = MIDDLES) -> list[list[int]]:
    """Groups of two or more indices, each group and the list of groups in ascending order."""
    if len(signatures) < 2:
        return []
    marks = np.frombuffer(b"".join(signatures), np.uint8).reshape(len(signatures), -1)
    parent = np.arange(len(marks))
    left, right = pairs(marks[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE), middles)
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
    for change in (np.asarray, darker):
        found, far = _same(change(one[hopeful]), change(other[hopeful]))
        same[hopeful[found]] = True
        hopeful = hopeful[~found & ~far]
    return same


def _same(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool: whether either plane fits the other, as it is or blurred, for the second may have lost detail by being made smaller.

    And (n,) bool: whether the first try says that no other is worth its time.
    """
    same, far = np.zeros(len(one), bool), np.zeros(len(one), bool)
    for soften in (False, True):
        for number, (left, right) in enumerate(((one, other), (other, one))):
            tried = np.flatnonzero(~same & ~far)
            rest = _rest(blurred(left[tried]) if soften else left[tried], right[tried])
            same[tried] = rest <= 1
            if not soften and not number:
                far[tried] = rest > HOPELESS
    return same, far


def _rest(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) what is left of the difference once the left planes lie on the right ones; up to 1 it is next to nothing."""
    if not len(left):
        return np.zeros(0)
    rest = np.abs(standardised(halved(aligned(left, right))) - standardised(halved(standardised(right)))).reshape(len(left), -1)
    worst = np.partition(rest, -EXCEPTIONS - 1, axis=1)[:, -EXCEPTIONS - 1]
    return np.asarray(np.maximum(worst / MOST_DEVIATION, np.sqrt(np.square(rest).mean(axis=1)) / MOST_REST))


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
