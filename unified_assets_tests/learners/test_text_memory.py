import numpy as np

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.learners.text_memory import remembered


def choices(options, targets, split):
    info = TaskInfo(task="t", subject="causal", kind="choice", roles=("premise", "option"), classes=(), metric="accuracy")
    return TaskData(
        info=info,
        example_ids=tuple(str(place) for place in range(len(options))),
        texts={"premise": [""] * len(options)},
        media={},
        arrays={},
        target=np.asarray(targets),
        split=np.asarray(split),
        options=options,
    )


def test_options_that_stand_on_both_sides_are_remembered():
    data = choices([["It rains ", "b"], ["c", "it rains"], ["it rains", "d"]], [0, 0, 1], ["train", "train", "valid"])
    codes, right, wrong = remembered(data)
    assert (len(codes), right.sum(), wrong.sum()) == (4, 2.0, 2.0)  # what only the validation side holds has a place and counts nothing
    again, right, wrong = remembered(data, "train", "valid")
    assert (again.tolist(), right.sum(), wrong.sum()) == (codes.tolist(), 3.0, 3.0)


def test_nothing_is_remembered_where_the_validation_side_meets_no_option_again():
    codes, right, wrong = remembered(choices([["a", "b"], ["c", "a"], ["x", "y"]], [0, 0, 1], ["train", "train", "valid"]))
    assert (len(codes), len(right), len(wrong)) == (0, 0, 0)
