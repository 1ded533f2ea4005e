"""Documents that are pictures of text: their words cannot be read without character recognition."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedDocument, Page

FLAT = 8  # levels a page may span and still be blank


def _measure(document: Decoded) -> tuple[float, str]:
    assert isinstance(document, DecodedDocument)
    letters = sum(character.isalnum() for page in document.pages for character in page.text)
    marked = any(page.image is not None and page.image.size and int(np.ptp(page.image)) > FLAT for page in document.pages)
    if not marked:
        return float(max(letters, 1)), "no page with a mark on it"
    return float(letters), f"{letters} letters and digits on {len(document.pages)} pages"


def _document(*texts: str | None) -> DecodedDocument:
    """A page for each text; None is a page with nothing on it, an empty text one with strokes and no text layer."""
    pages = []
    for text in texts:
        image = np.full((64, 48, 3), 255, np.uint8)
        image[10:40:6, 8:40] = 255 if text is None else 0
        pages.append(Page(image=image, text=text or ""))
    return DecodedDocument(pages=tuple(pages), total_pages=len(pages))


CHECK = Check(
    name="no_text_layer",
    modality="document",
    severity="warn",
    description="Pages with marks on them, and no letter or digit in the text layer.",
    unit="letters",
    threshold=1,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _document("An invoice"),
    bad=lambda: _document("", ""),
    penalty=10.0,
)
