import polars as pl
import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.tracking import journal
from unified_assets.tracking.comparing import compared, side


def answers(folder, task, correct):
    """Test predictions of a task: example number → right or wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(f"e{number}", "x", "x" if right else "y", bool(right)) for number, right in correct.items()]
    pl.DataFrame(rows, schema=["example_id", "target", "answer", "correct"], orient="row").write_parquet(folder / f"{task}.parquet")
    score = sum(correct.values()) / len(correct)
    return {"task": task, "kind": "classification", "metric": "accuracy", "score": score, "test_predictions": f"{task}.parquet"}


@pytest.fixture
def state(tmp_path):
    """Two versions of a model, trained in two runs: the second answers seven more of the shared examples of `t`; `old` and `new` are of one each."""
    first, second = tmp_path / "one", tmp_path / "two"
    ours = [answers(first, "t", {number: number < 2 for number in range(10)}), answers(first, "old", {0: 1})]
    theirs = [answers(second, "t", {number: number < 9 for number in range(1, 11)}), answers(second, "new", {0: 1, 1: 0})]
    versions = [
        {"version": 1, "run_id": "aaa1", "folder": str(first), "tasks": ours},
        {"version": 2, "run_id": "bbb2", "folder": str(second), "tasks": theirs},
    ]
    journal.write_json(journal.mirror_path(tmp_path, "m"), {"model": "m", "version": 2, "champion": 1, "versions": versions})
    for number, run_id in enumerate(("aaa1", "bbb2")):
        journal.note_run(tmp_path / "runs" / run_id, run_id=run_id, status="SUCCESS", started=float(number))
    return tmp_path


def test_versions_are_paired_on_the_examples_both_answered(state):
    found = compared(side(state, "m:1"), side(state, "m@challenger"))
    assert (found["a"], found["b"]) == ("m version 1", "m version 2")
    rows = {row.pop("task"): row for row in found["tasks"]}
    shared = rows["t"]
    assert {key: shared[key] for key in ("a", "b", "examples", "a_better", "b_better", "verdict")} == {
        "a": 1 / 9,
        "b": 8 / 9,
        "examples": 9,
        "a_better": 0,
        "b_better": 7,
        "verdict": "B is better",
    }
    assert shared["p_value"] == pytest.approx(2 / 2**7)
    assert {key: rows["old"][key] for key in ("a", "b", "examples", "p_value", "verdict")} == {
        "a": 1.0,
        "b": None,
        "examples": 0,
        "p_value": None,
        "verdict": "only A knows it",
    }
    assert (rows["new"]["a"], rows["new"]["b"], rows["new"]["verdict"]) == (None, 0.5, "only B knows it")


def test_the_other_way_round_says_the_same(state):
    found = compared(side(state, "m:2"), side(state, "m@champion"))
    (row,) = [row for row in found["tasks"] if row["task"] == "t"]
    assert (row["a_better"], row["b_better"], row["verdict"]) == (7, 0, "A is better")


def test_runs_are_named_by_their_beginning_or_last(state):
    found = compared(side(state, "aaa"), side(state, "last"))
    assert (found["a"], found["b"]) == ("run aaa1", "run bbb2")
    assert {row["task"] for row in found["tasks"]} == {"t", "old", "new"}


def test_what_cannot_be_compared_is_told(state):
    for name, words in (("m:7", "Versions of m: 1, 2"), ("n:1", "Versions of n: none"), ("zzz", "no such run"), ("m@best", "not registered")):
        with pytest.raises(InvalidSetting, match=words):
            side(state, name)
    journal.note_run(state / "runs" / "ccc3", run_id="ccc3", status="FAILURE", started=9.0)
    with pytest.raises(InvalidSetting, match="they share no model"):
        compared(side(state, "ccc"), side(state, "m:1"))
