"""Text with the bytes of something else in it."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 1_000_000  # characters
# Form feed, tabs and the escape of coloured logs are common.
_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\v\f\r\x1b") + b"\x7f"


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    head = text.text[:LOOKED_AT]
    raw = head.encode("utf-8", "replace")
    found = len(raw) - len(raw.translate(None, _CONTROLS))
    return 1000 * found / max(len(head), 1), f"{found} in {len(head)} characters"


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


CHECK = Check(
    name="control_characters",
    modality="text",
    severity="warn",
    description="More than 5 control characters in 1,000: binary data, or a broken export.",
    unit="in 1,000",
    threshold=5,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text("one\ttwo\r\nthree\f\n" * 20),
    bad=lambda: _text("one\x00two\x01\n" * 20),
)
