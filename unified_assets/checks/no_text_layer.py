"""Documents that are pictures of text: their words cannot be read without character recognition."""

import numpy as np

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedDocument, Page

INK = 0.025  # share of a page; a scan of 20 words measured 0.03 and more, a logo on an empty page 0.014
LEVELS = 24  # by which ink differs from the commonest level


def _measure(document: Decoded) -> tuple[float, str]:
    assert isinstance(document, DecodedDocument)
    letters = sum(character.isalnum() for page in document.pages for character in page.text)
    if document.drawn or max(map(_ink, document.pages), default=0.0) < INK:
        return float(max(letters, 1)), "no page looks like a page of text or like a scan"
    return float(letters), f"{letters} letters and digits on {len(document.pages)} pages"


def _ink(page: Page) -> float:
    """Share of the pixels that differ from the commonest level."""
    if page.image is None or page.image.size == 0:
        return 0.0
    plane = page.image.min(axis=2)
    ground = int(np.bincount(plane.ravel(), minlength=256).argmax())
    return float((np.abs(plane.astype(np.int16) - ground) > LEVELS).mean())


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
    description="A fortieth of a rendered page or more is ink, and there is no letter or digit in the text layer.",
    unit="letters",
    threshold=1,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _document("An invoice"),
    bad=lambda: _document("", ""),
    penalty=10.0,
)
