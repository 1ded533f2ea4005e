"""Puzzles of objects in a row → which statement holds in every order that the clues allow (all permutations are tried)."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np

MOST_OBJECTS = 7
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6}
# Words that say "towards the low end" of the scale: left, old, cheap, last, short and the like; and those that say the other end.
LOWER = (
    r"left of|older than|cheaper than|less expensive than|below|behind|after|later than|"
    r"shorter than|smaller than|lighter than|slower than|worse than|weaker than|lower than|poorer than"
)
HIGHER = (
    r"right of|newer than|younger than|more expensive than|pricier than|dearer than|above|ahead of|before|earlier than|taller than|bigger than|"
    r"larger than|heavier than|faster than|better than|stronger than|higher than|richer than"
)
COSTS = re.compile(r"\b(?:costs?|weighs?|measures?|earns?|holds?) (?P<way>more|less) than\b")
LOWEST = r"from the (?:left|bottom)|leftmost|oldest|cheapest|least expensive|lowest|\blast\b|shortest|smallest|lightest|slowest|worst|weakest|poorest"
HIGHEST = (
    r"from the (?:right|top)|rightmost|newest|youngest|most expensive|priciest|dearest|highest|\bfirst\b|finished|came in|placed|"
    r"\b(?:was|is) (?:second|third|fourth|fifth|sixth)$|tallest|biggest|largest|heaviest|"
    r"fastest|best|strongest|richest"
)
NEIGHBOURS = re.compile(r"\b(?:immediately|directly|just|right next)\b")
LISTED = re.compile(r":\s*([^.]+)\.")
Clue = Callable[[Mapping[str, Any]], Any]  # places of the objects, of one order or of many in arrays → whether it is true of each


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
    every = _every_order(len(names))
    places = dict(zip(names, every.T, strict=True))
    fits = np.ones(len(every), bool)
    for clue in clues:
        if clue is not None:
            fits &= clue(places)
    return tuple(dict(zip(names, order, strict=True)) for order in every[fits].tolist())


@lru_cache(maxsize=MOST_OBJECTS)
def _every_order(size: int) -> np.ndarray:
    """(size!, size) int8: the places of the objects in each order."""
    return np.asarray(list(permutations(range(size))), np.int8)


def holds(statement: str, context: str, fitting: tuple[dict[str, int], ...]) -> bool | None:
    """Whether a statement is true in every fitting order; None where it is not understood."""
    names = parse_objects(context)
    clue = parse_clue(statement, names) if names else None
    if clue is None or not fitting:
        return None
    return all(bool(clue(place)) for place in fitting)


def parse_clue(sentence: str, names: tuple[str, ...]) -> Clue | None:
    """A clue as a test of orders."""
    text = re.sub(r"^[A-Z][).]\s*", "", sentence).strip(" .").lower()
    found = sorted((place, name) for name in names if (place := _find(name, text)) >= 0)
    size = len(names)
    if len(found) == 3 and re.search(r"\bbetween\b", text):
        one, low, high = (name for _, name in found)
        return lambda place: (np.minimum(place[low], place[high]) < place[one]) & (place[one] < np.maximum(place[low], place[high]))
    if len(found) == 2:
        return _comparison(text, found[0][1], found[1][1])
    if len(found) == 1:
        return _position(text, found[0][1], size)
    return None


def _find(name: str, text: str) -> int:
    found = re.search(rf"\b{re.escape(name)}\b", text)
    return found.start() if found else -1


def _comparison(text: str, one: str, two: str) -> Clue | None:
    if re.search(r"\b(?:next to|beside|adjacent to)\b", text):
        return lambda place: abs(place[one] - place[two]) == 1
    costs = COSTS.search(text)
    lower = bool(re.search(rf"\b(?:{LOWER})\b", text)) or bool(costs and costs.group("way") == "less")
    higher = bool(re.search(rf"\b(?:{HIGHER})\b", text)) or bool(costs and costs.group("way") == "more")
    if lower == higher:
        return None
    low, high = (one, two) if lower else (two, one)
    if NEIGHBOURS.search(text):
        return lambda place: place[low] + 1 == place[high]
    return _denied(text, lambda place: place[low] < place[high])


def _denied(text: str, clue: Clue) -> Clue:
    """The clue, or its opposite where the sentence denies it."""
    return (lambda place: np.logical_not(clue(place))) if re.search(r"\bnot\b|n't\b", text) else clue


def _position(text: str, name: str, size: int) -> Clue | None:
    rest = text.split(name, 1)[1]
    step = next((number for word, number in ORDINALS.items() if re.search(rf"\b{word}\b", rest) and word != "first"), 0)
    if re.search(LOWEST, rest):
        wanted = step
    elif re.search(HIGHEST, rest):
        wanted = size - 1 - step
    else:
        return None
    return _denied(text, lambda place: place[name] == wanted)
