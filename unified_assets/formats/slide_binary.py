"""A legacy .ppt in; slides as boxes with text and pictures out ([MS-PPT] and [MS-ODRAW] records)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import olefile

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.drawing import Canvas
from unified_assets.formats.pictures import MAX_PICTURES, carved_pictures
from unified_assets.formats.slide_package import Box, Shape, draw_shape
from unified_assets.formats.word_binary import read_stream

_MASTER_UNITS = 8.0  # of 1/576 inch, a point
_MAX_RECORDS = 200_000
_MAX_DEPTH = 24
_CURRENT_USER_ENCRYPTED = b"\xdf\xc4\xd1\xf3"
_DOCUMENT, _SLIDE, _DOCUMENT_ATOM, _LIST, _PERSIST = 0x03E8, 0x03EE, 0x03E9, 0x0FF0, 0x03F3
_CHARS, _BYTES, _OUTLINE = 0x0FA0, 0x0FA8, 0x0F9E
_SHAPE, _ANCHOR, _CHILD_ANCHOR, _OPTIONS = 0xF004, 0xF010, 0xF00F, 0xF00B
_PICTURE_ID = 0x4104  # property pib, a blip reference


@dataclass
class _Reading:
    size: tuple[float, float] = (720.0, 540.0)
    outlines: list[list[str]] = field(default_factory=list)  # texts of each slide in the slide list
    slides: list[list[Shape]] = field(default_factory=list)
    records: int = 0


@dataclass(frozen=True)
class BinarySlides:
    """Slides of a .ppt."""

    size: tuple[float, float]
    slides: tuple[tuple[Shape, ...], ...]
    pictures: tuple[np.ndarray, ...]

    def page(self, index: int) -> tuple[np.ndarray, str]:
        """A slide drawn at its shapes' places, and its text."""
        canvas = Canvas(*self.size)
        for shape in self.slides[index]:
            draw_shape(canvas, shape)
        return canvas.pixels, "\n".join(shape.text for shape in self.slides[index] if shape.text)


def read_slides(package: olefile.OleFileIO) -> BinarySlides:
    """All slides in the order of their records."""
    user = read_stream(package, "Current User") if package.exists("Current User") else b""
    if user[12:16] == _CURRENT_USER_ENCRYPTED:
        raise UnreadableFile("encrypted")
    reading = _Reading()
    _walk(read_stream(package, "PowerPoint Document"), reading, 0)
    stored = read_stream(package, "Pictures") if package.exists("Pictures") else b""
    pictures = tuple(picture for _, picture in zip(range(MAX_PICTURES), carved_pictures(stored), strict=False))
    count = max(len(reading.slides), len(reading.outlines))
    slides = []
    for index in range(count):
        shapes = reading.slides[index] if index < len(reading.slides) else []
        if not any(shape.text for shape in shapes) and index < len(reading.outlines):
            shapes = [*_outline_shapes(reading.outlines[index], reading.size), *shapes]
        slides.append(tuple(shapes))
    return BinarySlides(reading.size, tuple(slides), pictures)


def _walk(data: bytes, reading: _Reading, depth: int) -> None:
    for kind, instance, container, body in _records(data, reading):
        if kind == _DOCUMENT_ATOM and len(body) >= 8:
            width, height = struct.unpack_from("<ii", body)
            if 400 < width < 40_000 and 400 < height < 40_000:
                reading.size = (width / _MASTER_UNITS, height / _MASTER_UNITS)
        elif kind == _LIST and instance == 0:
            _read_outlines(body, reading)
        elif kind == _SLIDE:
            outline = reading.outlines[len(reading.slides)] if len(reading.slides) < len(reading.outlines) else []
            shapes: list[Shape] = []
            _collect_shapes(body, reading, outline, shapes, 0)
            reading.slides.append(shapes)
        elif container and depth < _MAX_DEPTH and kind == _DOCUMENT:
            _walk(body, reading, depth + 1)


def _records(data: bytes, reading: _Reading) -> Iterator[tuple[int, int, bool, bytes]]:
    """(type, instance, is a container, body) of the records that follow each other."""
    at = 0
    while at + 8 <= len(data):
        first, kind, length = struct.unpack_from("<HHI", data, at)
        reading.records += 1
        if reading.records > _MAX_RECORDS:
            raise UnreadableFile("bomb", "too many records")
        yield kind, first >> 4, first & 0xF == 0xF, data[at + 8 : at + 8 + length]
        at += 8 + length


def _read_outlines(body: bytes, reading: _Reading) -> None:
    for kind, _, _, inner in _records(body, reading):
        if kind == _PERSIST:
            reading.outlines.append([])
        elif kind in {_CHARS, _BYTES} and reading.outlines:
            reading.outlines[-1].append(_decoded(kind, inner))


def _collect_shapes(data: bytes, reading: _Reading, outline: list[str], shapes: list[Shape], depth: int) -> None:
    for kind, _, container, body in _records(data, reading):
        if kind == _SHAPE:
            shape = _shape(body, reading, outline)
            if shape is not None:
                shapes.append(shape)
        elif container and depth < _MAX_DEPTH:
            _collect_shapes(body, reading, outline, shapes, depth + 1)


def _shape(data: bytes, reading: _Reading, outline: list[str]) -> Shape | None:
    box: Box | None = None
    texts: list[str] = []
    picture = False
    stack = [(data, 0)]
    while stack:
        inner, depth = stack.pop()
        for kind, _, container, body in _records(inner, reading):
            if kind == _ANCHOR:
                box = _anchor(body)
            elif kind == _OPTIONS:
                picture |= any(struct.unpack_from("<H", body, at)[0] == _PICTURE_ID for at in range(0, min(len(body) - 5, 600), 6))
            elif kind in {_CHARS, _BYTES}:
                texts.append(_decoded(kind, body))
            elif kind == _OUTLINE and len(body) >= 4:
                (index,) = struct.unpack_from("<I", body)
                texts += outline[index : index + 1]
            elif (container or kind == 0xF00D) and depth < 6:
                stack.append((body, depth + 1))
    if box is None or (not texts and not picture):
        return None
    return Shape(box, text="\n".join(texts).strip(), size=18.0, is_picture=picture and not texts)


def _anchor(body: bytes) -> Box | None:
    """A client anchor: top, left, right, bottom, as 16-bit or 32-bit integers."""
    if len(body) == 8:
        top, left, right, bottom = struct.unpack("<hhhh", body)
    elif len(body) == 16:
        top, left, right, bottom = struct.unpack("<iiii", body)
    else:
        return None
    return left / _MASTER_UNITS, top / _MASTER_UNITS, right / _MASTER_UNITS, bottom / _MASTER_UNITS


def _outline_shapes(texts: list[str], size: tuple[float, float]) -> list[Shape]:
    width, height = size
    shapes = [Shape((width * 0.05, height * 0.06, width * 0.95, height * 0.22), text=texts[0], size=36.0)] if texts else []
    body = "\n".join(texts[1:])
    return [*shapes, Shape((width * 0.05, height * 0.26, width * 0.95, height * 0.9), text=body)] if body else shapes


def _decoded(kind: int, body: bytes) -> str:
    text = body.decode("utf-16-le", "replace") if kind == _CHARS else body.decode("latin-1")
    return text.replace("\r", "\n").replace("\x0b", "\n").strip()
