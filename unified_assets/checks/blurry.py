"""Images without fine detail: out of focus, shaken or enlarged.

The measure is that of Crété-Roffet et al. (2007), "The blur effect": blur the image once more and see how much of its
neighbour differences goes away. A sharp image loses most of them, a blurred one hardly any. Contrast does not matter. It is
taken at full, half, a quarter and an eighth of the size, because of a wide blur eight bits leave only steps of one level, and
a JPEG only the edges of its blocks, which look sharp.
"""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage

HALVINGS = 3
SPAN = 9  # pixels of the second blur
LEAST_SIDE = 32  # of a plane that says something with this span
# A smaller image is all edges to a span of 9. A shorter one leaves more of the differences, so the share is brought to one scale.
SHORTER = ((48, 3, 0.77), (128, 5, 0.86))  # (sides below, span, factor)
SMALLEST_SIDE = 20  # below it the measure says nothing
ENOUGH = 64  # rows and columns looked at
FINER = 4  # steps to a level, so that halving loses nothing


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    side = min(image.pixels.shape[:2])
    if side < SMALLEST_SIDE:
        return 0.0, "too small to tell"
    plane = image.luminance.astype(np.int16) * np.int16(FINER)
    left = next((scale * _left(plane, span) for below, span, scale in SHORTER if side < below), None)
    if left is None:
        left = _widely_left(plane)
    return left, f"{left:.0%} of the differences between neighbours outlast a second blur"


def _widely_left(plane: np.ndarray) -> float:
    """The largest share over all sizes of the image."""
    left = _left(plane, SPAN)
    for _ in range(HALVINGS):
        plane = _halved(plane)
        if min(plane.shape) >= LEAST_SIDE:
            left = max(left, _left(plane, SPAN))
    return left


def _left(plane: np.ndarray, span: int) -> float:
    """The larger share of both directions, over rows and columns evenly taken."""
    across, down = plane[:: max(1, plane.shape[0] // ENOUGH)], plane.T[:: max(1, plane.shape[1] // ENOUGH)]
    return max(_left_along(across, span), _left_along(np.ascontiguousarray(down), span))


def _halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    even = plane[: 2 * height, : 2 * width]
    tall = even[0::2] + even[1::2]
    return np.asarray((tall[:, 0::2] + tall[:, 1::2] + np.int16(2)) >> np.int16(2))


def _left_along(plane: np.ndarray, span: int) -> float:
    """Along the rows: neighbours of a mean of `span` pixels differ by what enters it less what leaves it, over `span`."""
    width, middle = plane.shape[1], span // 2 + 1
    sharp = np.abs(plane[:, middle + 1 : middle + width - span] - plane[:, middle : middle + width - span - 1]) * np.int16(span)
    soft = np.abs(plane[:, 1 + span :] - plane[:, : -1 - span])
    total = int(sharp.sum(dtype=np.int64))
    return int(np.minimum(sharp, soft).sum(dtype=np.int64)) / total if total else 0.0


def _squares(width: int) -> DecodedImage:
    """Random squares of 16 px whose edges are `width` px wide ramps."""
    plane = np.kron(np.random.default_rng(3).integers(0, 256, (10, 10)), np.ones((16, 16))).astype(np.float64)
    for axis in (0, 1):
        plane = np.apply_along_axis(lambda row: np.convolve(np.pad(row, width // 2, mode="edge"), np.ones(width) / width, mode="valid"), axis, plane)
    pixels = np.repeat(plane[..., None], 3, axis=2).astype(np.uint8)
    return DecodedImage(pixels=pixels, original_width=pixels.shape[1], original_height=pixels.shape[0])


CHECK = Check(
    name="blurry",
    modality="image",
    severity="warn",
    description="A second blur leaves more than 60 % of the differences between neighbouring pixels: the first had taken the detail already.",
    unit="share",
    threshold=0.6,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _squares(1),
    bad=lambda: _squares(15),
)
