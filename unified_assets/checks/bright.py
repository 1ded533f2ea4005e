"""Over-exposed images."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    if image.pixels.size == 0:
        return 0.0, "no pixels"
    dark = float(image.level_at(0.005))
    return dark, f"99.5 % of the pixels are at least {dark:.0f} of 255"


def _paper(ink: int) -> DecodedImage:
    """Strokes on white over a fiftieth of the area: white paper alone is no fault."""
    pixels = np.full((100, 100, 3), 255, np.uint8)
    pixels[20:60:10, 20:70] = ink
    return DecodedImage(pixels=pixels, original_width=100, original_height=100)


CHECK = Check(
    name="bright",
    modality="image",
    severity="warn",
    description="The darkest two-hundredth of the pixels ends above 190 of 255: burnt out, with no ink or shadow.",
    unit="of 255",
    threshold=190,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _paper(20),
    bad=lambda: _paper(225),
)
