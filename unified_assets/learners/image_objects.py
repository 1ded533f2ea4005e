"""Pixels in; the plain coloured things in them, and in which panel each lies, out. Numpy, with scipy's labelling.

Made for drawn scenes and diagrams: things of one flat colour on a light ground. A photograph gives few or meaningless ones.
"""

import numpy as np
from PIL import Image

COLOURS = ("black", "red", "yellow", "green", "blue", "purple")
SHAPES = ("square", "circle", "triangle")
MOST = 24  # things kept, the largest first
FIELDS = 9  # panel, colour, shape, relative area, x, y in the panel, panel's things touching: left/right, top, bottom
PANELS = 4
LONGEST = 480
FLAT_COLOURS, FLAT_SHARE = 8, 0.8
LIGHT, GREY = 6, 7  # palette numbers after COLOURS


def things(pixels: np.ndarray) -> np.ndarray:
    """(MOST, FIELDS) float32; the first column is -1 where there is none."""
    from scipy import ndimage

    out = np.zeros((MOST, FIELDS), np.float32)
    out[:, 0] = -1
    bounded = _bounded(pixels)
    if not _is_drawn(bounded):
        return out
    palette, panels = _palette(bounded), _panels(bounded)
    found = []
    for colour in range(len(COLOURS)):
        labels, count = ndimage.label(palette == colour)
        areas = np.bincount(labels.ravel(), minlength=count + 1)
        for number, place in enumerate(ndimage.find_objects(labels), start=1):
            area = int(areas[number])
            if area >= 20 and area <= palette.size // 8:
                found.append((area, _describe(place, area, colour, panels)))
    for row, (_, values) in enumerate(sorted(found, key=lambda entry: (-entry[0], entry[1]))[:MOST]):
        out[row] = values
    return out


def _is_drawn(pixels: np.ndarray) -> bool:
    """Whether a few flat colours make most of the picture; a photograph has none."""
    flat = pixels[::2, ::2].astype(np.int32) // 16 @ np.asarray([256, 16, 1])
    counts = np.sort(np.bincount(flat.ravel(), minlength=1))[::-1]
    return bool(counts[:FLAT_COLOURS].sum() > FLAT_SHARE * flat.size)


def _bounded(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.NEAREST))


def _palette(pixels: np.ndarray) -> np.ndarray:
    """(h, w) number of the named colour of each pixel."""
    values = pixels.astype(np.int16)
    high, low = values.max(axis=2), values.min(axis=2)
    spread = np.maximum(high - low, 1)
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    hue = np.where(high == red, (green - blue) / spread % 6, np.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4))
    named = np.select([(hue < 0.5) | (hue >= 5.5), hue < 1.4, hue < 2.6, hue < 4.4], [1, 2, 3, 4], 5)
    grey = np.where(high < 70, 0, np.where(low > 240, LIGHT, GREY))
    return np.where((high - low < 60) | (high < 50), grey, named)


def _panels(pixels: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(top, left, bottom, right) of the large areas of the commonest flat colour, left to right; else the whole picture."""
    from scipy import ndimage

    flat = pixels.astype(np.int32) // 8 @ np.asarray([1024, 32, 1])
    values, counts = np.unique(flat, return_counts=True)
    best: tuple[int, list[tuple[int, int, int, int]]] = (0, [])
    for value in values[np.argsort(-counts, kind="stable")[:3]]:
        labels, _ = ndimage.label(flat == value)
        boxes = [(place[0].start, place[1].start, place[0].stop, place[1].stop) for place in ndimage.find_objects(labels)]
        large = [box for box in boxes if (box[2] - box[0]) * (box[3] - box[1]) > 0.08 * flat.size]
        covered = sum((box[2] - box[0]) * (box[3] - box[1]) for box in large)
        if len(large) > 1 and covered > best[0]:
            best = covered, large
    return sorted(best[1], key=lambda box: box[1])[:PANELS] or [(0, 0, *flat.shape)]


def _describe(place: tuple[slice, slice], area: int, colour: int, panels: list[tuple[int, int, int, int]]) -> tuple[float, ...]:
    top, left, bottom, right = place[0].start, place[1].start, place[0].stop, place[1].stop
    x, y = (left + right) / 2, (top + bottom) / 2
    panel = next((index for index, box in enumerate(panels) if box[0] <= y <= box[2] and box[1] <= x <= box[3]), 0)
    up, west, down, east = panels[panel]
    fill = area / max(1, (bottom - top) * (right - left))
    kind = 0 if fill > 0.88 else 1 if fill > 0.65 else 2
    near = 2
    sides = (left - west <= near or east - right <= near, top - up <= near, down - bottom <= near)
    relative = area / max(1, (down - up) * (east - west))
    centre = (x - west) / max(1, east - west), (y - up) / max(1, down - up)
    return (panel, colour, kind, relative, *centre, *(float(side) for side in sides))
