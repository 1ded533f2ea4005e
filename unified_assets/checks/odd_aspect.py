"""Images so narrow that a square crop or a resize destroys them."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    longer, shorter = max(image.original_width, image.original_height), min(image.original_width, image.original_height)
    return longer / max(shorter, 1), f"{image.original_width} x {image.original_height} px"


def _strip(width: int, height: int) -> DecodedImage:
    return DecodedImage(pixels=np.zeros((height, width, 3), np.uint8), original_width=width, original_height=height)


CHECK = Check(
    name="odd_aspect",
    modality="image",
    severity="warn",
    description="One side is more than 8 times the other.",
    unit="times",
    threshold=8,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _strip(160, 90),
    bad=lambda: _strip(1000, 50),
)
