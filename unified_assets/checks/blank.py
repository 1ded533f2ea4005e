"""Images that show one tone and nothing else."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    if image.pixels.size == 0:
        return 0.0, "no pixels"
    rows = image.pixels.reshape(len(image.pixels), -1)
    lowest, highest = rows.min(axis=0).reshape(-1, 3).min(axis=0), rows.max(axis=0).reshape(-1, 3).max(axis=0)
    return float((highest.astype(np.int16) - lowest).max()), f"all pixels between {lowest.tolist()} and {highest.tolist()}"


def _ramp(span: int) -> DecodedImage:
    pixels = np.broadcast_to(np.linspace(100, 100 + span, 64).astype(np.uint8)[:, None], (64, 64, 3))
    return DecodedImage(pixels=pixels, original_width=64, original_height=64)


CHECK = Check(
    name="blank",
    modality="image",
    severity="reject",
    description="No colour channel spans more than 8 of its 256 levels: one tone, with at most a codec's noise.",
    unit="levels",
    threshold=8,
    fails=float.__le__,
    measure=_measure,
    good=lambda: _ramp(60),
    bad=lambda: _ramp(0),
)
