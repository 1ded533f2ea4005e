"""Audio recorded too loud: its peaks are cut flat.

A lossy codec makes flat peaks wavy again, but lets them swing beyond full scale when decoded; such samples count as well.
"""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio

LEVEL = 0.5  # quieter peaks are not clipped by a converter
RUN = 3  # samples in a row at the peak; a sine that is not clipped rarely has them
TOLERANCE = 4e-5  # one step of 16-bit audio


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    if len(audio.samples) < RUN:
        return 0.0, "too short to tell"
    shares = [_flat(audio.samples[:, channel]) for channel in range(audio.samples.shape[1])]
    return max(shares), f"{max(shares):.2%} of the samples lie in flat peaks or beyond full scale"


def _flat(samples: np.ndarray) -> float:
    """Share of the samples beyond full scale, or in runs of RUN or more that touch the highest or the lowest value."""
    total = 0
    for wave in (samples, -samples):
        peak = float(wave.max())
        if peak > 1.0:
            total += int((wave > 1.0).sum())
        elif peak >= LEVEL:
            edges = np.flatnonzero(np.diff(np.concatenate(([False], wave >= peak - TOLERANCE, [False]))))
            lengths = edges[1::2] - edges[::2]
            total += int(lengths[lengths >= RUN].sum())
    return total / len(samples)


def _tone(gain: float) -> DecodedAudio:
    wave = np.sin(np.arange(16000) * (2 * np.pi * 440 / 16000)) * np.linspace(0.2, 1, 16000)
    return DecodedAudio(samples=np.clip(wave * gain, -1, 1).astype(np.float32)[:, None], sample_rate_hz=16000)


CHECK = Check(
    name="clipped",
    modality="audio",
    severity="warn",
    description="More than 0.5 % of the samples lie in flat peaks of three or more samples, or beyond full scale.",
    unit="share",
    threshold=0.005,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _tone(0.9),
    bad=lambda: _tone(4.0),
)
