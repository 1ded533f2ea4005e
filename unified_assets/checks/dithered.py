"""Images saved with too small a palette: few tones, mixed by dots."""

from dataclasses import replace

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage

MOST_TONES = 16
SMALLEST_SIDE = 32


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    sample = image if image.detail is None else replace(image, pixels=image.detail, detail=None)  # averaging takes the dots away
    plane = sample.luminance
    if min(plane.shape) < SMALLEST_SIDE:
        return 0.0, "too small to tell"
    tones = int((sample.tones > plane.size // 20_000).sum())
    if tones > MOST_TONES:
        return 0.0, "many tones"
    changing = float((plane[:, 1:] != plane[:, :-1]).mean())
    return changing, f"{tones} tones, which change between {changing:.0%} of the neighbours"


def _dots(*, regular: bool) -> DecodedImage:
    plane = np.linspace(0, 1, 96)[None, :] + np.zeros((96, 1))
    noise = np.full((96, 96), 0.5) if regular else np.random.default_rng(2).random((96, 96))
    pixels = np.repeat(np.where(plane > noise, 255, 0).astype(np.uint8)[:, :, None], 3, axis=2)
    return DecodedImage(pixels=pixels, original_width=96, original_height=96)


CHECK = Check(
    name="dithered",
    modality="image",
    severity="warn",
    description="At most 16 tones, which change between more than 25 % of the neighbouring pixels: a palette too small for the picture.",
    unit="share",
    threshold=0.25,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _dots(regular=True),
    bad=lambda: _dots(regular=False),
    penalty=10.0,
)
