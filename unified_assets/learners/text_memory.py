"""The options of a choice task's train side → how often each was right and wrong."""

from collections import Counter

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.learners.text_tokens import code

REMEMBERED = 3  # features made of it: right, wrong, met at all
MET_AGAIN = 0.05  # least share of the validation side's options that stand in the train side, below which nothing is remembered


def remembered(data: TaskData, *sides: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(sorted codes of the option texts of the train and validation sides; times right, times wrong on the given ones, by default train).

    Wrong options are often borrowed from other examples, so having been met before says much; only a split by option text
    measures reasoning alone. Under such a split nothing is remembered: what was met says much while training and nothing after it.
    """
    if not _met_again(data):
        return np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32)
    right: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    for row in data.rows(*(sides or ("train",))) if data.options is not None and data.target is not None else ():
        assert data.options is not None
        assert data.target is not None
        for place, option in enumerate(data.options[row]):
            (right if place == int(data.target[row]) else wrong)[code(_normal(option))] += 1
    codes = np.asarray(sorted({code(option) for side in ("train", "valid") for option in _options(data, side)}), np.int64)
    return codes, np.asarray([right[value] for value in codes.tolist()], np.float32), np.asarray([wrong[value] for value in codes.tolist()], np.float32)


def _met_again(data: TaskData) -> bool:
    train, valid = _options(data, "train"), _options(data, "valid")
    return not valid or len(train & valid) >= MET_AGAIN * len(valid)


def _options(data: TaskData, side: str) -> set[str]:
    return {_normal(option) for row in data.rows(side) for option in data.options[row]} if data.options is not None else set()


def _normal(option: str) -> str:
    return option.strip().lower()
