"""Audio in which nothing stands out of a steady hiss."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio

WINDOW_S = 0.05
SHORTEST_WINDOW_S = 0.015
STEADY_DB = 4.0  # between quiet and loud windows
FEWEST = 8  # windows


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    mono = audio.mono
    window_s = min(WINDOW_S, max(SHORTEST_WINDOW_S, len(mono) / audio.sample_rate_hz / FEWEST))
    window = max(1, int(audio.sample_rate_hz * window_s))
    count = len(mono) // window
    if count < FEWEST:
        return 0.0, "too short to tell"
    power = np.square(mono[: count * window].reshape(count, window) - mono.mean()).mean(axis=1)
    quiet, loud = np.percentile(power, (10, 95))
    swing = float(10 * np.log10(max(loud, 1e-12) / max(quiet, 1e-12)))
    if swing > STEADY_DB or loud < 1e-11:
        return 0.0, f"louder and quieter moments, {swing:.0f} dB apart"
    levels = audio.spectrum_db
    flatness = float(10 ** (levels.mean() / 10) / max((10 ** (levels / 10)).mean(), 1e-20))
    return flatness, f"steady within {swing:.1f} dB, its spectrum {flatness:.0%} as even as that of white noise"


def _sound(tone: float) -> DecodedAudio:
    noise = np.random.default_rng(4).normal(0, 0.02, 16_000)
    wave = tone * np.sin(np.arange(16_000) * 0.3) * (np.arange(16_000) % 8000 < 4000)
    return DecodedAudio(samples=(noise + wave).astype(np.float32)[:, None], sample_rate_hz=16_000)


CHECK = Check(
    name="mostly_noise",
    modality="audio",
    severity="warn",
    description="The level never changes by more than 4 dB, and the spectrum is more than 60 % as even as that of white noise.",
    unit="share",
    threshold=0.6,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _sound(0.3),
    bad=lambda: _sound(0.0),
    penalty=10.0,
)
