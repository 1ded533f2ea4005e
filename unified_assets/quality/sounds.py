"""A sound in; a fingerprint out. Fingerprints in; groups of the same recording out, whatever its level, rate and codec.

The fingerprint is a small picture of the sound: its level in decibels in SIDE steps of time and SIDE bands of frequency up to
TOP_HZ, standardised, and its duration. It is grouped as pictures are.
"""

from collections.abc import Sequence

import numpy as np

from unified_assets.core.media import DecodedAudio
from unified_assets.quality import similarity

TOP_HZ, BOTTOM_HZ = 3_600.0, 60.0  # what every usual rate and codec keeps
RANGE_DB = 45.0  # below the loudest cell everything is floor: eight bits and lossy codecs leave no more of a quiet recording
FRAME_S = 0.032
MIDDLES = ((0.0, 0.0), (0.0, 0.03), (0.0, 0.06))  # of the frequencies nothing is cut, of the time something
SHORTEST_S = 0.25
FEWEST_FRAMES, MOST_FRAMES = 2, 8  # of a step of time
LENGTH_LEVELS = 15.0  # of a doubled duration: 10 levels apart are different recordings


def signature(audio: DecodedAudio) -> bytes | None:
    """Laid out as the signature of a picture; None for a sound too short, too flat or of too low a rate to tell."""
    window = int(audio.sample_rate_hz * FRAME_S)
    mono = audio.mono
    if len(mono) < audio.sample_rate_hz * SHORTEST_S or audio.sample_rate_hz < 2 * TOP_HZ or window < similarity.SIDE:
        return None
    per_step = min(MOST_FRAMES, max(FEWEST_FRAMES, round(2 * len(mono) / window / similarity.SIDE)))  # the same in each step of time
    starts = np.linspace(0, len(mono) - window, per_step * similarity.SIDE).astype(np.intp)
    frames = mono[starts[:, None] + np.arange(window)[None, :]] * np.hanning(window).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    edges = np.geomspace(BOTTOM_HZ, TOP_HZ, similarity.SIDE + 1) * window / audio.sample_rate_hz
    bins = np.maximum(np.round(edges).astype(np.intp), 0)
    sums = np.cumsum(np.pad(power, ((0, 0), (1, 0))), axis=1)
    upper = np.maximum(bins[1:], bins[:-1] + 1)
    bands = (sums[:, upper] - sums[:, bins[:-1]]) / (upper - bins[:-1])
    cells = np.stack([part.mean(axis=0) for part in np.array_split(bands, similarity.SIDE)])  # (time, frequency)
    loudest = float(cells.max())
    if loudest <= 0:
        return None
    levels = np.clip(10 * np.log10(np.maximum(cells / loudest, 1e-12)), -RANGE_DB, 0)
    plane: np.ndarray = np.round((levels + RANGE_DB) * (255 / RANGE_DB)).astype(np.uint8)
    length = int(np.clip(LENGTH_LEVELS * np.log2(1000 * len(mono) / audio.sample_rate_hz), 0, 255))
    mark: bytes = plane.tobytes()
    return mark + bytes([length]) * (similarity.SIGNATURE_BYTES - plane.size)


def near_duplicates(signatures: Sequence[bytes]) -> list[list[int]]:
    """Groups of two or more indices, each group and the list of groups in ascending order."""
    return similarity.near_duplicates(signatures, MIDDLES)
