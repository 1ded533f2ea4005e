"""Text whose lines stand there several times."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 262_144  # characters
FEWEST = 10  # lines
STRUCTURED = frozenset({"text/xml", "text/html", "application/json"})  # their lines repeat by their form
SHORTEST_HALF = 60  # characters
MOST_BLANKS = 4
SHORTEST = 20  # characters; shorter lines repeat for good reason


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    if _is_double(text.text.strip()):
        return 0.5, "the second half is the first once more"
    if text.media_type in STRUCTURED:
        return 0.0, "markup, whose lines repeat"
    lines = [line for line in text.text[:LOOKED_AT].split("\n") if len(line) >= SHORTEST]
    if len(lines) < FEWEST:
        return 0.0, "too few lines to tell"
    share = 1 - len(set(lines)) / len(lines)
    return share, f"{share:.0%} of {len(lines)} lines stand there already"


def _is_double(whole: str) -> bool:
    """Whether the text is some part of at least SHORTEST_HALF characters, written twice, blanks between the two aside."""
    half = len(whole) // 2
    if half < SHORTEST_HALF:
        return False
    second = whole.find(whole[:SHORTEST_HALF], half - MOST_BLANKS, half + MOST_BLANKS + SHORTEST_HALF)
    return second >= 0 and whole[:second].strip() == whole[second:]


def _text(different: int) -> DecodedText:
    return DecodedText(text="".join(f"Sample {index % different} was weighed twice.\n" for index in range(60)), encoding="utf-8")


CHECK = Check(
    name="duplicated_lines",
    modality="text",
    severity="warn",
    description="More than 30 % of the lines of 20 characters or more stand in the text already, or the text as a whole stands there twice.",
    unit="share",
    threshold=0.3,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text(60),
    bad=lambda: _text(15),
    penalty=10.0,
)
