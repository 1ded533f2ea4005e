"""Under-exposed images."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    if image.pixels.size == 0:
        return 255.0, "no pixels"
    bright = float(image.level_at(0.99))
    return bright, f"99 % of the pixels are at most {bright:.0f} of 255"


def _digit(level: int) -> DecodedImage:
    """A stroke on black over a tenth of the area: dark ground alone is no fault."""
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[10:50, 26:35] = level
    return DecodedImage(pixels=pixels, original_width=60, original_height=60)


CHECK = Check(
    name="dark",
    modality="image",
    severity="warn",
    description="The brightest hundredth of the pixels begins below 64 of 255, so nothing in the picture is lit.",
    unit="of 255",
    threshold=64,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _digit(255),
    bad=lambda: _digit(30),
)
