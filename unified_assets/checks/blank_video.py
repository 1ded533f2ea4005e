"""Videos that show one tone throughout and have no sound."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedAudio, DecodedVideo

AUDIBLE = 1e-4  # of full scale


def _measure(video: Decoded) -> tuple[float, str]:
    assert isinstance(video, DecodedVideo)
    if video.sound is not None and video.sound.samples.size and float(np.ptp(video.sound.samples)) / 2 >= AUDIBLE:
        return 255.0, "it has sound"
    if video.frames.size == 0:
        return 0.0, "no frame and no sound"
    spans = np.ptp(video.frames.reshape(len(video.frames), -1, video.frames.shape[-1]), axis=1)
    return float(spans.max()), f"{len(video.frames)} frames, the most varied spans {int(spans.max())} levels"


def _clip(span: int, sound: float | None) -> DecodedVideo:
    frames = np.zeros((4, 36, 64, 3), np.uint8)
    frames[:, :18] = span
    audio = None if sound is None else DecodedAudio(samples=np.tile([[sound], [-sound]], (400, 1)).astype(np.float32), sample_rate_hz=8000)
    return DecodedVideo(frames=frames, times_s=np.arange(4.0), fps=1.0, duration_s=4.0, sound=audio)


CHECK = Check(
    name="blank_video",
    modality="video",
    severity="reject",
    description="No frame spans more than 16 of 256 levels, and there is no sound.",
    unit="levels",
    threshold=16,
    fails=float.__le__,
    measure=_measure,
    good=lambda: _clip(0, 0.3),
    bad=lambda: _clip(0, 0.0),
)
