"""Videos whose pictures end long before the clip does: cut short, or undecodable from some point on."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedVideo

SHORTEST_S = 1.0  # of a shorter clip nothing is said


def _measure(video: Decoded) -> tuple[float, str]:
    assert isinstance(video, DecodedVideo)
    if len(video.times_s) == 0 or video.fps <= 0 or video.duration_s < SHORTEST_S:
        return 1.0, "too short to tell, or its length is not known"
    end = float(video.times_s[-1]) + 1 / video.fps
    return min(end / video.duration_s, 1.0), f"pictures up to {end:.1f} s of {video.duration_s:.1f} s"


def _clip(seconds: float) -> DecodedVideo:
    frames = np.random.default_rng(2).integers(0, 256, (4, 36, 64, 3)).astype(np.uint8)
    return DecodedVideo(frames=frames, times_s=np.linspace(0, seconds, 4), fps=10.0, duration_s=8.0)


CHECK = Check(
    name="missing_end",
    modality="video",
    severity="warn",
    description="The pictures cover less than 80 % of the stated length: the rest is missing or cannot be decoded.",
    unit="share",
    threshold=0.8,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _clip(7.9),
    bad=lambda: _clip(3.0),
)
