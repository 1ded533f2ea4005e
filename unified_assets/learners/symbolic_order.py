"""Puzzles of objects in a row → which statement holds in every order that the clues allow (all permutations are tried)."""

import re
from collections.abc import Callable
from itertools import permutations

MOST_OBJECTS = 7
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6}
# Words that say "towards the low end" of the scale. The low end is: left, oldest, cheapest, lowest rank last, and so on.
LOW = ("left", "old", "cheap", "bottom", "last", "below", "less expensive")
HIGH = ("right", "new", "expensive", "top", "first", "above", "more expensive", "most expensive")
LISTED = re.compile(r":\s*([^.]+)\.")
Clue = Callable[[dict[str, int]], bool]


def parse_objects(context: str) -> tuple[str, ...] | None:
    """The names after the colon of the sentence that lists them."""
    for found in LISTED.finditer(context):
        names = [re.sub(r"^(?:and )?(?:an? |the )?", "", part.strip().lower()) for part in re.split(r",\s*|\s+and\s+", found.group(1))]
        names = [name for name in names if name]
        if 2 <= len(names) <= MOST_OBJECTS:
            return tuple(names)
    return None


def orders(context: str) -> tuple[dict[str, int], ...] | None:
    """Every order of the objects that fits all clues, as name → place (0 is the low end); None where a clue is not understood."""
    names = parse_objects(context)
    if names is None:
        return None
    listed = next(found for found in LISTED.finditer(context) if found)
    sentences = [part.strip() for part in re.split(r"[.!?]\s*", context[listed.end() :]) if part.strip()]
    clues = [parse_clue(sentence, names) for sentence in sentences]
    if any(clue is None for clue in clues):
        return None
    places = [dict(zip(names, order, strict=True)) for order in permutations(range(len(names)))]
    return tuple(place for place in places if all(clue(place) for clue in clues if clue is not None))


def holds(statement: str, context: str, fitting: tuple[dict[str, int], ...]) -> bool | None:
    """Whether a statement is true in every fitting order; None where it is not understood."""
    names = parse_objects(context)
    clue = parse_clue(statement, names) if names else None
    if clue is None or not fitting:
        return None
    return all(clue(place) for place in fitting)


def parse_clue(sentence: str, names: tuple[str, ...]) -> Clue | None:
    """A clue as a test of one order."""
    text = re.sub(r"^[A-Z][).]\s*", "", sentence).strip(" .").lower()
    found = sorted((place, name) for name in names if (place := _find(name, text)) >= 0)
    size = len(names)
    if len(found) == 2:
        return _comparison(text, found[0][1], found[1][1])
    if len(found) == 1:
        return _position(text, found[0][1], size)
    return None


def _find(name: str, text: str) -> int:
    found = re.search(rf"\b{re.escape(name)}\b", text)
    return found.start() if found else -1


def _comparison(text: str, one: str, two: str) -> Clue | None:
    if re.search(r"\b(?:left of|older than|cheaper than|less expensive than|below)\b", text):
        return lambda place: place[one] < place[two]
    if re.search(r"\b(?:right of|newer than|more expensive than|above)\b", text):
        return lambda place: place[one] > place[two]
    return None


def _position(text: str, name: str, size: int) -> Clue | None:
    rest = text.split(name, 1)[1]
    step = next((number for word, number in ORDINALS.items() if re.search(rf"\b{word}\b", rest) and word != "first"), 0)
    if re.search(r"from the (?:left|bottom)|leftmost|oldest|cheapest|lowest|\blast\b", rest):
        wanted = step
    elif re.search(r"from the (?:right|top)|rightmost|newest|most expensive|highest|\bfirst\b|finished", rest):
        wanted = size - 1 - step
    else:
        return None
    return lambda place: place[name] == wanted
