"""Documents whose text layer is no text: fonts without a mapping to characters, so that copying a line gives signs of no meaning."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedDocument, Page

FEWEST = 50  # characters
_PRIVATE = range(0xE000, 0xF900)  # what an unmapped glyph becomes
_REPLACEMENT = 0xFFFD


def _measure(document: Decoded) -> tuple[float, str]:
    assert isinstance(document, DecodedDocument)
    characters = "".join(document.text.split())
    if len(characters) < FEWEST:
        return 0.0, "too little text to tell"
    garbled = 0 if characters.isascii() and characters.isprintable() else sum(map(_is_garbled, characters))
    return garbled / len(characters), f"{garbled} of {len(characters)} characters have no meaning"


def _is_garbled(character: str) -> bool:
    code = ord(character)
    return code in _PRIVATE or code == _REPLACEMENT or code < 0x20 or 0x7F <= code < 0xA0


def _document(text: str) -> DecodedDocument:
    return DecodedDocument(pages=(Page(image=None, text=text),), total_pages=1)


SENTENCE = "An invoice of many lines – für Übergrößen, 12 € each. "

CHECK = Check(
    name="garbled_text_layer",
    modality="document",
    severity="warn",
    description="More than a tenth of the characters of the text layer have no meaning: unmapped glyphs, control or replacement characters.",
    unit="share",
    threshold=0.1,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _document(SENTENCE * 4),
    bad=lambda: _document("".join(chr(0xE000 + index % 90) for index in range(200)) + SENTENCE),
)
