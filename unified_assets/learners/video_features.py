"""Frames of a clip in; small whole frames and close-ups of what moves or stands out in them out. Numpy and PIL only."""

import numpy as np
from PIL import Image

from unified_assets.learners.media_views import square

SALIENCY_SIDE = 64
CLOSE_UP = 16  # of SALIENCY_SIDE: a quarter of the width


def whole_frames(frames: np.ndarray, side: int) -> np.ndarray:
    """(frames, side, side, 3) uint8."""
    return np.stack([square(frame, side) for frame in frames])


def close_ups(frames: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(frames, side, side, 3) uint8 crops around the most salient spot of each frame, and (frames, 4) float32: its x, y, strength, motion.

    Saliency is the difference from the frame's blurred self plus the difference from the clip's median frame.
    """
    grey = np.stack([_grey(frame) for frame in frames])
    median = np.median(grey, axis=0)
    crops, spots = [], []
    for frame, small in zip(frames, grey, strict=True):
        motion = np.abs(small - median)
        detail = np.abs(small - _blurred(small))
        saliency = _box(detail + motion)
        y, x = np.unravel_index(int(saliency.argmax()), saliency.shape)
        crops.append(square(_cut(frame, int(y), int(x)), side))
        strength = saliency[y, x] / (saliency.mean() + 1e-3)
        spots.append([x / SALIENCY_SIDE, y / SALIENCY_SIDE, np.log1p(strength), motion.mean() / 16])
    return np.stack(crops), np.asarray(spots, np.float32)


def _grey(frame: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).convert("L").resize((SALIENCY_SIDE, SALIENCY_SIDE), Image.Resampling.BILINEAR), np.float32)


def _blurred(grey: np.ndarray) -> np.ndarray:
    small = Image.fromarray(grey).resize((8, 8), Image.Resampling.BOX)
    return np.asarray(small.resize((SALIENCY_SIDE, SALIENCY_SIDE), Image.Resampling.BILINEAR), np.float32)


def _box(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Mean over a square window: one odd pixel is no object."""
    padded = np.pad(values, width // 2, mode="edge")
    means: np.ndarray = np.lib.stride_tricks.sliding_window_view(padded, (width, width)).mean(axis=(2, 3))
    return means


def _cut(frame: np.ndarray, y: int, x: int) -> np.ndarray:
    height, width = frame.shape[:2]
    tall, wide = max(8, height * CLOSE_UP // SALIENCY_SIDE), max(8, width * CLOSE_UP // SALIENCY_SIDE)
    top = min(max(0, y * height // SALIENCY_SIDE - tall // 2), max(0, height - tall))
    left = min(max(0, x * width // SALIENCY_SIDE - wide // 2), max(0, width - wide))
    return frame[top : top + tall, left : left + wide]
