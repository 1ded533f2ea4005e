"""Audio without sound."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    if len(audio.samples) == 0:
        return 0.0, "no samples"
    span = float((audio.samples.max(axis=0) - audio.samples.min(axis=0)).max()) / 2
    return span, f"at most {span:.5f} of full scale from the middle"


def _noise(level: float) -> DecodedAudio:
    """Speech-like: two thirds silence, then sound of this level, on a constant offset."""
    samples = np.full((9000, 1), 0.01, np.float32)
    samples[6000:, 0] += np.random.default_rng(1).uniform(-level, level, 3000).astype(np.float32)
    return DecodedAudio(samples=samples, sample_rate_hz=8000)


CHECK = Check(
    name="silent",
    modality="audio",
    severity="reject",
    description="No sample is further than 0.0001 of full scale (-80 dB) from the middle: three steps of 16-bit audio.",
    unit="of full scale",
    threshold=1e-4,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _noise(0.2),
    bad=lambda: _noise(0.0),
)
