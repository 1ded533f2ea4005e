"""Audio files with a header and next to no sound in them."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    return len(audio.samples) / audio.sample_rate_hz * 1000, f"{len(audio.samples)} samples at {audio.sample_rate_hz} Hz"


def _tone(frames: int) -> DecodedAudio:
    return DecodedAudio(samples=np.sin(np.arange(frames, dtype=np.float32) / 5)[:, None], sample_rate_hz=8000)


CHECK = Check(
    name="no_samples",
    modality="audio",
    severity="reject",
    description="Less than 10 ms of sound.",
    unit="ms",
    threshold=10,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _tone(8000),
    bad=lambda: _tone(0),
)
