"""Documents that are pictures of text: their words cannot be read without character recognition."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedDocument, Page

EDGES = 24  # of ink; scans of 20 words and more measured 44 and more, drawings and logos 10 and less
ROWS = 8  # that have so many: a line of small print, or two
LEVELS = 24  # by which ink differs from the commonest level


def _measure(document: Decoded) -> tuple[float, str]:
    assert isinstance(document, DecodedDocument)
    letters = sum(character.isalnum() for page in document.pages for character in page.text)
    if document.drawn or max(map(_edges, document.pages), default=0) < EDGES:
        return float(max(letters, 1)), "no page looks like a page of text or like a scan"
    return float(letters), f"{letters} letters and digits on {len(document.pages)} pages"


def _edges(page: Page) -> int:
    """Changes between ground, the commonest level, and ink: so many have ROWS rows, or columns of a page that lies on its side."""
    if page.image is None or min(page.image.shape[:2]) < ROWS:
        return 0
    plane = page.image.min(axis=2)
    ground = int(np.bincount(plane.ravel(), minlength=256).argmax())
    ink = np.abs(plane.astype(np.int16) - ground) > LEVELS
    rows, columns = (ink[:, 1:] != ink[:, :-1]).sum(axis=1), (ink[1:] != ink[:-1]).sum(axis=0)
    return max(int(np.sort(counts)[-ROWS]) for counts in (rows, columns))


def _document(*texts: str | None) -> DecodedDocument:
    """A page for each text; None is a page with nothing on it, an empty text one with strokes and no text layer."""
    pages = []
    for text in texts:
        image = np.full((64, 48, 3), 255, np.uint8)
        image[10:40, 8:40:2] = 255 if text is None else 0
        pages.append(Page(image=image, text=text or ""))
    return DecodedDocument(pages=tuple(pages), total_pages=len(pages))


CHECK = Check(
    name="no_text_layer",
    modality="document",
    severity="warn",
    description="A rendered page has lines of strokes as dense as print, and there is no letter or digit in the text layer.",
    unit="letters",
    threshold=1,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _document("An invoice"),
    bad=lambda: _document("", ""),
    penalty=10.0,
)
