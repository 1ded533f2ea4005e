from types import SimpleNamespace

import numpy as np
import pytest
import tiny_models as tiny

from unified_assets.training.loop import settle_space
from unified_assets.training.retrieval import aligned_kinds, flat, held_out, mean_rank, recall, retrieval


class Space:
    """Vectors of the roles `left` and `right` as they are given; rows of which one side is zero have not got it."""

    def __init__(self, left, right):
        self.vectors = {"left": np.asarray(left, np.float32), "right": np.asarray(right, np.float32)}

    def sides_of(self, pairs):
        return [("left", "image"), ("right", "audio")]

    def has_side(self, pairs, side):
        return self.vectors[side[0]].any(axis=1)

    def embed_side(self, pairs, side, rows):
        return self.vectors[side[0]][rows]


def pairs_of(split):
    return tiny.task_data(np.zeros((len(split), tiny.WIDTH), np.float32), None, split, task="pairs", ids="p")


def test_recall_at_k_is_the_share_whose_own_partner_is_among_the_k_nearest():
    similarity = np.array([[0.9, 0.1, 0.0], [0.8, 0.7, 0.1], [0.3, 0.2, 0.1]])
    assert recall(similarity, 1) == pytest.approx(1 / 3)
    assert recall(similarity, 2) == pytest.approx(2 / 3)
    assert recall(similarity, 3) == 1.0


def test_equal_similarities_count_as_their_expectation():
    assert recall(np.ones((4, 4)), 1) == pytest.approx(0.25)
    assert recall(np.ones((4, 4)), 3) == pytest.approx(0.75)
    assert recall(np.array([[0.5, 0.5], [0.5, 0.9]]), 1) == pytest.approx(0.75)


def test_both_directions_are_measured_on_held_out_pairs_that_have_both_roles():
    space = np.eye(24)
    other = np.roll(space, 1, axis=0)
    other[:12] = space[:12]
    split = ["test"] * 12 + ["train"] * 12
    (there, back) = retrieval(Space(space, other), pairs_of(split))
    chance = {"candidates": 12, "chance_at_1": 1 / 12, "chance_at_5": 5 / 12}
    assert there == {"query": "left", "answer": "right", "recall_at_1": 1.0, "recall_at_5": 1.0, **chance}
    assert back == {"query": "right", "answer": "left", "recall_at_1": 1.0, "recall_at_5": 1.0, **chance}
    other[0] = 0.0
    (there, _) = retrieval(Space(space, other), pairs_of(split))
    assert there["candidates"] == 11
    (swapped, _) = retrieval(Space(space, np.roll(space, 1, axis=0)), pairs_of(["test"] * 24))
    assert (swapped["recall_at_1"], swapped["recall_at_5"]) == (0.0, pytest.approx(4 / 23))


def test_nothing_is_measured_without_a_common_space_or_with_few_held_out_pairs():
    assert retrieval(Space(np.eye(24), np.eye(24)), None) == []
    assert retrieval(Space(np.eye(24), np.eye(24)), pairs_of(["test"] * 9 + ["train"] * 15)) == []
    assert retrieval(object(), pairs_of(["test"] * 24)) == []


def test_at_most_five_hundred_candidates_are_compared_the_first_by_id():
    rows = held_out(pairs_of(["test", "train"] * 600), np.ones(1200, bool))
    assert rows.tolist() == list(range(0, 1000, 2))


def test_recalls_become_metrics_by_name():
    row = {"query": "image", "answer": "audio", "candidates": 20, "recall_at_1": 0.25, "recall_at_5": 0.5, "chance_at_1": 0.05, "chance_at_5": 0.25}
    assert flat([row]) == {"retrieval/image_to_audio/recall_at_1": 0.25, "retrieval/image_to_audio/recall_at_5": 0.5}


def test_kinds_are_trusted_by_the_mean_rank_of_partners_in_the_worse_direction():
    pairs = pairs_of(["test"] * 24)
    right, crossed = np.eye(24), np.eye(24)
    crossed[[0, 1, 2, 3, 4, 5, 6, 7]] = crossed[[1, 0, 3, 2, 5, 4, 7, 6]]  # a third of the pairs is wrong
    assert mean_rank(right @ right.T) == 1.0
    assert mean_rank(right @ crossed.T) == pytest.approx((16 * 1.0 + 8 * 11 / 23) / 24)
    assert mean_rank(np.ones((24, 24))) == pytest.approx(0.5)
    assert aligned_kinds(Space(right, right), pairs, least=0.85) == {"image", "audio"}
    assert aligned_kinds(Space(right, crossed), pairs) == {"image", "audio"}
    assert aligned_kinds(Space(right, crossed), pairs, least=0.85) == set()
    assert aligned_kinds(Space(right, np.roll(right, 1, axis=0)), pairs) == set()


@pytest.mark.parametrize(("labels", "kinds"), [(10, {"image", "audio"}), (14, set())], ids=["fewer labels than pairs", "as many"])
def test_held_out_pairs_are_looked_at_only_for_tasks_with_fewer_labels(labels, kinds):
    class Placing(Space):
        def settle_space(self, tasks, pairs, kinds, *, weigh):
            self.told = (kinds, weigh)

    learner = Placing(np.eye(24), np.eye(24))
    task = tiny.task_data(np.zeros((labels, tiny.WIDTH), np.float32), None, ["train"] * labels, task="things", ids="t")
    settle_space(SimpleNamespace(tasks=(task,), pairs=pairs_of(["test"] * 10 + ["train"] * 14)), learner, weigh=True)
    assert learner.told == (kinds, True)
