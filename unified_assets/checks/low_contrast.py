"""Washed-out images: something is there, within few levels."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    if image.pixels.size == 0:
        return 255.0, "no pixels"
    low, high = image.level_at(0.002), image.level_at(0.998)
    return float(high - low), f"luminance from {low} to {high}"


def _ramp(span: int) -> DecodedImage:
    pixels = np.broadcast_to(np.linspace(100, 100 + span, 64).astype(np.uint8)[:, None], (64, 64, 3))
    return DecodedImage(pixels=pixels, original_width=64, original_height=64)


CHECK = Check(
    name="low_contrast",
    modality="image",
    severity="warn",
    description="All but 0.4 % of the pixels lie within 44 of 256 levels of luminance.",
    unit="levels",
    threshold=44,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _ramp(120),
    bad=lambda: _ramp(15),
)
