"""Audio too short to hold a sound event."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    seconds = len(audio.samples) / audio.sample_rate_hz
    return seconds, f"{seconds:.3f} s"


def _tone(frames: int) -> DecodedAudio:
    return DecodedAudio(samples=np.sin(np.arange(frames, dtype=np.float32) / 5)[:, None], sample_rate_hz=8000)


CHECK = Check(
    name="too_short",
    modality="audio",
    severity="warn",
    description="Less than 0.1 s; a short spoken digit lasts 0.15 s and more.",
    unit="s",
    threshold=0.1,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _tone(1600),
    bad=lambda: _tone(400),
)
