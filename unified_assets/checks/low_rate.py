"""Audio stored at a rate that keeps too little of a voice: made so by mistake, or its header names a wrong rate."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    return float(audio.sample_rate_hz), f"{audio.sample_rate_hz} samples in a second: nothing above {audio.sample_rate_hz / 2:.0f} Hz"


def _noise(rate_hz: int) -> DecodedAudio:
    samples = np.random.default_rng(4).normal(0, 0.1, rate_hz).astype(np.float32)
    return DecodedAudio(samples=samples[:, None], sample_rate_hz=rate_hz)


CHECK = Check(
    name="low_rate",
    modality="audio",
    severity="warn",
    description="Fewer than 7,000 samples in a second: less than a telephone line carries.",
    unit="Hz",
    threshold=7000,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _noise(8000),
    bad=lambda: _noise(4000),
    penalty=10.0,
)
