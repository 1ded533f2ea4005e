"""An .odt or .odp package in; its blocks in reading order, pictures and title out (OASIS OpenDocument 1.3)."""

import numpy as np
from lxml import etree

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.drawing import Block
from unified_assets.formats.packages import Package
from unified_assets.formats.pictures import MAX_PICTURES, embedded_picture

MAX_BLOCKS = 4000
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_HREF = "{http://www.w3.org/1999/xlink}href"


def open_document_blocks(package: Package) -> tuple[list[Block], tuple[np.ndarray, ...], str]:
    """(blocks, pictures, title). Raises UnreadableFile("encrypted") for a protected file."""
    if "META-INF/manifest.xml" in package.names and b"encryption-data" in package.read("META-INF/manifest.xml"):
        raise UnreadableFile("encrypted")
    body = next(package.xml("content.xml").iter("{*}body"), None)
    blocks: list[Block] = []
    pictures: list[np.ndarray] = []
    stack = [] if body is None else [body]
    while stack and len(blocks) < MAX_BLOCKS:
        node = stack.pop()
        if node.tag == f"{_TABLE}table":
            rows = tuple(tuple(_text(cell) for cell in row.iter(f"{_TABLE}table-cell")) for row in list(node.iter(f"{_TABLE}table-row"))[:200])
            blocks.append(Block(rows=tuple(row for row in rows if row)))
            continue
        if node.tag in {f"{_TEXT}p", f"{_TEXT}h"}:
            heading = node.tag == f"{_TEXT}h"
            level = node.get(f"{_TEXT}outline-level", "1")
            blocks.append(Block(text=_text(node), size=max(12.0, 20.0 - 2 * int(level)) if heading and level.isdigit() else 11.0))
        if node.tag == f"{_DRAW}page" and blocks:
            blocks.append(Block(page_break=True))
        if node.tag == f"{_DRAW}image" and len(pictures) < MAX_PICTURES:
            picture = _picture(package, node.get(_HREF, ""))
            if picture is not None:
                pictures.append(picture)
                blocks.append(Block(picture=picture))
        stack.extend(reversed([child for child in node if isinstance(child.tag, str)]))
    return blocks, tuple(pictures), _title(package)


def _picture(package: Package, part: str) -> np.ndarray | None:
    try:
        return embedded_picture(package.read(part.removeprefix("./"))) if part else None
    except UnreadableFile:
        return None


def _text(node: etree._Element) -> str:
    parts: list[str] = []
    for item in node.iter():
        if item.tag == f"{_TEXT}tab":
            parts.append("\t")
        elif item.tag in {f"{_TEXT}s", f"{_TEXT}line-break"}:
            parts.append(" " if item.tag == f"{_TEXT}s" else "\n")
        elif isinstance(item.tag, str) and item.text:
            parts.append(item.text)
        if item is not node and item.tail:
            parts.append(item.tail)
    return "".join(parts).strip()


def _title(package: Package) -> str:
    try:
        return (package.xml("meta.xml").findtext(".//{http://purl.org/dc/elements/1.1/}title") or "").strip()[:300]
    except UnreadableFile:
        return ""
