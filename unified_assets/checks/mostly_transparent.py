"""Images of which next to nothing shows, on whatever ground: stickers on a large empty sheet, layers saved by mistake."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    return float(image.transparent_share), f"{image.transparent_share:.1%} of the pixels are transparent"


def _layered(share: float) -> DecodedImage:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[: round(64 * (1 - share))] = np.random.default_rng(1).integers(0, 256, (round(64 * (1 - share)), 64, 3))
    return DecodedImage(pixels=pixels, original_width=64, original_height=64, transparent_share=share)


CHECK = Check(
    name="mostly_transparent",
    modality="image",
    severity="warn",
    description="More than 97 % of the pixels are transparent.",
    unit="share",
    threshold=0.97,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _layered(0.8),
    bad=lambda: _layered(0.99),
)
