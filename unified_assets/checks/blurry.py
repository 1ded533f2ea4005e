"""Images without fine detail: out of focus, shaken or enlarged.

The measure is that of Crété-Roffet et al. (2007), "The blur effect": blur the image once more and see how much of its
neighbour differences goes away. A sharp image loses most of them, a blurred one hardly any. Contrast does not matter. It is
taken at full, half, a quarter and an eighth of the size, because of a wide blur eight bits leave only steps of one level, and a JPEG only
the edges of its blocks, which look sharp.
"""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedImage

HALVINGS = 3
SPAN = 9  # pixels of the second blur
SMALLEST_SIDE = 32  # below it the measure says nothing


def _measure(image: Decoded) -> tuple[float, str]:
    assert isinstance(image, DecodedImage)
    if min(image.pixels.shape[:2]) < SMALLEST_SIDE:
        return 0.0, "too small to tell"
    plane = image.luminance.astype(np.float32)
    left = _left(plane)
    for _ in range(HALVINGS):
        plane = _halved(plane)
        left = max(left, _left(plane))
    return left, f"{left:.0%} of the differences between neighbours outlast a second blur"


def _left(plane: np.ndarray) -> float:
    """The larger share of both directions; 0 where the plane is too small to tell."""
    return max(_left_along(plane, 0), _left_along(plane, 1)) if min(plane.shape) >= SMALLEST_SIDE else 0.0


def _halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    even = plane[: 2 * height, : 2 * width]
    tall = even[0::2] + even[1::2]
    return np.asarray((tall[:, 0::2] + tall[:, 1::2]) / np.float32(4))


def _left_along(plane: np.ndarray, axis: int) -> float:
    """Neighbours of a mean of SPAN pixels differ by what enters it less what leaves it, over SPAN."""
    whole = plane.shape[axis]

    def cut(first: int, last: int) -> np.ndarray:
        return plane[first:last] if axis == 0 else plane[:, first:last]

    middle = SPAN // 2 + 1
    sharp = np.abs(cut(middle + 1, middle + whole - SPAN) - cut(middle, middle + whole - SPAN - 1))
    soft = np.abs(cut(1 + SPAN, whole) - cut(1, whole - SPAN))
    total = float(sharp.sum(dtype=np.float64))
    return float(np.minimum(sharp, soft / np.float32(SPAN)).sum(dtype=np.float64)) / total if total else 0.0


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
    description="A second blur leaves more than 62 % of the differences between neighbouring pixels: the first had taken the detail already.",
    unit="share",
    threshold=0.62,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _squares(1),
    bad=lambda: _squares(15),
)
