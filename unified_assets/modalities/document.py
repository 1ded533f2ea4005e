"""Documents: PDF and Office files in; title and pages, or pages as pictures with their text out.

PDF pages are rendered; pages of Office files are drawn schematically from their layout, because rendering them needs an office suite.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import olefile

from unified_assets.core.contracts import Modality
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedDocument, Page
from unified_assets.formats import drawing, electronic_book, open_document, pictures, portable_document, rich_text, slide_binary, word_binary
from unified_assets.formats.packages import open_package
from unified_assets.formats.slide_package import SlideDeck
from unified_assets.formats.word_package import WordDocument, require_document, title_of

MAX_PAGES = 4
_OFFICE = "application/vnd.openxmlformats-officedocument."
_PDF, _RTF, _DOC, _PPT = "application/pdf", "application/rtf", "application/msword", "application/vnd.ms-powerpoint"
_DOCX, _PPTX = f"{_OFFICE}wordprocessingml.document", f"{_OFFICE}presentationml.presentation"
_EPUB = "application/epub+zip"
_ODT, _ODP = "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.presentation"


def probe(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """Title, and the number of pages or slides where the file states it (flowing text has none until it is set)."""
    return _PROBES[media_type](stream)


def decode(stream: BinaryIO, media_type: str) -> DecodedDocument:
    """The first four pages: picture and text of each, the pictures inside them, and the title."""
    return _DECODERS[media_type](stream)


def _probe_pdf(stream: BinaryIO) -> Mapping[str, Any]:
    with portable_document.open_pdf(stream) as document:
        return {"pages": len(document), "title": portable_document.title_of(document) or None}


def _decode_pdf(stream: BinaryIO) -> DecodedDocument:
    with portable_document.open_pdf(stream) as document:
        pages: list[Page] = []
        found: list[np.ndarray] = []
        problem: UnreadableFile | None = None
        for index in range(min(len(document), MAX_PAGES)):
            try:
                page, inside = portable_document.page_of(document, index)
            except UnreadableFile as error:
                problem = error
                continue
            pages.append(page)
            found += inside
        if not pages and problem is not None:
            raise problem
        title = portable_document.title_of(document)
        return DecodedDocument(pages=tuple(pages), pictures=tuple(found[: pictures.MAX_PICTURES]), title=title, total_pages=len(document))


def _probe_docx(stream: BinaryIO) -> Mapping[str, Any]:
    package = open_package(stream)
    require_document(package)
    return {"title": title_of(package) or None}


def _decode_docx(stream: BinaryIO) -> DecodedDocument:
    package = open_package(stream)
    document = WordDocument(package)
    blocks = document.blocks()
    return _flowing(blocks, document.pictures, title_of(package), page=document.page)


def _probe_pptx(stream: BinaryIO) -> Mapping[str, Any]:
    package = open_package(stream)
    return {"pages": len(SlideDeck(package).slides), "title": title_of(package) or None}


def _decode_pptx(stream: BinaryIO) -> DecodedDocument:
    package = open_package(stream)
    deck = SlideDeck(package)
    pages = [Page(image=image, text=text) for image, text in map(deck.page, deck.slides[:MAX_PAGES])]
    inside = tuple(picture for picture in deck.pictures.values() if picture is not None)
    return DecodedDocument(pages=tuple(pages), pictures=inside, title=title_of(package), total_pages=len(deck.slides), drawn=True)


def _probe_open_document(stream: BinaryIO) -> Mapping[str, Any]:
    package = open_package(stream)
    return {"title": open_document.open_document_blocks(package)[2] or None}


def _decode_open_document(stream: BinaryIO) -> DecodedDocument:
    package = open_package(stream)
    return _flowing(*open_document.open_document_blocks(package))


def _probe_epub(stream: BinaryIO) -> Mapping[str, Any]:
    package = open_package(stream)
    return {"title": electronic_book.book_title(package) or None}


def _decode_epub(stream: BinaryIO) -> DecodedDocument:
    package = open_package(stream)
    return _flowing(*electronic_book.book_blocks(package))


def _probe_doc(stream: BinaryIO) -> Mapping[str, Any]:
    with _ole(stream) as package:
        word_binary.word_text(package)
        return {"title": word_binary.ole_title(package) or None}


def _decode_doc(stream: BinaryIO) -> DecodedDocument:
    with _ole(stream) as package:
        inside = word_binary.word_pictures(package)
        blocks = [*rich_text.text_blocks(word_binary.word_text(package)), *(drawing.Block(picture=picture) for picture in inside)]
        return _flowing(blocks, inside, word_binary.ole_title(package))


def _probe_ppt(stream: BinaryIO) -> Mapping[str, Any]:
    with _ole(stream) as package:
        return {"pages": len(slide_binary.read_slides(package).slides), "title": word_binary.ole_title(package) or None}


def _decode_ppt(stream: BinaryIO) -> DecodedDocument:
    with _ole(stream) as package:
        slides = slide_binary.read_slides(package)
        pages = [Page(image=image, text=text) for image, text in map(slides.page, range(min(len(slides.slides), MAX_PAGES)))]
        title = word_binary.ole_title(package)
    return DecodedDocument(pages=tuple(pages), pictures=slides.pictures, title=title, total_pages=len(slides.slides), drawn=True)


def _probe_rtf(stream: BinaryIO) -> Mapping[str, Any]:
    return {"title": _rtf(stream)[1] or None}


def _decode_rtf(stream: BinaryIO) -> DecodedDocument:
    text, title = _rtf(stream)
    return _flowing(rich_text.text_blocks(text), (), title)


def _rtf(stream: BinaryIO) -> tuple[str, str]:
    stream.seek(0)
    return rich_text.rich_text(stream.read(rich_text.MAX_BYTES))


def _flowing(blocks: list[drawing.Block], inside: tuple[np.ndarray, ...], title: str, *, page: tuple[float, float] = drawing.A4) -> DecodedDocument:
    """Text set in pages: one more than are kept is laid out, to tell how many there are."""
    laid = drawing.flow(blocks, page=page, pages=MAX_PAGES)
    return DecodedDocument(pages=tuple(Page(image=image, text=text) for image, text in laid), pictures=inside, title=title, total_pages=len(laid), drawn=True)


@contextmanager
def _ole(stream: BinaryIO) -> Iterator[olefile.OleFileIO]:
    stream.seek(0)
    try:
        package = olefile.OleFileIO(stream)
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise UnreadableFile("corrupt", str(error)) from error
    with package:
        if package.exists("EncryptedPackage"):
            raise UnreadableFile("encrypted")
        yield package


_PROBES: Mapping[str, Callable[[BinaryIO], Mapping[str, Any]]] = {
    _PDF: _probe_pdf,
    _DOCX: _probe_docx,
    _PPTX: _probe_pptx,
    _DOC: _probe_doc,
    _PPT: _probe_ppt,
    _RTF: _probe_rtf,
    _ODT: _probe_open_document,
    _ODP: _probe_open_document,
    _EPUB: _probe_epub,
}
_DECODERS: Mapping[str, Callable[[BinaryIO], DecodedDocument]] = {
    _PDF: _decode_pdf,
    _DOCX: _decode_docx,
    _PPTX: _decode_pptx,
    _DOC: _decode_doc,
    _PPT: _decode_ppt,
    _RTF: _decode_rtf,
    _ODT: _decode_open_document,
    _ODP: _decode_open_document,
    _EPUB: _decode_epub,
}


def _good() -> tuple[bytes, str]:
    return b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}Dear reader,\\par the plum is ripe.\\par}", _RTF


def _bad() -> tuple[bytes, str]:
    return io.BytesIO(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pag").getvalue(), _PDF


MODALITY = Modality(
    name="document",
    description="PDF, Office documents and books: pages, their text and the pictures inside them.",
    media_types=frozenset(_DECODERS),
    probe=probe,
    decode=decode,
    views=("document", "document.page", "document.text", "document.picture"),
    extensions={
        "pdf": _PDF,
        "docx": _DOCX,
        "pptx": _PPTX,
        "doc": _DOC,
        "ppt": _PPT,
        "rtf": _RTF,
        "odt": _ODT,
        "odp": _ODP,
        "epub": _EPUB,
    },
    good=_good,
    bad=_bad,
)
