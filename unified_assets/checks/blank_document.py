"""Documents with nothing on any page."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedDocument, Page

FLAT = 8  # levels a page may span and still be blank


def _measure(document: Decoded) -> tuple[float, str]:
    assert isinstance(document, DecodedDocument)
    written = sum(not _is_blank(page) for page in document.pages)
    if document.drawn and not written:  # an equation or a header that is not drawn may be on it
        return 1.0, "nothing that could be drawn"
    return float(written + len(document.pictures)), f"{len(document.pages)} pages read, {written} with something on them, {len(document.pictures)} pictures"


def _is_blank(page: Page) -> bool:
    return not page.text.strip() and (page.image is None or page.image.size == 0 or int(np.ptp(page.image)) <= FLAT)


def _document(*texts: str | None) -> DecodedDocument:
    """A page for each text; None is a page with nothing on it, an empty text one with strokes and no text layer."""
    pages = []
    for text in texts:
        image = np.full((64, 48, 3), 255, np.uint8)
        image[10:40:6, 8:40] = 255 if text is None else 0
        pages.append(Page(image=image, text=text or ""))
    return DecodedDocument(pages=tuple(pages), total_pages=len(pages))


CHECK = Check(
    name="blank_document",
    modality="document",
    severity="reject",
    description="No rendered page has text or a mark, and there is no picture.",
    unit="pages and pictures",
    threshold=1,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _document("An invoice", None),
    bad=lambda: _document(None, None),
)
