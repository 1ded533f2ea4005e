"""Text files without a visible character."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 1024  # characters
BLANKS = " \t\r\n\x00\ufeff\xa0"


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    head = text.text[:LOOKED_AT]
    visible = len(head) - sum(map(head.count, BLANKS))
    if visible == 0 and len(text.text) > LOOKED_AT:
        visible = len(text.text.strip(BLANKS))
    return float(visible), f"{len(text.text)} characters"


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


CHECK = Check(
    name="empty",
    modality="text",
    severity="reject",
    description="No visible character.",
    unit="characters",
    threshold=1,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _text("A cat sat on the mat.\n"),
    bad=lambda: _text(" \n\t\ufeff\n"),
)
