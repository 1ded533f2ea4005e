"""What a text head starts from: how much an encoder's columns weigh beside n-grams."""

import numpy as np
import pytest

from unified_assets.learners import text_start
from unified_assets.learners.text_grams import WeighedRows

CLASSES, WIDTH, BUCKETS, GRAMS = 40, 64, 4000, 8


def length_of(count, *, in_grams, in_vectors):
    """Classes told by one gram of eight, or by a weak direction of the vectors; all else is noise."""
    draw = np.random.default_rng(4)
    target = np.arange(count) % CLASSES
    ids = draw.integers(CLASSES, BUCKETS, (count, GRAMS))
    if in_grams:
        ids[:, 0] = target
    centres = draw.normal(size=(CLASSES, WIDTH)) if in_vectors else np.zeros((CLASSES, WIDTH))
    vectors = (centres[target] + 1.5 * draw.normal(size=(count, WIDTH))) / WIDTH**0.5
    weighed = WeighedRows(np.arange(count + 1, dtype=np.int64) * GRAMS, ids.ravel(), np.full(count * GRAMS, GRAMS**-0.5, np.float32))
    groups = [f"group {row}" for row in range(count)]
    sizes, columns = (BUCKETS, CLASSES), slice(0, WIDTH)
    return text_start.vector_length(weighed, vectors.astype(np.float32), target, np.arange(count), sizes, vectors=columns, groups=groups)


@pytest.mark.parametrize(("knows", "lengths", "best"), [("grams", (16.0, 1.0), 1.0), ("vectors", (0.01, 4.0), 4.0)])
def test_vectors_weigh_as_much_as_rows_left_out_like_whatever_is_preferred(knows, lengths, best, monkeypatch):
    monkeypatch.setattr(text_start, "LENGTHS", lengths)
    assert length_of(800, in_grams=knows == "grams", in_vectors=knows == "vectors") == best


def test_few_rows_tell_nothing_of_the_weight(monkeypatch):
    monkeypatch.setattr(text_start, "LENGTHS", (0.01, 4.0))
    assert length_of(80, in_grams=False, in_vectors=True) == 0.01
