"""Errors are told across processes."""

import pickle
from pathlib import Path

import pytest

from unified_assets.core import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidSetting(source="preset", field="epochs", value=0, problem="too few", fix="Give one."),
        errors.UnreadableFile("truncated", "at byte 7"),
        errors.Diverged(model="math_model", round_index=3, retries=3),
        errors.CorruptCheckpoint(path=Path("round_0003"), problem="cut"),
    ],
)
def test_an_error_from_another_process_has_the_same_kind_words_and_parts(error):
    told = pickle.loads(pickle.dumps(error))
    assert type(told) is type(error)
    assert str(told) == str(error)
    assert vars(told) == vars(error)
