"""A class and a generator → a rendered picture of it: digits and plain shapes under affine changes, colours and noise."""

import io
import math
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SHAPES = ("circle", "square", "star", "triangle")
FORMATS = {"png": "image/png", "jpg": "image/jpeg", "bmp": "image/bmp", "gif": "image/gif", "tiff": "image/tiff"}
CANVAS = 128  # masks are drawn at this side and reduced: smooth edges at every angle


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the font inside Pillow: no file of the system


def digit(rng: np.random.Generator, value: int) -> Image.Image:
    """An RGB picture of a digit 0-9, 40 to 64 pixels a side."""
    mask = Image.new("L", (CANVAS, CANVAS))
    size, stroke = int(rng.integers(112, 140)), int(rng.integers(0, 5))
    ImageDraw.Draw(mask).text((CANVAS / 2, CANVAS / 2), str(value), fill=255, font=_font(size), stroke_width=stroke, anchor="mm")
    return _finish(rng, _bend(rng, mask, turn=11.0, shear=0.14, shift=8.0), int(rng.integers(40, 65)))


def shape(rng: np.random.Generator, name: str) -> Image.Image:
    """An RGB picture of a shape, filled or outlined, 48 to 80 pixels a side."""
    return _finish(rng, _bend(rng, shape_mask(name, filled=bool(rng.random() < 0.6)), turn=24.0, shear=0.08, shift=10.0), int(rng.integers(48, 81)))


def shape_mask(name: str, *, filled: bool = True) -> Image.Image:
    """(CANVAS, CANVAS) 8-bit mask of a shape in the middle."""
    mask = Image.new("L", (CANVAS, CANVAS))
    draw, centre, radius = ImageDraw.Draw(mask), CANVAS / 2, CANVAS * 0.37
    fill = 255 if filled else None
    if name == "circle":
        draw.ellipse((centre - radius, centre - radius, centre + radius, centre + radius), fill=fill, outline=255, width=9)
        return mask
    corners = {"square": 4, "triangle": 3, "star": 10}[name]
    points = []
    for corner in range(corners):
        reach = radius * (0.45 if name == "star" and corner % 2 else 1.1)
        angle = 2 * math.pi * corner / corners - math.pi / 2 + (math.pi / 4 if name == "square" else 0)
        points.append((centre + reach * math.cos(angle), centre + reach * math.sin(angle)))
    draw.polygon(points, fill=fill, outline=255, width=9)
    return mask


def encode(image: Image.Image, extension: str, *, quality: int = 90) -> bytes:
    """The picture as a file of this format."""
    out = io.BytesIO()
    if extension == "jpg":
        image.save(out, "JPEG", quality=quality)
    else:
        image.save(out, {"png": "PNG", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF"}[extension])
    return out.getvalue()


def _bend(rng: np.random.Generator, mask: Image.Image, *, turn: float, shear: float, shift: float) -> Image.Image:
    """The mask under a random affine map about its middle; angles in degrees, shift in pixels of the canvas."""
    angle, lean, zoom = np.radians(rng.uniform(-turn, turn)), rng.uniform(-shear, shear), rng.uniform(0.8, 1.08, size=2)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    forward = rotation @ np.array([[1.0, lean], [0.0, 1.0]]) @ np.diag(zoom)
    back = np.linalg.inv(forward)
    middle = np.full(2, CANVAS / 2)
    offset = middle - back @ (middle + rng.uniform(-shift, shift, size=2))
    data = (back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1])
    return mask.transform((CANVAS, CANVAS), Image.Transform.AFFINE, data, resample=Image.Resampling.BILINEAR)


def _finish(rng: np.random.Generator, mask: Image.Image, side: int) -> Image.Image:
    """Colour, an uneven ground with a stray line, and noise. The mask's ink differs from the ground by at least 90 of 255."""
    ink = np.asarray(mask.resize((side, side), Image.Resampling.LANCZOS), np.float32)[..., None] / 255
    ground, colour = _colours(rng)
    paper = ground + _uneven(rng, side) * rng.uniform(8, 22) + _stray_line(rng, side) * rng.uniform(-40, 40)
    pixels = paper * (1 - ink) + colour * ink + rng.normal(0, rng.uniform(2, 9), size=(side, side, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8), "RGB")


def _colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    weights = np.array([0.299, 0.587, 0.114])
    while True:
        ground, colour = rng.uniform(30, 226, size=3), rng.uniform(10, 246, size=3)
        if abs(float((ground - colour) @ weights)) > 90:
            return ground, colour


def _uneven(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side, 1) smooth random light, about -1 to 1."""
    coarse = Image.fromarray(rng.normal(0, 0.7, size=(4, 4)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float32)[..., None]


def _stray_line(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side, 1) one thin line across the picture, 0 to 1."""
    mask = Image.new("L", (side, side))
    ends = [tuple(float(value) for value in rng.uniform(0, side, size=2)) for _ in range(2)]
    ImageDraw.Draw(mask).line([*ends[0], *ends[1]], fill=255, width=int(rng.integers(1, 3)))
    return np.asarray(mask.filter(ImageFilter.SMOOTH), np.float32)[..., None] / 255
