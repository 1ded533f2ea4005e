"""A .pptx package in; slides as boxes with text and pictures out (ECMA-376 part 1, PresentationML)."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from lxml import etree

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.drawing import Canvas
from unified_assets.formats.packages import Package
from unified_assets.formats.pictures import MAX_PICTURES, embedded_picture
from unified_assets.formats.word_package import main_part

_EMU = 12700.0  # a point
_MAX_SHAPES = 500
_MAX_WORDS = 400
_SLIDE = (720.0, 540.0)
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shape:
    """One box of a slide, in points. `rows` is a table; a shape of neither text, rows nor picture is an outline."""

    box: Box
    text: str = ""
    size: float = 18.0
    rows: tuple[tuple[str, ...], ...] = ()
    picture: np.ndarray | None = None
    is_picture: bool = False


class SlideDeck:
    """The slides of a .pptx in order."""

    def __init__(self, package: Package) -> None:
        self._package = package
        main = main_part(package, "ppt/presentation.xml")
        root, relations = package.xml(main), package.relations(main)
        size = next(root.iter("{*}sldSz"), None)
        cx, cy = (_emu(size, "cx"), _emu(size, "cy")) if size is not None else _SLIDE
        self.size = (cx, cy) if 50 < cx < 5000 and 50 < cy < 5000 else _SLIDE
        ids = [value for node in root.iter("{*}sldId") for name, value in node.attrib.items() if name.endswith("}id")]
        self.slides = [relations[name][1] for name in ids if name in relations]
        self.pictures: dict[str, np.ndarray | None] = {}

    def page(self, part: str) -> tuple[np.ndarray, str]:
        """A slide drawn at its shapes' places, and its text."""
        canvas, texts = Canvas(*self.size), []
        for shape in self._shapes(part):
            draw_shape(canvas, shape)
            texts += [shape.text] if shape.text else ["\t".join(row) for row in shape.rows]
        return canvas.pixels, "\n".join(texts)

    def _shapes(self, part: str) -> list[Shape]:
        root, relations = self._package.xml(part), self._package.relations(part)
        inherited = self._placeholders(next((target for kind, target in relations.values() if kind == "slideLayout"), None))
        tree = next(root.iter("{*}spTree"), None)
        found: list[Shape] = []
        for node in () if tree is None else tree.iter("{*}sp", "{*}pic", "{*}graphicFrame"):
            box = _box(node) or inherited.get(_placeholder(node)) or self._usual_box(_placeholder(node))
            if box is not None:
                found.append(self._shape(node, box, relations))
            if len(found) >= _MAX_SHAPES:
                break
        return found

    def _shape(self, node: etree._Element, box: Box, relations: dict[str, tuple[str, str]]) -> Shape:
        kind = etree.QName(node).localname
        if kind == "pic":
            return Shape(box, picture=self._picture(node, relations), is_picture=True)
        if kind == "graphicFrame" and (words := self._foreign_text(node, relations)):
            return Shape(box, text=words, size=14.0)
        rows = tuple(tuple(_text(cell) for cell in row.iter("{*}tc")) for row in node.iter("{*}tr")) if kind == "graphicFrame" else ()
        return Shape(box, text="" if rows else _text(node), size=_font_size(node, _placeholder(node)), rows=rows)

    def _foreign_text(self, node: etree._Element, relations: dict[str, tuple[str, str]]) -> str:
        """Words of a diagram or chart, which stand in a part of their own."""
        referred = [value for item in node.iter("{*}relIds", "{*}chart") for value in item.attrib.values() if value in relations]
        words: list[str] = []
        for kind, part in (relations[name] for name in referred):
            if kind in {"diagramData", "chart"}:
                with suppress(UnreadableFile):
                    words += [text.strip() for item in self._package.xml(part).iter("{*}t", "{*}v") if (text := item.text) and text.strip()]
        return "\n".join(words[:_MAX_WORDS])

    def _picture(self, node: etree._Element, relations: dict[str, tuple[str, str]]) -> np.ndarray | None:
        blip = next(node.iter("{*}blip"), None)
        names = [] if blip is None else [value for name, value in blip.attrib.items() if name.endswith("}embed")]
        _, part = relations.get(names[0], ("", "")) if names else ("", "")
        if part and part not in self.pictures and len(self.pictures) < MAX_PICTURES:
            try:
                self.pictures[part] = embedded_picture(self._package.read(part))
            except UnreadableFile:
                self.pictures[part] = None
        return self.pictures.get(part)

    def _placeholders(self, layout: str | None) -> dict[tuple[str, str], Box]:
        """Places of the layout's placeholders, which a slide's own inherit."""
        if layout is None:
            return {}
        try:
            root = self._package.xml(layout)
        except UnreadableFile:
            return {}
        boxes = ((_placeholder(node), _box(node)) for node in root.iter("{*}sp"))
        return {key: box for key, box in boxes if box is not None and key != ("", "")}

    def _usual_box(self, placeholder: tuple[str, str]) -> Box | None:
        if placeholder == ("", ""):
            return None
        width, height = self.size
        if "itle" in placeholder[0]:
            return width * 0.05, height * 0.06, width * 0.95, height * 0.22
        return width * 0.05, height * 0.26, width * 0.95, height * 0.9


def draw_shape(canvas: Canvas, shape: Shape) -> None:
    """Put a shape on a page."""
    left, top, right, bottom = shape.box
    if shape.is_picture:
        canvas.picture(shape.picture, *shape.box)
    elif shape.rows:
        height, width = (bottom - top) / len(shape.rows), right - left
        for index, row in enumerate(shape.rows):
            cell = width / max(len(row), 1)
            for column, text in enumerate(row):
                x, y = left + column * cell, top + index * height
                canvas.box(x, y, x + cell, y + height)
                canvas.text(text, x + 3, y + 2, x + cell - 3, 12, bottom=y + height)
    elif shape.text:
        canvas.text(shape.text, left + 4, top + 4, right - 4, shape.size, bottom=max(bottom, top + shape.size * 1.3))
    else:
        canvas.box(*shape.box)


def _box(node: etree._Element) -> Box | None:
    offset, extent = next(node.iter("{*}off"), None), next(node.iter("{*}ext"), None)
    extent = next((item for item in node.iter("{*}ext") if item.get("cx")), extent)
    if offset is None or extent is None or extent.get("cx") is None:
        return None
    left, top = _emu(offset, "x"), _emu(offset, "y")
    return left, top, left + _emu(extent, "cx"), top + _emu(extent, "cy")


def _placeholder(node: etree._Element) -> tuple[str, str]:
    mark = next(node.iter("{*}ph"), None)
    return ("", "") if mark is None else (mark.get("type", "body"), mark.get("idx", "0"))


def _text(node: etree._Element) -> str:
    paragraphs = ("".join(run.text or "" if run.tag.endswith("}t") else "\n" for run in paragraph.iter("{*}t", "{*}br")) for paragraph in node.iter("{*}p"))
    return "\n".join(paragraphs).strip()


def _font_size(node: etree._Element, placeholder: tuple[str, str]) -> float:
    for run in node.iter("{*}rPr"):
        size = run.get("sz", "")
        if size.isdigit() and 600 <= int(size) <= 9600:
            return int(size) / 100
    return 36.0 if "itle" in placeholder[0] else 18.0


def _emu(node: etree._Element, name: str) -> float:
    try:
        return float(node.get(name, "0")) / _EMU
    except ValueError:
        return 0.0
