"""Images whose lower part is missing: what a lenient decoder, or a broken download that was saved again, leaves as one flat grey."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage

FILL = 128  # what libjpeg's decoder shows for blocks it did not get
TOLERANCE = 2


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    rows = len(image.pixels)
    if image.pixels.size == 0:
        return 0.0, "no pixels"
    missing = 0
    while missing < rows and _is_missing(image.pixels[rows - 1 - missing]):
        missing += 1
    return missing / rows, f"the last {missing} of {rows} rows are the grey of missing data"


def _is_missing(row: np.ndarray) -> bool:
    return int(row.min()) >= FILL - TOLERANCE and int(row.max()) <= FILL + TOLERANCE


def _cut(at: int) -> DecodedImage:
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    pixels[at:] = FILL
    return DecodedImage(pixels=pixels, original_width=64, original_height=64)


CHECK = Check(
    name="truncated",
    modality="image",
    severity="warn",
    description="More than 3 % of the rows, at the bottom, are the flat grey of missing data.",
    unit="share",
    threshold=0.03,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _cut(64),
    bad=lambda: _cut(40),
)
