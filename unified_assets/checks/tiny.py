"""Images with too few pixels to show anything."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    return float(min(image.original_width, image.original_height)), f"{image.original_width} x {image.original_height} px"


def _blank(side: int) -> DecodedImage:
    return DecodedImage(pixels=np.zeros((side, side, 3), np.uint8), original_width=side, original_height=side)


CHECK = Check(
    name="tiny",
    modality="image",
    severity="reject",
    description="The shorter side has less than 8 pixels: icons, spacers and tracking pixels.",
    unit="px",
    threshold=8,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _blank(28),
    bad=lambda: _blank(2),
)
