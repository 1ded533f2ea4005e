"""Audio stored at a higher rate than it was recorded at: nothing at all above a sharp edge in its spectrum."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio

LOWEST_SHARE = 0.15  # of half the sample rate: no edge is looked for below it
STEEP_DB = 20.0  # by which the spectrum falls at the edge
LEFT_OUT = 0.02  # at the top: rounding the samples between the true ones leaves a tone at half the sample rate
GAP = 0.06  # of half the sample rate, width of the edge; under it sound is everywhere, not only in single tones
FLAT_DB = 30.0  # the bands above the edge lie within so much of each other: the floor
HEARD_DB = -50.0  # the bands under the edge against the loudest one
QUIET_DB = -60.0  # and under the loudest band by so much


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    levels = audio.spectrum_db[: -round(LEFT_OUT * len(audio.spectrum_db))]
    if levels.max(initial=-200.0) <= -190 or len(audio.samples) < 2 * len(levels):
        return 1.0, "too short or too quiet to tell"
    bands = len(levels)
    gap = max(2, round(bands * GAP))
    ceiling = np.maximum.accumulate(levels[::-1])[::-1]  # the loudest band from each one on
    edges = np.arange(round(bands * LOWEST_SHARE), bands - 2 * gap)
    sums = np.concatenate(([0.0], np.cumsum(levels)))
    below = (sums[edges] - sums[edges // 2]) / (edges - edges // 2)
    floor = (sums[bands] - sums[edges + gap]) / (bands - edges - gap)
    above, loudest = ceiling[edges + gap], float(levels.max())
    heard = (below >= loudest + HEARD_DB) & (below - above >= STEEP_DB)
    found = np.flatnonzero(heard & (above <= loudest + QUIET_DB) & (above - floor <= FLAT_DB))
    if len(found):
        share = (int(edges[found[0]]) + gap / 2) / bands
        return share, f"nothing above {share * audio.sample_rate_hz / 2:.0f} Hz, of {audio.sample_rate_hz / 2:.0f} Hz"
    return 1.0, f"sound up to {audio.sample_rate_hz / 2:.0f} Hz, or no sharp edge"


def _noise(cut: float) -> DecodedAudio:
    """Noise without what lies above a share of half the sample rate."""
    spectrum = np.fft.rfft(np.random.default_rng(4).normal(0, 0.1, 16_000))
    spectrum[round(len(spectrum) * cut) :] = 0
    return DecodedAudio(samples=np.fft.irfft(spectrum).astype(np.float32)[:, None], sample_rate_hz=16_000)


CHECK = Check(
    name="upsampled",
    modality="audio",
    severity="warn",
    description="The spectrum ends in a sharp edge below 60 % of half the sample rate: recorded at a lower rate.",
    unit="of half the sample rate",
    threshold=0.6,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _noise(1.0),
    bad=lambda: _noise(0.5),
    penalty=10.0,
)
