"""A sentence and the things of a picture in; whether what it says holds there, as a one-hot row, out. Numpy only.

A row is one of: not understood; understood in part or whole (the share of its words), each with what the program says when a bare
number means at least so many, and when it means exactly so many. What each of these is worth, training decides.
"""

from collections.abc import Sequence

import numpy as np

from unified_assets.learners.scene_grammar import program_of
from unified_assets.learners.scene_things import scene_of

CLAIMS = 9
WHOLE = 0.99


def claims(sentences: Sequence[str], things: np.ndarray) -> np.ndarray:
    """sentences: n, things: (n, MOST, FIELDS) → (n, CLAIMS) float32."""
    out = np.zeros((len(sentences), CLAIMS), np.float32)
    for row, (sentence, seen) in enumerate(zip(sentences, things, strict=True)):
        out[row, _state(sentence, seen)] = 1
    return out


def _state(sentence: str, seen: np.ndarray) -> int:
    program, scene = program_of(sentence), scene_of(seen)
    if program is None or not scene.panels:
        return 0
    lenient, strict = (program.claim(scene, exact) for exact in (False, True))
    return 1 + 4 * (program.covered >= WHOLE) + 2 * bool(lenient) + bool(strict)
