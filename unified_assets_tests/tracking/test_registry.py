"""The real MLflow on SQLite, with a folder that only looks like a model."""

from dataclasses import dataclass
from types import SimpleNamespace

import polars as pl
import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.tracking import journal
from unified_assets.tracking.experiment import Tracker
from unified_assets.tracking.registry import register, set_champion
from unified_assets.tracking.served_version import version_folder


@dataclass(frozen=True)
class Data:
    digest: str
    tasks: tuple = ()


def final_folder(tmp_path, name, correct):
    folder = tmp_path / name / "final"
    folder.mkdir(parents=True)
    rows = [(f"e{index}", "x", "x" if right else "y", bool(right)) for index, right in enumerate(correct)]
    pl.DataFrame(rows, schema=["example_id", "target", "answer", "correct"], orient="row").write_parquet(folder / "p.parquet")
    task = {"task": "t", "kind": "classification", "metric": "accuracy", "score": sum(correct) / len(correct), "test_predictions": "p.parquet"}
    return folder, {"model": "m", "rounds": 1, "seconds": 1.0, "tasks": [task]}


@pytest.mark.filterwarnings("ignore")  # MLflow and alembic warn about themselves
def test_first_version_is_champion_and_a_worse_one_is_not(tmp_path):
    state = tmp_path / "state"
    tracker = Tracker(uri=f"sqlite:///{state / 'mlflow' / 'mlflow.db'}", state=state)
    run_dir = state / "runs" / "r"
    parent = tracker.parent(run_dir, name="r", parameters={"epochs": 1})
    assert tracker.parent(run_dir, name="r", parameters={}) == parent
    run = tracker.child(run_dir, "m", parent=parent, parameters={"seed": 7})
    run.metrics({"loss": 0.5, "none": None, "bad": float("inf")}, step=1)
    spec = SimpleNamespace(name="m", version="1")
    first, results = final_folder(tmp_path, "one", [1] * 10)
    one = register(tracker, run, spec=spec, dataset=Data("d"), folder=first, results=results, identity="i1", run_id="r")
    second, worse = final_folder(tmp_path, "two", [0] * 8 + [1] * 2)
    other_dir = state / "runs" / "r2"
    other = tracker.child(other_dir, "m", parent=tracker.parent(other_dir, name="r2", parameters={}), parameters={})
    two = register(tracker, other, spec=spec, dataset=Data("d"), folder=second, results=worse, identity="i2", run_id="r2")
    assert (one.version, one.decision.champion, two.version, two.decision.champion) == (1, True, 2, False)
    client = tracker.client
    assert (client.get_model_version_by_alias("m", "champion").version, client.get_model_version_by_alias("m", "challenger").version) == (1, 2)
    assert client.get_run(run.run_id).data.metrics == {"loss": 0.5}
    mirror = journal.read_mirror(state, "m")
    assert (mirror["version"], mirror["champion"], journal.champion_folder(mirror)) == (2, 1, first)
    assert journal.version_with_identity(mirror, "i2")["version"] == 2
    assert version_folder(state, "m") == first
    set_champion(tracker, "m", 2)
    assert version_folder(state, "m") == second
    assert client.get_model_version_by_alias("m", "champion").version == 2
    with pytest.raises(InvalidSetting, match="no such version"):
        set_champion(tracker, "m", 3)
    assert not list((state / "mlflow").rglob("*.pkl"))


def test_an_unknown_model_is_told_with_what_is_registered(tmp_path):
    with pytest.raises(InvalidSetting, match="nothing yet; train first"):
        version_folder(tmp_path, "vision_service")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("killed", ["before our record was written", "before the aliases were set"])
def test_a_step_that_was_killed_while_it_registered_finds_its_version_when_it_runs_again(tmp_path, killed):
    state = tmp_path / "state"
    tracker = Tracker(uri=f"sqlite:///{state / 'mlflow' / 'mlflow.db'}", state=state)
    run_dir = state / "runs" / "r"
    run = tracker.child(run_dir, "m", parent=tracker.parent(run_dir, name="r", parameters={}), parameters={})
    folder, results = final_folder(tmp_path, "one", [1, 1, 0])
    given = {"spec": SimpleNamespace(name="m", version="1"), "dataset": Data("d"), "folder": folder, "results": results, "identity": "i", "run_id": "r"}
    first = register(tracker, run, **given)
    tracker.client.delete_registered_model_alias("m", "champion")
    if killed == "before our record was written":
        journal.mirror_path(state, "m").unlink()
    again = register(tracker, run, **given)
    assert (again.version, again.decision.champion, again.decision.reason) == (first.version, True, first.decision.reason)
    assert [entry["version"] for entry in journal.read_mirror(state, "m")["versions"]] == [1]
    assert [int(one.version) for one in tracker.client.search_model_versions("name='m'")] == [1]
    assert int(tracker.client.get_model_version_by_alias("m", "champion").version) == 1
