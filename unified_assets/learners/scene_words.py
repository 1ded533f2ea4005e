"""A sentence about a drawn scene in; its words as the grammar knows them out: numbers, colours, shapes, relations, misspellings mended."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache

from unified_assets.learners.image_objects import COLOURS, SHAPES

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "THING": ("block", "item", "object", "thing", "shape", "figure", "element", "piece", "brick", "cube"),
    "PANEL": ("box", "tower", "boxes", "stack", "container"),
    "ALL": ("all", "every", "each", "both", "any"),
    "NO": ("no", "none", "neither", "zero", "not", "without"),
    "WITH": ("with", "has", "have", "having", "contain", "contains", "containing", "consists", "includes", "hold", "holds"),
    "TOUCH": ("touching", "touch", "touches", "touched", "against", "attached"),
    "EDGE": ("edge", "wall", "side", "border", "boundary", "corner"),
    "TOP": ("top", "roof", "highest", "topmost"),
    "BASE": ("base", "bottom", "floor", "lowest", "bottommost", "ground"),
    "ABOVE": ("above", "over", "upon"),
    "BELOW": ("below", "under", "beneath", "underneath"),
    "SAME": ("same", "identical", "similar"),
    "DIFFERENT": ("different", "differing"),
    "COLOUR": ("color", "colour", "colored", "coloured"),
    "SMALL": ("small", "smallest", "little"),
    "MEDIUM": ("medium",),
    "BIG": ("big", "large", "largest", "biggest"),
    "HEIGHT": ("height", "tall"),
    "STACKED": ("stacked", "together"),
}
PLAIN = (
    *("least", "most", "exactly", "only", "more", "less", "fewer", "than", "and", "or", "but", "of", "on", "in", "as", "at", "is", "are", "that", "which"),
    *("there", "left", "right", "middle", "second", "third", "between", "other", "another", "multiple", "several", "it", "them", "their", "its", "who"),
    *("few", "many", "some", "it", "grey", "a", "an", "the", "close", "nearly", "closely", "almost", "to", "by", "if"),
)
_CLASS = {word: kind for kind, words in SYNONYMS.items() for word in words}
_KNOWN = tuple(sorted({*_CLASS, *PLAIN, *COLOURS, *SHAPES, *NUMBERS, "grey", "a"}))
MENDED_FROM = 4  # letters from which a word that is unknown may be a known one misspelt
LONGEST = 400  # characters that are read
CLIPPED = {"ll": "all", "tleast": "atleast", "ha": "has", "s": "is"}


def words_of(sentence: str) -> tuple[str, ...]:
    """Tokens: a class in capitals, a colour, a shape, digits, CORNER beside EDGE, or a plain word. Articles stay: `a` is a number of sorts."""
    text = re.sub(r"\bat\s*least\b|\btleast\b", " least ", sentence[:LONGEST].lower())
    text = re.sub(r"\bat\s*most\b", " most ", text)
    text = re.sub(r"\bgr[ea]y\s+(box|boxes|squares?|blocks?|containers?|areas?)\b", " box ", text)
    text = re.sub(r"\bon (the )?top of\b", " above ", text)
    text = re.sub(r"\bblue (red|black|yellow)\b", r"blue \1", text)
    return tuple(_token(word) for word in re.findall(r"[a-z]+|\d+|,", text))


@lru_cache(maxsize=4096)
def _token(word: str) -> str:
    if word == "," or word.isdecimal():
        return word
    known = _known(word)
    if known in NUMBERS:
        return str(NUMBERS[known])
    return "CORNER" if known == "corner" else _CLASS.get(known, known)


def _known(word: str) -> str:
    word = CLIPPED.get(word, word)
    singular = word.removesuffix("s")
    for form in (word, singular):
        if form in _KNOWN:
            return form
    if len(word) < MENDED_FROM:
        return word
    close = get_close_matches(singular, _KNOWN, 1, 0.75)
    return close[0] if close else word
