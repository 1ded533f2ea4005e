"""A decoded file and a locator in; the pixels, frames or sound a media model looks at out. Numpy, PIL and soxr only."""

import numpy as np
from PIL import Image

from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import Decoded, DecodedAudio, DecodedDocument, DecodedImage, DecodedVideo

RATE_HZ = 8000
LONGEST_S = 30.0


def pixels_of(decoded: Decoded, locator: str | None) -> np.ndarray:
    """(height, width, 3) uint8: an image; a page (`page=N`, default 0) or picture (`picture=N`) of a document; a video's middle frame."""
    if isinstance(decoded, DecodedImage):
        return decoded.pixels
    if isinstance(decoded, DecodedVideo) and len(decoded.frames):
        middle: np.ndarray = decoded.frames[len(decoded.frames) // 2]
        return middle
    if isinstance(decoded, DecodedDocument):
        return _document_pixels(decoded, locator or "page=0")
    raise UnreadableFile("no_picture", f"a {type(decoded).__name__} shows nothing")


def _document_pixels(decoded: DecodedDocument, locator: str) -> np.ndarray:
    part, _, number = locator.partition("=")
    index = int(number) if number.isdecimal() else 0
    if part == "picture":
        if index < len(decoded.pictures):
            return decoded.pictures[index]
        raise UnreadableFile("no_picture", f"picture {index} of {len(decoded.pictures)}")
    image = decoded.pages[index].image if index < len(decoded.pages) else None
    if image is None:
        raise UnreadableFile("no_page", f"page {index} of {len(decoded.pages)} has no picture of itself")
    return image


def square(pixels: np.ndarray, side: int) -> np.ndarray:
    """(side, side, 3) uint8: the whole picture, stretched; the original proportions travel beside it."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0))


def frames_of(decoded: Decoded, count: int) -> np.ndarray:
    """(count, height, width, 3) uint8, evenly spread; a shorter clip repeats frames."""
    if not isinstance(decoded, DecodedVideo) or not len(decoded.frames):
        raise UnreadableFile("no_frames", f"a {type(decoded).__name__} has no frames")
    chosen = np.linspace(0, len(decoded.frames) - 1, count).round().astype(int)
    frames: np.ndarray = decoded.frames[chosen]
    return frames


def sound_of(decoded: Decoded, locator: str | None) -> np.ndarray:
    """(samples,) float32 mono at 8 kHz, at most 30 s; `time=START-END` in seconds cuts it. Of a video, its sound."""
    import soxr

    audio = decoded.sound if isinstance(decoded, DecodedVideo) else decoded
    if not isinstance(audio, DecodedAudio):
        raise UnreadableFile("no_sound", f"a {type(decoded).__name__} without sound")
    mono, rate = audio.mono, audio.sample_rate_hz
    if locator and locator.startswith("time="):
        start, _, end = locator.removeprefix("time=").partition("-")
        mono = mono[int(float(start) * rate) : int(float(end) * rate)]
    mono = np.nan_to_num(mono[: int(LONGEST_S * rate)].astype(np.float32))
    if len(mono) < rate // 50:
        raise UnreadableFile("too_short", f"{len(mono)} samples at {rate} Hz")
    return mono if rate == RATE_HZ else np.asarray(soxr.resample(mono, rate, RATE_HZ, quality="MQ"), np.float32)
