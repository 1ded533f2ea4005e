"""Text whose encoding was guessed: its letters may be wrong ones."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

LOOKED_AT = 262_144  # characters


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    if text.confident:
        return 0.0, f"{text.encoding}, sure"
    head = text.text[:LOOKED_AT]
    hanging = len(head) if text.encoding.startswith("utf-16") else sum(character > "\x7f" for character in head)
    return float(hanging), f"{hanging} characters depend on {text.encoding} being right"


def _text(*, confident: bool) -> DecodedText:
    return DecodedText(text="El niño comió piña en la montaña. " * 3, encoding="cp1252", confident=confident)


CHECK = Check(
    name="unsure_encoding",
    modality="text",
    severity="warn",
    description="The encoding was guessed, and more than 4 characters hang on the guess.",
    unit="characters",
    threshold=4,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text(confident=True),
    bad=lambda: _text(confident=False),
    penalty=10.0,
)
