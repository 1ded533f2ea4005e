"""Audio whose loudest moment is close to the noise floor."""

import math

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio

WINDOW_S = 0.05


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    window = max(1, int(audio.sample_rate_hz * WINDOW_S))
    mono = audio.mono
    usable = mono[: len(mono) // window * window] if len(mono) >= window else mono
    if len(usable) == 0:
        return -120.0, "no samples"
    blocks = (usable - usable.mean()).reshape(-1, min(window, len(usable)))
    loudest = float(np.square(blocks).mean(axis=1).max())
    level = 10 * math.log10(max(loudest, 1e-12))
    return level, f"loudest 50 ms at {level:.0f} dB of full scale"


def _noise(level: float) -> DecodedAudio:
    samples = np.zeros((8000, 1), np.float32)
    samples[6000:, 0] = np.random.default_rng(1).uniform(-level, level, 2000).astype(np.float32)
    return DecodedAudio(samples=samples, sample_rate_hz=8000)


CHECK = Check(
    name="quiet",
    modality="audio",
    severity="warn",
    description="The loudest 50 ms stay below -50 dB of full scale.",
    unit="dB",
    threshold=-50,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _noise(0.05),
    bad=lambda: _noise(0.001),
)
