"""Text with words of letters of two alphabets: look-alikes, failed character recognition, wrong keyboard layouts."""

import re

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 262_144  # characters
_LATIN, _OTHERS = "A-Za-z\u00c0-\u024f", "\u0400-\u04ff"  # Greek letters stand beside Latin ones in formulas
_MIXED = re.compile(f"[{_LATIN}][{_OTHERS}]|[{_OTHERS}][{_LATIN}]")
_FOREIGN = re.compile(f"[{_OTHERS}]")


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    head = text.text[:LOOKED_AT]
    if head.isascii() or not _FOREIGN.search(head):
        return 0.0, "one alphabet"
    words = head.split()
    mixed = sum(_MIXED.search(word) is not None for word in words)
    return 1000 * mixed / len(words), f"{mixed} of {len(words)} words mix alphabets"


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


SENTENCE = "Привет, Anna, как дела сегодня? "


CHECK = Check(
    name="mixed_scripts",
    modality="text",
    severity="warn",
    description="More than 20 of 1,000 words mix Latin and Cyrillic letters.",
    unit="in 1,000",
    threshold=20,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text(SENTENCE * 5),
    bad=lambda: _text("Pаypаl sеnds you mоnеy tоday. " * 5),
    penalty=10.0,
)
