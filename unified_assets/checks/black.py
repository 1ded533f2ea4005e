"""Videos that stay dark."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedVideo


def _measure(video: Decoded) -> tuple[float, str]:
    assert isinstance(video, DecodedVideo)
    if video.frames.size == 0:
        return 0.0, "no frame"
    bright = [float(np.percentile(frame.max(axis=2), 99)) for frame in video.frames]
    return max(bright), f"in the brightest of {len(bright)} frames, 99 % of the pixels are at most {max(bright):.0f} of 255"


def _clip(level: int) -> DecodedVideo:
    frames = np.zeros((4, 36, 64, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[10:20, 4 + 8 * index : 14 + 8 * index] = level
    return DecodedVideo(frames=frames, times_s=np.arange(4.0), fps=1.0, duration_s=4.0)


CHECK = Check(
    name="black",
    modality="video",
    severity="warn",
    description="In no frame does the brightest hundredth of the pixels reach 40 of 255.",
    unit="of 255",
    threshold=40,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _clip(200),
    bad=lambda: _clip(16),
)
