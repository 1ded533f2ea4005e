"""Text that is the frame of a web page, or a filler, and not what the page was about."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

FEWEST = 40  # words
_PHRASES = [
    "lorem ipsum",
    "dolor sit amet",
    "consectetur adipiscing",
    "all rights reserved",
    "privacy policy",
    "cookie policy",
    "use cookies",
    "uses cookies",
    "accept cookies",
    "terms of use",
    "terms of service",
    "sign in",
    "sign up",
    "log in",
    "subscribe",
    "newsletter",
    "skip to content",
    "skip to main content",
    "follow us",
    "read more",
    "click here",
    "back to top",
    "contact us",
    "about us",
    "sitemap",
    "related posts",
    "related articles",
    "leave a reply",
    "leave a comment",
    "powered by",
    "enable javascript",
    "add to cart",
    "page not found",
]


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    words = len(text.words)
    if words < FEWEST:
        return 0.0, "too short to tell"
    head = text.text[: 1 << 20].lower()
    found = sum(head.count(phrase) for phrase in _PHRASES if phrase.partition(" ")[0] in text.word_counts)
    return 1000 * found / words, f"{found} phrases of page frames or fillers in {words} words"


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


FRAME = "Skip to content\nHome\nAbout us\nContact us\nSign in\nSubscribe to our newsletter\nWe use cookies. Read more\nPrivacy policy\nAll rights reserved\n"
STORY = "The harvest was late that year, and the children carried the plums home in their aprons while it rained. "


CHECK = Check(
    name="boilerplate",
    modality="text",
    severity="warn",
    description="More than 25 phrases of page frames or filler texts in 1,000 words.",
    unit="in 1,000",
    threshold=25,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text(STORY * 10 + "All rights reserved."),
    bad=lambda: _text(FRAME * 3 + STORY),
    penalty=10.0,
)
