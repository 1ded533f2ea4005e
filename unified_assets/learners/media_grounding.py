"""A sentence and the things of a picture in; how what is said compares with what is there, as numbers, out. Numpy only.

The sentence gives slots (how many, which colour, which shape, where), the picture gives counts, and every feature is a
comparison of both; products with the quantifier let a linear layer read "at least" and "exactly" differently.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from unified_assets.learners.image_objects import COLOURS, PANELS, SHAPES

NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
ANY = ("block", "blocks", "item", "items", "object", "objects", "thing", "things", "box", "tower")
QUANTIFIERS = ("least", "atleast", "most", "exactly", "only", "all", "every", "each", "no", "not", "none", "same", "different", "both", "there")
PLACES = ("touching", "edge", "wall", "base", "bottom", "top", "corner", "tower", "side", "close")
RELATIONS = ("and", "or", "but", "on", "over", "above", "under", "below", "with", "than", "more", "closely", "roof")
WORDS = (*QUANTIFIERS, *PLACES, *RELATIONS, *COLOURS, *SHAPES)
COMPARISONS = 25
FEATURES = len(WORDS) + 3 + 4 * COMPARISONS
SIZE = FEATURES + (len(QUANTIFIERS) + len(PLACES)) * 2 * COMPARISONS


def grounding(sentences: Sequence[str], things: np.ndarray) -> np.ndarray:
    """sentences: n, things: (n, MOST, FIELDS) → (n, SIZE) float32."""
    return np.stack([_row(sentence, seen) for sentence, seen in zip(sentences, things, strict=True)]).astype(np.float32)


def _row(sentence: str, seen: np.ndarray) -> np.ndarray:
    tokens = [_singular(token) for token in re.findall(r"[a-z]+|\d+", sentence.lower())]
    seen = seen[seen[:, 0] >= 0]
    panels = max(1, int(seen[:, 0].max()) + 1 if len(seen) else 1)
    number = next(iter(_numbers(tokens)), 0)
    colours = [COLOURS.index(token) for token in tokens if token in COLOURS]
    shapes = [SHAPES.index(token) for token in tokens if token in SHAPES]
    words = np.asarray([float(word in tokens) for word in WORDS])
    first, last = _match(seen, colours[:1], shapes[:1]), _match(seen, colours[1:2] or colours[:1], shapes[1:2] or shapes[:1])
    where = seen[:, 6:9].any(axis=1) if not {"top", "roof"} & set(tokens) else seen[:, 7] > 0
    where = seen[:, 8] > 0 if {"base", "bottom"} & set(tokens) and "touching" in tokens else where
    tops = _ends(seen, panels, lowest="base" in tokens)
    views = [_compare(seen, mask, panels, number) for mask in (first, first & where, last, first & tops)]
    plain = np.concatenate([words, [number / 5, panels / PANELS, len(seen) / 10], *views])
    marks = words[: len(QUANTIFIERS) + len(PLACES)]
    crossed = np.outer(marks, np.concatenate(views[:2])).ravel()
    return np.concatenate([plain, crossed])


def _singular(token: str) -> str:
    return token[:-1] if token.endswith("s") and (token[:-1] in SHAPES or token[:-1] in ANY) else token


def _numbers(tokens: Sequence[str]) -> Iterator[int]:
    """Numbers that are said, real ones before articles."""
    spoken = [NUMBERS.get(token, int(token) if token.isdecimal() and len(token) < 3 else 0) for token in tokens]
    yield from (value for value, token in zip(spoken, tokens, strict=True) if value and token not in {"a", "an"})
    yield from (value for value in spoken if value)


def _match(seen: np.ndarray, colours: Sequence[int], shapes: Sequence[int]) -> np.ndarray:
    keep = np.ones(len(seen), bool)
    if colours:
        keep &= seen[:, 1] == colours[0]
    if shapes:
        keep &= seen[:, 2] == shapes[0]
    return keep


def _ends(seen: np.ndarray, panels: int, *, lowest: bool) -> np.ndarray:
    """The highest (or lowest) thing of each panel."""
    keep = np.zeros(len(seen), bool)
    for panel in range(panels):
        inside = np.flatnonzero(seen[:, 0] == panel)
        if len(inside):
            keep[inside[seen[inside, 5].argmax() if lowest else seen[inside, 5].argmin()]] = True
    return keep


def _compare(seen: np.ndarray, mask: np.ndarray, panels: int, number: int) -> np.ndarray:
    counts = np.bincount(seen[mask, 0].astype(int), minlength=panels)[:panels]
    sizes = np.bincount(seen[:, 0].astype(int), minlength=panels)[:panels]
    total, most, least = int(counts.sum()), int(counts.max()), int(counts.min())
    colours = [len(set(seen[mask & (seen[:, 0] == panel), 1])) for panel in range(panels)]
    shapes = [len(set(seen[mask & (seen[:, 0] == panel), 2])) for panel in range(panels)]
    facts = [total > 0, least > 0, total == number, total >= number, total <= number, most == number, most >= number, most <= number]
    facts += [least == number, least >= number, (counts == number).any(), (counts == number).all(), (counts == number).sum() == 1]
    facts += [(counts > 0).sum() == number, (counts > 0).sum() >= number, (counts > 0).sum() <= number, ((counts == sizes) & (sizes > 0)).any()]
    facts += [total == len(seen), (sizes == number).any(), ((counts > 0) & (sizes == number)).any()]
    facts += [max(colours) <= 1, max(colours) == number, max(shapes) <= 1, max(shapes) == number, min(colours) <= 1]
    assert len(facts) == COMPARISONS
    return np.asarray(facts, float)
