"""Text that went through a wrong character encoding."""

import re

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 1_000_000  # characters
# UTF-8 read as Latin-1 or Windows-1252 (caf\u00c3\u00a9, it\u00e2\u20ac\u2122s), replacement characters, and C1 controls, which no text has.
_TRACES = re.compile(
    "\u00c3[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u2013-\u203a\u20ac\u2122]"
    "|\u00e2\u20ac[\u0080-\u00bf\u0152\u0153\u02dc\u2013-\u203a\u2122\u0161]"
    "|\u00e2[\u0080-\u009f]|\u00c2[\u00a0-\u00bf]|\u00ef\u00bf\u00bd|\u00ef\u00bb\u00bf|\ufffd|[\u0080-\u0084\u0086-\u009f]"
)


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    head = text.text[:LOOKED_AT]
    found = len(_TRACES.findall(head)) if not head.isascii() else 0
    return 1000 * found / max(len(head), 1), f"{found} traces in {len(head)} characters"


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


def _wrong(text: str) -> DecodedText:
    return _text(text.encode("utf-8").decode("cp1252", errors="replace"))


SENTENCE = "Le café est fermé à l’été; naïve façade, Übergröße. Não há “ação” — 5 €. "

CHECK = Check(
    name="mojibake",
    modality="text",
    severity="warn",
    description="More than 1 trace of a wrong encoding in 1,000 characters.",
    unit="in 1,000",
    threshold=1,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text(SENTENCE * 5),
    bad=lambda: _wrong(SENTENCE * 5),
    penalty=20.0,
)
