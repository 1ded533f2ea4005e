"""Pictures: an image file in; its size, or upright RGB pixels out."""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin, features

from unified_assets.core.contracts import Modality
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedImage
from unified_assets.formats.pictures import averaged, middle, reduction

MAX_PIXELS = 40_000_000  # decoded; a JPEG above it is decoded at a fraction of its size
MAX_DRAFT_PIXELS = 178_000_000  # Pillow itself refuses to open more
_ALWAYS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/bmp": "BMP", "image/tiff": "TIFF"}
# Pillow's wheels bring both. HEIC has no decoder here: its codec (HEVC) comes in no permissive wheel that the project depends on.
_BUILT_IN = {"image/webp": ("WEBP", "webp"), "image/avif": ("AVIF", "avif")}
_FORMATS = {**_ALWAYS, **{media_type: name for media_type, (name, feature) in _BUILT_IN.items() if features.check(feature)}}
_REGISTERED = (TiffImagePlugin, WebPImagePlugin)  # by being imported; else Pillow imports all forty plug-ins at the first file of theirs
_EXTENSIONS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "avif": "image/avif",
}


def probe(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """Width and height as stored."""
    with _opened(stream, media_type) as image:
        return {"width": image.width, "height": image.height}


def decode(stream: BinaryIO, media_type: str) -> DecodedImage:
    """All pixels of the first frame, EXIF orientation applied, transparency laid over white."""
    return _decoded(stream, media_type, lambda _width, _height: 1)


def glance(stream: BinaryIO, media_type: str) -> DecodedImage:
    """The first frame at the size at which pictures are judged. Of a JPEG all bytes are read, but only so many pixels computed."""
    return _decoded(stream, media_type, reduction)


def _decoded(stream: BinaryIO, media_type: str, factor: Callable[[int, int], int]) -> DecodedImage:
    """The first frame, averaged down by a whole factor of its width and height."""
    with _opened(stream, media_type) as image:
        width, height = image.size
        wanted = max(factor(width, height), math.ceil((width * height / MAX_PIXELS) ** 0.5))
        if wanted > 1:
            image.draft("RGB", (width // wanted, height // wanted))
        try:
            pixels, hidden_levels = _rgb(image)
        except (SyntaxError, ValueError, EOFError, OSError) as error:
            raise UnreadableFile(_reason(error), str(error)) from error
    left = factor(pixels.shape[1], pixels.shape[0])
    return DecodedImage(
        pixels=averaged(pixels, left),
        original_width=width,
        original_height=height,
        hidden_levels=hidden_levels,
        detail=middle(pixels) if left > 1 and pixels.shape[0] * pixels.shape[1] == width * height else None,
    )


@contextmanager
def _opened(stream: BinaryIO, media_type: str) -> Iterator[Image.Image]:
    """The image with its header read; never one that would decode to more than the bound."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd EXIF and of sizes; the bound below is ours
        try:
            image = Image.open(stream, formats=[_FORMATS[media_type]])
        except UnidentifiedImageError as error:
            raise UnreadableFile("corrupt_header", f"it does not start as {_FORMATS[media_type]} files do") from error
        except Image.DecompressionBombError as error:
            raise UnreadableFile("too_many_pixels", str(error)) from error
        except (SyntaxError, ValueError, EOFError, OSError, OverflowError, KeyError, TypeError) as error:
            raise UnreadableFile("corrupt_header", str(error)) from error
        bound = MAX_DRAFT_PIXELS if image.format == "JPEG" else MAX_PIXELS
        if image.width * image.height > bound:
            raise UnreadableFile("too_many_pixels", f"{image.width} x {image.height}")
        with image:
            yield image


def _rgb(image: Image.Image) -> tuple[np.ndarray, int]:
    """Pixels, and by how many levels they span more over black than over the white they were laid on."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith(("I", "F")):
        return _stretched(np.asarray(image, dtype=np.float32)), 0
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        canvas = Image.new("RGB", layered.size, "white")
        canvas.paste(layered, mask=layered.getchannel("A"))
        return np.asarray(canvas), _hidden(layered, canvas)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), 0


def _hidden(layered: Image.Image, over_white: Image.Image) -> int:
    if layered.getchannel("A").getextrema()[0] == 255:
        return 0
    over_black = Image.new("RGB", layered.size)
    over_black.paste(layered, mask=layered.getchannel("A"))
    black, white = (int(np.ptp(np.asarray(picture), axis=(0, 1)).max()) for picture in (over_black, over_white))
    return max(0, black - white)


def _stretched(values: np.ndarray) -> np.ndarray:
    """16-bit and float greys over the 8-bit range: 16-bit by its full scale where it is used, else by the values found."""
    finite = np.nan_to_num(values)
    low, high = (0.0, 65535.0) if finite.max(initial=0) > 255 and finite.min(initial=0) >= 0 else (float(finite.min(initial=0)), float(finite.max(initial=1)))
    grey = np.clip((finite - low) * (255 / max(high - low, 1e-9)), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _reason(error: Exception) -> str:
    text = str(error).lower()
    return "truncated" if isinstance(error, EOFError) or "truncated" in text or "end of file" in text or "not enough image data" in text else "corrupt"


def _good() -> tuple[bytes, str]:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((48, 32)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue(), "image/png"


def _bad() -> tuple[bytes, str]:
    return _good()[0][:60], "image/png"


MODALITY = Modality(
    name="image",
    description="Photographs, drawings and scans as raster images.",
    media_types=frozenset(_FORMATS),
    probe=probe,
    decode=decode,
    glance=glance,
    views=("image",),
    extensions={extension: media_type for extension, media_type in _EXTENSIONS.items() if media_type in _FORMATS},
    good=_good,
    bad=_bad,
)
