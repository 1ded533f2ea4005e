"""Images smaller than what networks usually see."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    return float(min(image.original_width, image.original_height)), f"{image.original_width} x {image.original_height} px"


def _blank(side: int) -> DecodedImage:
    return DecodedImage(pixels=np.zeros((side, side, 3), np.uint8), original_width=side, original_height=side)


CHECK = Check(
    name="too_small",
    modality="image",
    severity="warn",
    description="The shorter side has less than 32 pixels. Not counted in a folder most of whose images are that small: they were made so.",
    unit="px",
    threshold=32,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _blank(64),
    bad=lambda: _blank(20),
    penalty=10.0,
    habitual=True,
)
