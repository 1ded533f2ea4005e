import pytest

from unified_assets.training.metrics import over_tasks


def test_a_task_with_few_examples_counts_for_little():
    assert over_tasks([0.9, 0.3], [196, 4]) == pytest.approx((14 * 0.9 + 2 * 0.3) / 16)


def test_what_was_not_measured_is_left_out():
    assert over_tasks([0.5, None, 0.7], [9, 100, 0]) == 0.5
    assert over_tasks([None], [9]) is None
    assert over_tasks([], []) is None
