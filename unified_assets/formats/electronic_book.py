"""An EPUB package in; its blocks in the order of the spine, pictures and title out (EPUB 3.3)."""

import posixpath
import re
from urllib.parse import unquote

import numpy as np
from lxml import etree

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.drawing import Block
from unified_assets.formats.packages import Package
from unified_assets.formats.pictures import MAX_PICTURES, embedded_picture

MAX_BLOCKS = 4000
MAX_CHAPTERS = 200
_HEADINGS = {f"h{level}": max(12.0, 22.0 - 2 * level) for level in range(1, 7)}
_PARAGRAPHS = frozenset({"p", "li", "dt", "dd", "pre", "blockquote", "figcaption"})
_WHITE = re.compile(r"\s+")
Book = tuple[list[Block], tuple[np.ndarray, ...], str]


def book_blocks(package: Package) -> Book:
    """(blocks, pictures, title). Raises UnreadableFile("encrypted") for a protected book, "corrupt" for one without a spine."""
    if "META-INF/encryption.xml" in package.names and "META-INF/rights.xml" in package.names:
        raise UnreadableFile("encrypted")
    where, root = _root(package)
    blocks: list[Block] = []
    pictures: list[np.ndarray] = []
    for number, chapter in enumerate(_spine(where, root)[:MAX_CHAPTERS]):
        if len(blocks) >= MAX_BLOCKS:
            break
        if number and blocks:
            blocks.append(Block(page_break=True))
        try:
            _chapter(package, chapter, blocks, pictures)
        except UnreadableFile as error:
            if error.reason != "part_missing":
                raise
    return blocks, tuple(pictures), book_title(package)


def book_title(package: Package) -> str:
    """The title in the package document. Raises UnreadableFile for a book without one of those."""
    return (_root(package)[1].findtext(".//{http://purl.org/dc/elements/1.1/}title") or "").strip()[:300]


def _root(package: Package) -> tuple[str, etree._Element]:
    """(folder of the package document, the document)."""
    pointer = next(package.xml("META-INF/container.xml").iter("{*}rootfile"), None)
    name = "" if pointer is None else pointer.get("full-path", "")
    if not name:
        raise UnreadableFile("corrupt", "META-INF/container.xml names no package document")
    return posixpath.dirname(name), package.xml(name)


def _spine(folder: str, root: etree._Element) -> list[str]:
    parts = {item.get("id", ""): item.get("href", "") for item in root.iter("{*}item")}
    chosen = [parts.get(reference.get("idref", ""), "") for reference in root.iter("{*}itemref")]
    return [posixpath.normpath(posixpath.join(folder, unquote(part.partition("#")[0]))) for part in chosen if part]


def _chapter(package: Package, name: str, blocks: list[Block], pictures: list[np.ndarray]) -> None:
    body = next(package.xml(name).iter("{*}body"), None)
    stack = [] if body is None else [body]
    while stack and len(blocks) < MAX_BLOCKS:
        node = stack.pop()
        tag = etree.QName(node).localname.lower()
        if tag == "table":
            rows = tuple(tuple(_text(cell) for cell in row.iter("{*}td", "{*}th")) for row in list(node.iter("{*}tr"))[:200])
            blocks.append(Block(rows=tuple(row for row in rows if row)))
            continue
        if tag in {"img", "image"} and len(pictures) < MAX_PICTURES and (picture := _picture(package, name, node)) is not None:
            pictures.append(picture)
            blocks.append(Block(picture=picture))
        if tag in _HEADINGS or tag in _PARAGRAPHS:
            blocks.append(Block(text=_text(node), size=_HEADINGS.get(tag, 11.0)))
            stack.extend(reversed(list(node.iter("{*}img"))[:MAX_PICTURES]))
            continue
        stack.extend(reversed([child for child in node if isinstance(child.tag, str) and etree.QName(child).localname.lower() not in {"script", "style"}]))


def _picture(package: Package, chapter: str, node: etree._Element) -> np.ndarray | None:
    target = node.get("src") or node.get("{http://www.w3.org/1999/xlink}href") or ""
    part = posixpath.normpath(posixpath.join(posixpath.dirname(chapter), unquote(target)))
    try:
        return embedded_picture(package.read(part)) if target and part in package.names else None
    except UnreadableFile:
        return None


def _text(node: etree._Element) -> str:
    return _WHITE.sub(" ", "".join(str(part) for part in node.itertext())).strip()
