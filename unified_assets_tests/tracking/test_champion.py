import pytest

from unified_assets.tracking.champion import compare, decide, sign_test


def test_sign_test_is_the_exact_two_sided_binomial():
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 5) == 1.0
    assert sign_test(0, 6) == pytest.approx(2 / 2**6)
    assert sign_test(1, 7) == pytest.approx(2 * (1 + 8) / 2**8)


def test_only_shared_examples_are_paired():
    found = compare("t", "champion", {"a": 1.0, "b": 1.0, "new": 0.0}, {"a": 0.0, "b": 1.0, "gone": 1.0})
    assert (found.examples, found.won, found.lost, found.challenger, found.champion) == (2, 1, 0, 1.0, 0.5)


def test_a_challenger_that_is_significantly_worse_in_one_task_stays_challenger():
    bad = compare("t", "the champion (version 1)", dict.fromkeys("abcdef", 0.0), dict.fromkeys("abcdef", 1.0))
    good = compare("u", "the champion (version 1)", dict.fromkeys("abcdefghijkl", 1.0), dict.fromkeys("abcdefghijkl", 0.0))
    decision = decide([bad, good])
    assert not decision.champion
    assert decision.reason == "t is significantly worse than the champion (version 1): 6 examples lost, 0 won (p = 0.031)"


def test_a_lower_mean_without_significance_stays_challenger():
    decision = decide([compare("t", "champion", {"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 1.0})])
    assert (decision.champion, decision.reason) == (False, "the mean over tasks falls from 1.0000 to 0.5000")


def test_an_equal_challenger_becomes_champion():
    assert decide([compare("t", "champion", {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0})]).champion


def test_worse_than_the_best_ever_is_worse():
    best = compare("t", "the best ever (version 1)", dict.fromkeys("abcdef", 0.0), dict.fromkeys("abcdef", 1.0))
    assert not decide([compare("t", "champion", {"a": 1.0}, {"a": 0.0})], [best]).champion


def test_new_tasks_alone_do_not_hinder():
    assert decide([]).champion


def test_errors_of_numbers_are_paired_by_who_is_nearer():
    found = compare("t", "champion", {"a": -0.5, "b": -3.0}, {"a": -1.0, "b": -2.0})
    assert (found.won, found.lost) == (1, 1)
