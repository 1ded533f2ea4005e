from itertools import islice

import numpy as np
import pytest

from unified_assets.training.sampling import UNKNOWN, batches, need_of, order_of_steps, steps_of_tasks, weighted_batches


def test_steps_go_by_the_root_of_the_size_and_every_task_gets_one():
    assert steps_of_tasks({"small": 100, "large": 10_000}, 11) == {"small": 1, "large": 10}
    assert steps_of_tasks({"a": 1, "b": 1_000_000}, 10) == {"a": 1, "b": 9}
    assert steps_of_tasks({"a": 5, "b": 5, "c": 5}, 2) == {"a": 1, "b": 1, "c": 1}


def test_the_order_of_steps_holds_each_task_as_often_as_its_share():
    order = order_of_steps({"a": 3, "b": 5}, np.random.default_rng(1))
    assert (order.count("a"), order.count("b")) == (3, 5)
    assert order != sorted(order)


def test_batches_show_every_row_once_before_any_comes_again():
    rows = np.arange(100, 110)
    seen = np.concatenate(list(islice(batches(rows, 4, np.random.default_rng(2)), 5)))
    assert sorted(seen.tolist()) == sorted([*rows, *rows])
    first = np.concatenate(list(islice(batches(rows, 4, np.random.default_rng(2)), 3)))[:10]
    assert sorted(first.tolist()) == rows.tolist()


def test_fewer_rows_than_a_batch_are_a_batch_without_repeats():
    assert sorted(next(batches(np.arange(3), 8, np.random.default_rng(0))).tolist()) == [0, 1, 2]


def test_weighted_batches_draw_by_weight():
    drawn = np.concatenate(list(islice(weighted_batches(np.arange(2), np.array([1.0, 3.0]), 2, np.random.default_rng(0)), 500)))
    assert 0.70 < drawn.mean() < 0.80


def test_what_a_task_lacks_weighs_its_steps():
    sizes = {"solved": 900, "hard": 400}
    assert steps_of_tasks(sizes, 50) == {"solved": 30, "hard": 20}
    assert steps_of_tasks(sizes, 50, {"solved": 0.1, "hard": 0.6}) == {"solved": 10, "hard": 40}


def test_a_need_is_the_error_of_what_is_learned_and_little_where_validation_says_nothing():
    assert need_of(0.98, 200, 0.1) == pytest.approx(0.12)
    assert need_of(0.55, 66, 0.1) == pytest.approx(0.55)
    assert need_of(0.2, 13, 0.1) == UNKNOWN  # thirteen rows
    assert need_of(0.52, 400, 0.5) == UNKNOWN  # no better than a constant answer
    assert need_of(None, 400, 0.5) == UNKNOWN
