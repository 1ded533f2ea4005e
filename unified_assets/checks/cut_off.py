"""Audio whose end is missing: fewer samples than the header promises, or sound that breaks off into nothing."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio

LOUD = 0.1  # of the level of the whole, in the 20 ms before the break
BEFORE_S = 0.02


def _measure(audio: Decoded) -> tuple[float, str]:
    assert isinstance(audio, DecodedAudio)
    if audio.missing_share > 0:
        return audio.missing_share, f"{audio.missing_share:.0%} of the samples that the header promises are missing"
    sounding = np.flatnonzero(np.abs(audio.samples).max(axis=1, initial=0.0)) if audio.samples.size else np.zeros(0, np.intp)
    if len(sounding) == 0:
        return 0.0, "no sound"
    end = int(sounding[-1]) + 1
    before = audio.samples[max(0, end - int(BEFORE_S * audio.sample_rate_hz)) : end]
    level, whole = float(np.square(before).mean()) ** 0.5, float(np.square(audio.samples[:end]).mean()) ** 0.5
    share = 1 - end / len(audio.samples)
    if level < LOUD * whole:
        return 0.0, "it dies away"
    return share, f"the last {share:.0%} are digital silence, after sound that does not die away"


def _tone(end: int) -> DecodedAudio:
    samples = (0.3 * np.sin(np.arange(8000) * 0.3)).astype(np.float32)
    samples[end:] = 0
    return DecodedAudio(samples=samples[:, None], sample_rate_hz=8000)


CHECK = Check(
    name="cut_off",
    modality="audio",
    severity="warn",
    description="More than 25 % at the end are missing, or digital silence after a sound that breaks off.",
    unit="share",
    threshold=0.25,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _tone(8000),
    bad=lambda: _tone(5000),
)
