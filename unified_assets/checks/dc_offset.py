"""Audio that swings around a constant other than zero: a fault of the recording chain."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    if len(audio.samples) == 0:
        return 0.0, "no samples"
    means = audio.samples.mean(axis=0, dtype=np.float64)
    worst = float(means[np.argmax(np.abs(means))])
    return abs(worst), f"mean {worst:+.3f} of full scale"


def _tone(offset: float) -> DecodedAudio:
    wave = 0.3 * np.sin(np.arange(8000) * 0.3) + offset
    return DecodedAudio(samples=wave.astype(np.float32)[:, None], sample_rate_hz=8000)


CHECK = Check(
    name="dc_offset",
    modality="audio",
    severity="warn",
    description="The mean of a channel is more than 0.03 of full scale away from zero.",
    unit="of full scale",
    threshold=0.03,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _tone(0.0),
    bad=lambda: _tone(0.3),
    penalty=10.0,
)
