"""Text files that hold a word or two."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

ENOUGH = 1024  # characters; a file with more of them is not counted to its end


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    visible = len("".join(text.text[:ENOUGH].split()))
    return float(visible), f"{visible} visible characters" + (" and more" if len(text.text) > ENOUGH else "")


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


CHECK = Check(
    name="short_text",
    modality="text",
    severity="warn",
    description="Fewer than 8 visible characters.",
    unit="characters",
    threshold=8,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _text("A cat sat on the mat.\n"),
    bad=lambda: _text("ok\n"),
    penalty=10.0,
)
