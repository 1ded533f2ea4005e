"""Bytes of an embedded picture in; RGB pixels of bounded size, or None, out. By how much a picture is made smaller to be judged."""

import io
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image

MAX_PICTURES = 12
MIN_SIDE = 32
MAX_SIDE = 1024
MAX_PIXELS = 40_000_000
JUDGED_SIDE = 256  # a picture is judged at 256 to 511 pixels of its longer side, the size at which networks look at it …
NARROWEST = 32  # … and with at least so many of its shorter one
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def embedded_picture(data: bytes) -> np.ndarray | None:
    """(height, width, 3) uint8, longest side at most 1024; None for vector formats, broken, tiny and huge pictures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]) as image:
                if min(image.size) < MIN_SIDE or image.width * image.height > MAX_PIXELS:
                    return None
                image.draft("RGB", (MAX_SIDE, MAX_SIDE))
                return rgb(image)
        except (OSError, SyntaxError, ValueError, EOFError, OverflowError, KeyError, TypeError, Image.DecompressionBombError):
            return None


def reduction(width: int, height: int) -> int:
    """The whole factor by which a picture is made smaller before it is judged."""
    return max(1, min(max(width, height) // JUDGED_SIDE, min(width, height) // NARROWEST))


def averaged(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Means of factor x factor pixels. pixels: (height, width, 3) uint8."""
    return pixels if factor < 2 else np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(factor))


def middle(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most JUDGED_SIDE square."""
    top, left = (max(0, side - JUDGED_SIDE) // 2 for side in pixels.shape[:2])
    return pixels[top : top + JUDGED_SIDE, left : left + JUDGED_SIDE].copy()


def rgb(image: Image.Image) -> np.ndarray:
    """(height, width, 3) uint8, transparency over white, longest side at most 1024."""
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    layered = image.convert("RGBA")
    canvas = Image.new("RGB", layered.size, "white")
    canvas.paste(layered, mask=layered.getchannel("A"))
    return np.asarray(canvas)


def carved_pictures(data: bytes) -> Iterator[np.ndarray]:
    """Pictures that lie whole in a stream of a legacy Office file (PNG and JPEG keep their own bytes there)."""
    at = 0
    for _ in range(4 * MAX_PICTURES):
        starts = [start for start in (data.find(_PNG, at), data.find(_JPEG, at)) if start >= 0]
        if not starts:
            return
        at = min(starts)
        picture = embedded_picture(data[at:])
        if picture is not None:
            yield picture
        at += 8
