"""A .docx package in; its blocks in reading order, pictures, title and page size out (ECMA-376 part 1, WordprocessingML)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np
from lxml import etree

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.drawing import A4, Block
from unified_assets.formats.packages import Package
from unified_assets.formats.pictures import MAX_PICTURES, embedded_picture

MAX_BLOCKS = 4000
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT_W = "http://purl.oclc.org/ooxml/wordprocessingml/main"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>)?\s*<(?:\w{1,20}:)?document[\s>]")
_TWIPS = 20.0  # a point


class WordDocument:
    """The main part of a .docx."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._part = main_part(package, "word/document.xml")
        self._relations = package.relations(self._part)
        self._pictures: dict[str, np.ndarray | None] = {}
        self.root = package.xml(self._part)
        if self.root.tag.startswith("{" + _STRICT_W):
            _loosen(self.root)

    @property
    def page(self) -> tuple[float, float]:
        """Width and height in points."""
        size = self.root.find(f".//{_W}sectPr/{_W}pgSz")
        width, height = (_number(size, f"{_W}w"), _number(size, f"{_W}h")) if size is not None else (0.0, 0.0)
        return (width / _TWIPS, height / _TWIPS) if 1000 < width < 40_000 and 1000 < height < 40_000 else A4

    @property
    def pictures(self) -> tuple[np.ndarray, ...]:
        """Raster pictures met while the blocks were read."""
        return tuple(picture for picture in self._pictures.values() if picture is not None)

    def blocks(self) -> list[Block]:
        """Paragraphs, tables and pictures in order, headers first and footers last; at most 4,000."""
        body = self.root.find(f"{_W}body")
        found = self._margin("header")
        for node in () if body is None else _block_nodes(body):
            found += [_table(node)] if node.tag == f"{_W}tbl" else self._paragraph(node)
            if len(found) >= MAX_BLOCKS:
                break
        return found + self._margin("footer")

    def _margin(self, kind: str) -> list[Block]:
        """The different headers or footers of the document, once each."""
        texts: dict[str, None] = {}
        for part in sorted(part for relation, part in self._relations.values() if relation == kind)[:8]:
            with suppress(UnreadableFile):
                texts.setdefault(_text(self._package.xml(part)))
        return [Block(text=text, size=9.0) for text in texts if text]

    def _paragraph(self, node: etree._Element) -> Iterator[Block]:
        style = node.find(f"{_W}pPr/{_W}pStyle")
        name = "" if style is None else style.get(f"{_W}val", "").lower()
        align = node.find(f"{_W}pPr/{_W}jc")
        breaks = any(item.get(f"{_W}type") == "page" for item in node.iter(f"{_W}br")) or node.find(f"{_W}pPr/{_W}pageBreakBefore") is not None
        yield Block(
            text=_text(node),
            size=_font_size(node, name),
            centred=align is not None and align.get(f"{_W}val") == "center",
            page_break=breaks,
        )
        for blip in node.iter(f"{_A}blip"):
            picture = self._picture(blip.get(f"{_R}embed", ""))
            if picture is not None:
                yield Block(picture=picture)

    def _picture(self, relation: str) -> np.ndarray | None:
        _, part = self._relations.get(relation, ("", ""))
        if part and part not in self._pictures and len(self._pictures) < MAX_PICTURES:
            try:
                self._pictures[part] = embedded_picture(self._package.read(part))
            except UnreadableFile:
                self._pictures[part] = None
        return self._pictures.get(part)


def require_document(package: Package) -> None:
    """Raise UnreadableFile unless the main part is there, unpacks within bounds and starts as a document; one that starts oddly is parsed."""
    part = main_part(package, "word/document.xml")
    if not _BEGINNING.match(package.read(part)):
        package.xml(part)


def main_part(package: Package, usual: str) -> str:
    """The part the package's own relations call its document."""
    targets = [part for kind, part in package.relations("").values() if kind == "officeDocument"]
    return targets[0] if targets and targets[0] in package.names else usual


def title_of(package: Package) -> str:
    """The title in the core properties, if any."""
    try:
        root = package.xml("docProps/core.xml")
    except UnreadableFile:
        return ""
    return (root.findtext(".//{http://purl.org/dc/elements/1.1/}title") or "").strip()[:300]


def _block_nodes(body: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs and tables, those inside content controls and sections too, not those inside tables."""
    stack = list(reversed(body))
    while stack:
        node = stack.pop()
        if node.tag in {f"{_W}p", f"{_W}tbl"}:
            yield node
        elif node.tag in {f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml", f"{_W}smartTag"}:
            stack.extend(reversed(node))


def _table(node: etree._Element) -> Block:
    rows = tuple(tuple(_text(cell) for cell in row.iter(f"{_W}tc")) for row in list(node.iter(f"{_W}tr"))[:200])
    return Block(rows=tuple(row for row in rows if row))


def _text(node: etree._Element) -> str:
    parts: list[str] = []
    for item in node.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr", f"{_W}p"):
        if item.tag == f"{_W}t":
            parts.append(item.text or "")
        elif item.tag == f"{_W}tab":
            parts.append("" if item.getparent().tag == f"{_W}tabs" else "\t")
        elif parts:
            parts.append("\n")
    return "".join(parts).strip()


def _font_size(node: etree._Element, style: str) -> float:
    size = node.find(f"{_W}r/{_W}rPr/{_W}sz")
    half_points = _number(size, f"{_W}val") if size is not None else 0.0
    if 8 <= half_points <= 160:
        return half_points / 2
    if style.startswith("title"):
        return 26.0
    if style.startswith("heading"):
        return max(12.0, 20.0 - 2 * int("".join(char for char in style if char.isdigit())[:1] or 1))
    return 11.0


def _number(node: etree._Element, name: str) -> float:
    try:
        return float(node.get(name, "0"))
    except ValueError:
        return 0.0


_TRANSITIONAL: Mapping[str, str] = {
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}": _W,
    "{http://purl.oclc.org/ooxml/drawingml/main}": _A,
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}": _R,
}


def _loosen(root: etree._Element) -> None:
    """Give a file of the Strict variant the usual namespaces."""
    for node in root.iter():
        node.tag = _usual(node.tag)
        for name in [name for name in node.attrib if name.startswith("{http://purl.oclc.org/")]:
            node.attrib[_usual(name)] = node.attrib.pop(name)


def _usual(name: str) -> str:
    namespace, brace, local = name.partition("}")
    return _TRANSITIONAL.get(namespace + brace, namespace + brace) + local
