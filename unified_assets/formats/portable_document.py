"""A PDF in; pages rendered with their text, embedded pictures, title and number of pages out, through PDFium."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw
from PIL import Image

from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import Page
from unified_assets.formats.drawing import SIDE
from unified_assets.formats.pictures import MAX_PICTURES, MIN_SIDE, rgb

MAX_FILE_BYTES = 256 << 20
MAX_PAGE_CHARS = 1 << 19
_MAX_PICTURE_PIXELS = 25_000_000
_MAX_OBJECTS = 2000


@contextmanager
def open_pdf(stream: BinaryIO) -> Iterator[pdfium.PdfDocument]:
    """Open a PDF without a password. PDFium is not thread-safe: one document at a time in a process."""
    stream.seek(0)
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableFile("too_large", f"more than {MAX_FILE_BYTES >> 20} MiB")
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        reason = "encrypted" if "password" in str(error).lower() or "security" in str(error).lower() else "corrupt"
        raise UnreadableFile(reason, "PDFium cannot open it") from error  # the error's own words differ from process to process
    try:
        if len(document) == 0:
            raise UnreadableFile("no_pages")
        yield document
    finally:
        document.close()


def title_of(document: pdfium.PdfDocument) -> str:
    """The title in the information dictionary, if any."""
    return str(document.get_metadata_value("Title") or "").strip("\0 ")[:300]


def page_of(document: pdfium.PdfDocument, index: int) -> tuple[Page, list[np.ndarray]]:
    """A page, rendered with its longest side at 512 pixels, and its raster pictures. Raises UnreadableFile if it cannot be loaded."""
    try:
        page = document[index]
    except pdfium.PdfiumError as error:
        raise UnreadableFile("corrupt", f"page {index}: {error}") from error
    try:
        width, height = page.get_size()
        scale = SIDE / max(width, height, 1e-3)
        bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
        pixels = np.array(Image.fromarray(np.asarray(bitmap.to_numpy())).convert("RGB").resize(_size(width, height)))
        return Page(image=pixels, text=_text(page)), list(_pictures(page))
    except pdfium.PdfiumError as error:
        raise UnreadableFile("corrupt", f"page {index}: {error}") from error
    finally:
        page.close()


def _size(width: float, height: float) -> tuple[int, int]:
    scale = SIDE / max(width, height, 1e-3)
    return max(8, min(SIDE, round(width * scale))), max(8, min(SIDE, round(height * scale)))


def _text(page: Any) -> str:
    text_page = page.get_textpage()
    try:
        return (
            str(text_page.get_text_range(0, min(text_page.count_chars(), MAX_PAGE_CHARS))).replace("\r\n", "\n").strip() if text_page.count_chars() > 0 else ""
        )
    finally:
        text_page.close()


def _pictures(page: Any) -> Iterator[np.ndarray]:
    for count, item in enumerate(page.get_objects(filter=[pdfium_raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)):
        if count >= _MAX_OBJECTS:
            return
        try:
            width, height = item.get_px_size()
            if min(width, height) < MIN_SIDE or width * height > _MAX_PICTURE_PIXELS:
                continue
            yield rgb(item.get_bitmap().to_pil())
        except (pdfium.PdfiumError, ValueError, OSError):
            continue
        if count >= MAX_PICTURES:
            return
