"""Documents with empty pages among the others."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedDocument, Page

FLAT = 8  # levels a page may span and still be blank


def _measure(document: Decoded) -> tuple[float, str]:
    assert isinstance(document, DecodedDocument)
    if document.drawn:
        return 0.0, "drawn from the layout: what could not be drawn may be on its pages"
    blank = sum(_is_blank(page) for page in document.pages)
    return blank / max(len(document.pages), 1), f"{blank} of {len(document.pages)} pages read are blank"


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
    name="blank_pages",
    modality="document",
    severity="warn",
    description="More than a third of the rendered pages have neither text nor a mark.",
    unit="share",
    threshold=0.34,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _document("An invoice", "Terms"),
    bad=lambda: _document("An invoice", None, None),
    penalty=10.0,
)
