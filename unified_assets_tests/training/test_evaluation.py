import numpy as np
import polars as pl
import pytest

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.training.evaluation import evaluate, paired_interval
from unified_assets.training.results import PREDICTIONS

CLASSES = ("cat", "dog", "owl")


def task(count, *, classes=CLASSES, texts=None, media=None, arrays=None):
    info = TaskInfo(task="t", subject="concept", kind="classification", roles=("text",), classes=classes, metric="accuracy")
    return TaskData(
        info=info,
        example_ids=tuple(f"e{place}" for place in range(count)),
        texts=texts or {},
        media=media or {},
        arrays=arrays or {},
        target=np.zeros(count, np.int64),
        split=np.full(count, "test"),
    )


def answered(*rows):
    return pl.DataFrame(
        [(f"e{place}", target, answer, target == answer, confidence) for place, (target, answer, confidence) in enumerate(rows)],
        schema=PREDICTIONS,
        orient="row",
    )


def test_confusions_are_counted_by_true_class_and_answer():
    given = answered(("cat", "cat", 0.9), ("cat", "dog", 0.6), ("cat", "dog", 0.7), ("dog", "dog", 0.8), ("dog", "cat", 0.5))
    found = evaluate(task(5, texts={"text": list("abcde")}), np.arange(5), given)
    assert found["matrix"] == {"classes": ["cat", "dog"], "counts": [[1, 2], [1, 1]]}
    assert found["confused"] == [{"target": "cat", "answer": "dog", "count": 2}]


def test_many_classes_show_their_frequent_mistakes_in_place_of_a_matrix():
    names = tuple(f"c{place}" for place in range(20))
    found = evaluate(task(20, classes=names, texts={"text": list(names)}), np.arange(20), answered(*((name, "c0", 0.5) for name in names)))
    assert found["matrix"] is None
    assert found["confused"] == []  # none twice


def test_calibration_is_the_distance_of_confidence_and_share_of_right_answers():
    given = answered(("cat", "cat", 0.95), ("cat", "cat", 0.95), ("cat", "dog", 0.95), ("cat", "dog", 0.95), ("dog", "dog", 1.0), ("dog", "cat", 0.05))
    found = evaluate(task(6, texts={"text": list("abcdef")}), np.arange(6), given)["calibration"]
    assert [(part["from"], part["answers"]) for part in found["bins"]] == [(0.0, 1), (0.9, 5)]
    assert found["bins"][1]["right"] == pytest.approx(0.6)
    assert found["error"] == pytest.approx((1 * 0.05 + 5 * abs(0.96 - 0.6)) / 6)


def test_the_worst_mistakes_come_with_what_was_read_and_the_surest_comes_first():
    given = answered(("cat", "cat", 0.99), ("cat", "dog", 0.6), ("dog", "cat", 0.8))
    found = evaluate(task(3, texts={"text": ["mew", "growl", "x" * 400]}), np.arange(3), given)["worst"]
    assert [(one["example_id"], one["target"], one["answer"]) for one in found] == [("e2", "dog", "cat"), ("e1", "cat", "dog")]
    assert found[0]["text"] == "x" * 300 + "…"
    assert found[1]["text"] == "growl"


def test_a_mistake_about_a_picture_or_a_sound_is_shown_as_a_picture_and_one_without_either_is_not():
    pixels, mel = np.full((2, 8, 8, 3), 7, np.uint8), np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    media = {"image": ("eye", np.array([0, -1, -1])), "audio": ("ear", np.array([-1, 1, -1]))}
    data = task(3, media=media, arrays={"eye": {"pixels": pixels}, "ear": {"mel": mel}})
    found = evaluate(data, np.arange(3), answered(("cat", "dog", 0.9), ("cat", "dog", 0.8), ("cat", "dog", 0.7)))["worst"]
    assert [None if one["picture"] is None else one["picture"][:22] for one in found] == ["data:image/png;base64,", "data:image/png;base64,", None]


def test_without_test_examples_nothing_is_said():
    assert evaluate(task(0), np.arange(0), answered()) == {"confused": [], "matrix": None, "calibration": None, "worst": []}


def test_the_interval_of_paired_differences_is_that_of_resampling_the_examples():
    differences = np.repeat([1.0, 0.0, -1.0], [30, 60, 10])
    low, high = paired_interval(differences)
    drawn = np.random.default_rng(1).choice(differences, (20_000, 100)).mean(axis=1)
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.011)
    assert paired_interval([0.0] * 50) == (0.0, 0.0)
    assert paired_interval([]) is None
