"""Small planes in; pairs worth comparing out, in time that grows with their number and not with its square.

The signs of a plane's lowest cosine coefficients against their median are its perceptual hash (63 bits). Each of BANDS bands
takes BITS of them, evenly over the frequencies, as the number of a bucket, and a plane also lies in the buckets that its
weakest bits, those nearest to the median, would lead to: a copy flips those first (query-directed probing, Lv et al. 2007).
Planes that share a bucket are a pair where their hashes differ in at most MOST_BITS bits. Each plane has several hashes: of the
whole, of its middle, so that a copy cut at its edges meets its original, and of its darker cells, which a copy that lost its
highlights to white has kept.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from unified_assets.quality.alignment import darker, moved

Middle = tuple[float, float]  # shares of the width and of the height that a hash leaves out
MIDDLES: tuple[Middle, ...] = ((0.0, 0.0), (0.03, 0.03), (0.06, 0.06))
BANDS, BITS, WEAK = 4, 15, 2
MOST_BITS = 12
LIMIT = 64  # a plane meets at most so many neighbours of its bucket, in the order of their hashes
_CHUNK = 2_000
_BATCHES = 64
_LOWEST = sorted(range(1, 64), key=lambda place: (place // 8 + place % 8, max(place // 8, place % 8), place))  # of 8 x 8, without the constant


def coefficients(planes: np.ndarray, middle: Middle = (0.0, 0.0), *, dark: bool = False) -> np.ndarray:
    """(n, 63) float32, lowest frequencies first, less their median: of the middle of planes, or of their darker cells. planes: (n, side, side)."""
    side = planes.shape[-1]
    basis = np.cos(np.pi * (2 * np.arange(side)[None, :] + 1) * np.arange(8)[:, None] / (2 * side)).astype(np.float32)  # (8, side)
    found = []
    for start in range(0, len(planes), _CHUNK):
        part = planes[start : start + _CHUNK].astype(np.float32)
        if dark:
            part = darker(part)
        if any(middle):
            part = moved(part, np.tile(np.array([[0, -middle[0], 0, -middle[1]]], np.float32), (len(part), 1)))
        spectrum = (basis @ part @ basis.T).reshape(len(part), 64)[:, _LOWEST]
        found.append(spectrum - np.median(spectrum, axis=1, keepdims=True))
    return np.concatenate(found) if found else np.zeros((0, 63), np.float32)


def hashes(spectra: np.ndarray) -> np.ndarray:
    """(n,) uint64: the signs, the lowest frequency in the highest bit. spectra: (n, 63)."""
    bits = np.zeros((len(spectra), 64), bool)
    bits[:, :63] = spectra > 0
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(">u8")[:, 0].astype(np.uint64)


def buckets(spectra: np.ndarray, band: int) -> np.ndarray:
    """(n, 2 ** WEAK) int32: the numbers of the buckets of each plane in one band. spectra: (n, 63)."""
    part = spectra[:, band::BANDS][:, :BITS]
    numbers = (part > 0) @ (1 << np.arange(BITS))
    weakest = np.argpartition(np.abs(part), WEAK, axis=1)[:, :WEAK]
    flips = np.zeros((len(spectra), 1), np.int64)
    for column in range(WEAK):
        flips = np.concatenate([flips, flips | (1 << weakest[:, column, None])], axis=1)
    return np.asarray(numbers[:, None] ^ flips, np.int32)


def pairs(planes: np.ndarray, middles: Sequence[Middle] = MIDDLES) -> tuple[np.ndarray, np.ndarray]:
    """Indices of planes that may show the same, each pair once, the lower index first. planes: (n, side, side)."""
    spectra = [*(coefficients(planes, middle) for middle in middles), coefficients(planes, dark=True)]
    marks = np.stack([hashes(part) for part in spectra], axis=1)  # (n, middles and one)
    keys = np.zeros(0, np.int64)
    waiting: list[np.ndarray] = []
    for left, right in _meetings(spectra, marks[:, 0]):
        close = _distance(marks[left], marks[right]) <= MOST_BITS
        one, other = left[close].astype(np.int64), right[close].astype(np.int64)
        waiting.append(np.minimum(one, other) * len(planes) + np.maximum(one, other))
        if len(waiting) == _BATCHES:
            keys, waiting = np.unique(np.concatenate([keys, *waiting])), []
    keys = np.unique(np.concatenate([keys, *waiting]))
    return keys // max(len(planes), 1), keys % max(len(planes), 1)


def _meetings(spectra: list[np.ndarray], order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of different planes in one bucket, a batch for each band and distance in the bucket; some come several times."""
    for band in range(BANDS):
        numbers = np.concatenate([buckets(part, band) for part in spectra], axis=1)
        owners = np.repeat(np.arange(len(numbers)), numbers.shape[1])
        sequence = np.lexsort((owners, order[owners], numbers.ravel()))
        sorted_numbers, sorted_owners = numbers.ravel()[sequence], owners[sequence]
        first = np.ones(len(sequence), bool)
        first[1:] = (sorted_numbers[1:] != sorted_numbers[:-1]) | (sorted_owners[1:] != sorted_owners[:-1])
        sorted_numbers, sorted_owners = sorted_numbers[first], sorted_owners[first]
        places = np.arange(len(sorted_numbers))
        for offset in range(1, LIMIT + 1):
            places = places[places + offset < len(sorted_numbers)]
            places = places[sorted_numbers[places] == sorted_numbers[places + offset]]
            if not len(places):
                break
            yield sorted_owners[places], sorted_owners[places + offset]


def _distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) the fewest bits by which a hash of the one differs from a hash of the other. left, right: (n, hashes) uint64."""
    least = np.full(len(left), 64, np.uint8)
    for one in range(left.shape[1]):
        for other in range(right.shape[1]):
            np.minimum(least, np.bitwise_count(left[:, one] ^ right[:, other]), out=least)
    return least
