"""Text that says one thing again and again."""

import zlib

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 65_536  # characters
SHORTEST = 600  # below it compression says little


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    raw = text.text[:LOOKED_AT].encode("utf-8", errors="replace")
    if len(raw) < SHORTEST:
        return 1.0, "too short to tell"
    share = len(zlib.compress(raw, 1)) / len(raw)
    return share, f"{len(raw)} bytes compress to {share:.1%}"


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


def _varied() -> str:
    return "\n".join(f"Sample {number * number} weighs {number * 7919 % 104729} g and comes from shelf {number % 13}." for number in range(60))


CHECK = Check(
    name="repetitive",
    modality="text",
    severity="warn",
    description="The text compresses to less than 4 % of its size.",
    unit="share",
    threshold=0.04,
    fails=float.__lt__,
    measure=_measure,
    good=lambda: _text(_varied()),
    bad=lambda: _text("Buy now, buy cheap, buy here!\n" * 400),
)
