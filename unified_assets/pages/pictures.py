"""Pixels and samples in; data URIs that a page carries within itself out."""

import base64
from io import BytesIO

import numpy as np
from PIL import Image

LOSSLESS_SIDE = 64


def thumbnail(pixels: np.ndarray, side: int = 128) -> str:
    """A data URI of an image whose longer side is at most `side`. pixels: (height, width[, 1, 3 or 4]) uint8.

    Images of up to LOSSLESS_SIDE pixels stay as they are (PNG), so that a digit of 28 x 28 shows each of its pixels; larger ones
    become PNG or JPEG, whichever is shorter.
    """
    array = np.asarray(pixels)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype != np.uint8 or array.ndim not in {2, 3} or 0 in array.shape:
        msg = f"a thumbnail needs uint8 pixels (height, width[, channels]), not {array.dtype} {array.shape}"
        raise ValueError(msg)
    image = Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    whole, lossy = BytesIO(), BytesIO()
    image.save(whole, "PNG")
    image.save(lossy, "JPEG", quality=75)
    exact = max(array.shape[:2]) <= LOSSLESS_SIDE or len(whole.getvalue()) <= len(lossy.getvalue())
    return f"data:image/{'png' if exact else 'jpeg'};base64,{base64.b64encode((whole if exact else lossy).getvalue()).decode('ascii')}"


def spectrogram(levels: np.ndarray, width: int = 160, height: int = 64) -> np.ndarray:
    """(height, width, 3) uint8 picture of a sound: time across, frequency up, dark where loud. levels: (time, frequency) in [0, 1]."""
    across = np.linspace(0, len(levels) - 1, width).round().astype(np.intp)
    up = np.linspace(levels.shape[1] - 1, 0, height).round().astype(np.intp)
    shares = np.clip(levels[across][:, up].T, 0, 1)[:, :, None]
    return np.asarray(np.round((1 - shares) * 255 + shares * np.array([23, 37, 84])), np.uint8)


def waveform(samples: np.ndarray, width: int = 160, height: int = 48) -> np.ndarray:
    """(height, width, 3) uint8 picture of the lowest and highest sample in each column. samples: (frames,) in [-1, 1]."""
    picture = np.full((height, width, 3), 255, np.uint8)
    middle = height // 2
    picture[middle] = (203, 213, 225)
    if len(samples) == 0:
        return picture
    edges = np.linspace(0, len(samples), width + 1).astype(np.int64)
    for column in range(width):
        part = samples[edges[column] : max(edges[column + 1], edges[column] + 1)]
        top = int(np.clip((1 - float(part.max(initial=-1.0))) / 2 * (height - 1), 0, height - 1))
        bottom = int(np.clip((1 - float(part.min(initial=1.0))) / 2 * (height - 1), 0, height - 1))
        picture[min(top, bottom) : max(top, bottom) + 1, column] = (37, 99, 235)
    return picture
