"""Boxes of a page in; a schematic picture of its layout, longest side 512, out.

Text is drawn as dark strokes, one a word: a network tells layouts apart, and no font has to be installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SIDE = 512
A4 = (595.0, 842.0)  # points
_INK, _PALE, _RULE = (40, 40, 40), (225, 230, 238), (110, 110, 110)
_CHAR_WIDTH = 0.5  # of the font size: the mean of proportional fonts


@dataclass(frozen=True)
class Block:
    """One thing in the flow of a text document: a paragraph, a table (rows of cells) or a picture."""

    text: str = ""
    size: float = 11.0  # points
    centred: bool = False
    rows: tuple[tuple[str, ...], ...] = ()
    picture: np.ndarray | None = None
    page_break: bool = False


class Canvas:
    """A white page measured in points."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = max(width, 1.0), max(height, 1.0)
        self.scale = SIDE / max(self.width, self.height)
        size = (max(8, round(self.width * self.scale)), max(8, round(self.height * self.scale)))
        self._image = Image.new("RGB", size, "white")
        self._draw = ImageDraw.Draw(self._image)

    @property
    def pixels(self) -> np.ndarray:
        """(height, width, 3) uint8."""
        return np.asarray(self._image)

    def box(self, left: float, top: float, right: float, bottom: float, *, filled: bool = False) -> None:
        """A frame, or a pale area."""
        corners = self._corners(left, top, right, bottom)
        self._draw.rectangle(corners, fill=_PALE if filled else None, outline=_RULE)

    def picture(self, pixels: np.ndarray | None, left: float, top: float, right: float, bottom: float) -> None:
        """A picture scaled into a box; a pale box where it is not a raster image."""
        corners = self._corners(left, top, right, bottom)
        size = (corners[2] - corners[0], corners[3] - corners[1])
        if pixels is None or min(size) < 1:
            self.box(left, top, right, bottom, filled=True)
            return
        self._image.paste(Image.fromarray(pixels).resize((min(size[0], 2 * SIDE), min(size[1], 2 * SIDE))), corners[:2])

    def text(self, text: str, left: float, top: float, right: float, size: float, *, bottom: float, centred: bool = False) -> float:
        """Words as strokes, wrapped at the right border; returns the height used, and draws nothing below `bottom`."""
        leading = size * 1.25
        at = top
        for line in _wrapped(text, max(1, int((right - left) / (size * _CHAR_WIDTH)))):
            if at + leading > bottom:
                break
            x = left + ((right - left) - len(line) * size * _CHAR_WIDTH) / 2 if centred else left
            for word in line.split(" "):
                if word:
                    end = min(right, x + len(word) * size * _CHAR_WIDTH)
                    self._draw.rectangle(self._corners(x, at + size * 0.35, end, at + size * 0.95), fill=_INK)
                x += (len(word) + 1) * size * _CHAR_WIDTH
            at += leading
        return at - top

    def _corners(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
        values = [int(min(max(value * self.scale, -SIDE), 2 * SIDE)) for value in (left, top, right, bottom)]
        return values[0], values[1], max(values[0], values[2]), max(values[1], values[3])


def flow(blocks: Sequence[Block], *, page: tuple[float, float] = A4, margin: float = 56.0, pages: int = 4) -> list[tuple[np.ndarray, str]]:
    """Blocks set one below the other on at most `pages` pages: (pixels, text) for each."""
    width, height = page
    done: list[tuple[np.ndarray, str]] = []
    texts: list[str] = []
    canvas, at = Canvas(width, height), margin
    for block in blocks:
        needed = _height(block, width - 2 * margin, height - 2 * margin)
        if block.page_break or (at + min(needed, height - 2 * margin) > height - margin and at > margin):
            done.append((canvas.pixels, "\n".join(texts)))
            if len(done) == pages:
                return done
            canvas, texts, at = Canvas(width, height), [], margin
        _set(canvas, block, at, margin)
        texts += [block.text] if block.text else ["\t".join(row) for row in block.rows]
        at += needed
    return [*done, (canvas.pixels, "\n".join(texts))]


def _height(block: Block, width: float, limit: float) -> float:
    if block.picture is not None:
        rows, columns = block.picture.shape[:2]
        return float(min(limit, rows * min(1.0, width / max(columns, 1)))) + 6
    if block.rows:
        return sum(_row_heights(block, width)) + 6
    lines = len(_wrapped(block.text, max(1, int(width / (block.size * _CHAR_WIDTH)))))
    return max(1, lines) * block.size * 1.25 + block.size * 0.4


def _row_heights(block: Block, width: float) -> list[float]:
    heights = []
    for row in block.rows:
        chars = max(1, int(width / max(len(row), 1) / (9 * _CHAR_WIDTH)) - 1)
        heights.append(max([len(_wrapped(cell, chars)) for cell in row], default=1) * 11.25 + 4)
    return heights


def _set(canvas: Canvas, block: Block, top: float, margin: float) -> None:
    left, right, bottom = margin, canvas.width - margin, canvas.height - margin
    if block.picture is not None:
        rows, columns = block.picture.shape[:2]
        scale = min(1.0, (right - left) / max(columns, 1), (bottom - top) / max(rows, 1))
        canvas.picture(block.picture, left, top, left + columns * scale, top + rows * scale)
    elif block.rows:
        for row, height in zip(block.rows, _row_heights(block, right - left), strict=True):
            cell = (right - left) / max(len(row), 1)
            for column, text in enumerate(row):
                canvas.box(left + column * cell, top, left + (column + 1) * cell, min(bottom, top + height))
                canvas.text(text, left + column * cell + 3, top + 2, left + (column + 1) * cell - 3, 9, bottom=min(bottom, top + height))
            top += height
            if top > bottom:
                break
    else:
        canvas.text(block.text, left, top, right, block.size, bottom=bottom, centred=block.centred)


def _wrapped(text: str, chars: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text[:20_000].splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > chars:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
