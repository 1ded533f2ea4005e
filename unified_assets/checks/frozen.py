"""Videos in which nothing moves."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedVideo


def _measure(video: Decoded) -> tuple[float, str]:
    assert isinstance(video, DecodedVideo)
    if len(video.frames) < 2:
        return 0.0, f"{len(video.frames)} frame"
    most = int(np.abs(np.diff(video.frames.astype(np.int16), axis=0)).max(initial=0))
    return float(most), f"among {len(video.frames)} frames no pixel changes by more than {most} levels from one to the next"


def _clip(step: int) -> DecodedVideo:
    frames = np.zeros((4, 36, 64, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[10:20, 4 + step * index : 14 + step * index] = 200
    return DecodedVideo(frames=frames, times_s=np.arange(4.0), fps=1.0, duration_s=4.0)


CHECK = Check(
    name="frozen",
    modality="video",
    severity="warn",
    description="From frame to frame, spread over the clip, no pixel changes by more than 20 of 255 levels: one picture and a codec's noise.",
    unit="levels",
    threshold=20,
    fails=float.__le__,
    measure=_measure,
    good=lambda: _clip(8),
    bad=lambda: _clip(0),
)
