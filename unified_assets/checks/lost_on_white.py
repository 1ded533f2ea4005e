"""Images whose transparency hides what is on them: white strokes on nothing, say."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    return float(image.hidden_levels), f"over black it spans {image.hidden_levels} levels more than over white, where it is looked at"


def _layered(hidden: int) -> DecodedImage:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[20:40, 20:40] = 255 - min(hidden, 40)
    return DecodedImage(pixels=pixels, original_width=64, original_height=64, hidden_levels=hidden)


CHECK = Check(
    name="lost_on_white",
    modality="image",
    severity="warn",
    description="Laid over white, a transparent image loses more than 80 of 256 levels against black: its content is white on nothing.",
    unit="levels",
    threshold=80,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _layered(0),
    bad=lambda: _layered(200),
)
