"""Videos without sound among others that have it."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio, DecodedVideo


def _measure(video: Decoded) -> tuple[float, str]:
    assert isinstance(video, DecodedVideo)
    if video.sound is None or not video.sound.samples.size:
        return 0.0, "no sound track"
    swing = float(np.ptp(video.sound.samples)) / 2
    return swing, f"sound of up to {swing:.4f} of full scale"


def _clip(level: float) -> DecodedVideo:
    wave = np.tile([[level], [-level]], (400, 1)).astype(np.float32)
    frames = np.zeros((2, 36, 64, 3), np.uint8)
    frames[1] = 200
    return DecodedVideo(frames=frames, times_s=np.arange(2.0), fps=1.0, duration_s=2.0, sound=DecodedAudio(samples=wave, sample_rate_hz=8000))


CHECK = Check(
    name="no_sound",
    modality="video",
    severity="warn",
    description="No sound track, or a silent one, where at least four fifths of the videos of the folder have sound.",
    unit="of full scale",
    threshold=1e-4,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _clip(0.2),
    bad=lambda: _clip(0.0),
    penalty=10.0,
    peculiar=True,
)
