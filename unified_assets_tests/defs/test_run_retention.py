"""Dagster's history is cut on a real instance on SQLite; nothing becomes stale by it."""

import sqlite3
from contextlib import closing
from itertools import product

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from unified_assets.core.settings import Settings
from unified_assets.defs.partitioned import partitioned_asset
from unified_assets.defs.partitions import modality_names, same, whole_range
from unified_assets.defs.provenance import partition_events, read_inputs
from unified_assets.defs.run_retention import removable_runs, remove_runs
from unified_assets.defs.steps import TRAINING_TAG
from unified_assets.tracking import journal

CHECK = dg.AssetCheckKey(dg.AssetKey("up"), "fine")


@partitioned_asset(name="up", code_version="1", check_specs=[dg.AssetCheckSpec("fine", asset="up")])
def up(context: dg.AssetExecutionContext):
    inputs = read_inputs(context.instance)
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(check_name="fine", passed=True)
    yield from partition_events("up", inputs, code_version="1", versions=dict.fromkeys(modality_names(), context.run.tags["data"]))


@partitioned_asset(name="down", code_version="1", deps=[same("up")])
def down(context: dg.AssetExecutionContext):
    inputs = read_inputs(context.instance, same=["up"])
    yield dg.MaterializeResult()
    yield from partition_events("down", inputs, code_version="1", versions=dict.fromkeys(modality_names(), context.run.tags["data"]))


@pytest.fixture
def lake(tmp_path):
    """A lake, and its instance with seven runs: `up` and `down` on one version of the data, some of `up` or `down` alone, one that failed, one that works."""
    settings = Settings(raw=tmp_path / "raw", state=tmp_path / "state").absolute()
    (settings.dagster_home).mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")

    @dg.op
    def fail() -> None:
        raise dg.Failure

    @dg.job
    def failing() -> None:
        fail()

    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        made = [
            dg.materialize(assets, selection=chosen, instance=instance, tags={**whole_range(), "data": data, **more}).run_id
            for assets, chosen, data, more in (
                ([up, down], None, "a", {}),  # 0: nothing of it is in force
                ([up, down], None, "a", {}),  # 1: registered a model
                ([up, down], None, "a", {TRAINING_TAG: "true"}),  # 2
                ([up, down], None, "b", {TRAINING_TAG: "true"}),  # 3: `down` is as this one made it
                ([up, down], [up], "b", {}),  # 4: `up` is
            )
        ]
        made.append(failing.execute_in_process(instance=instance, raise_on_error=False).run_id)  # 5
        made.append(instance.create_run_for_job(failing, status=dg.DagsterRunStatus.STARTED).run_id)  # 6
        journal.write_json(journal.mirror_path(settings.state, "m"), {"model": "m", "version": 1, "versions": [{"version": 1, "run_id": made[1]}]})
        yield settings, instance, made


def staleness(instance):
    resolver = CachingStaleStatusResolver(instance, dg.Definitions(assets=[up, down]).get_repository_def().asset_graph, LoadingContextForTest(instance))
    found = {}
    for name, partition in product(("up", "down"), modality_names()):
        key = dg.AssetKey(name)
        found[name, partition] = (resolver.get_status(key, partition).value, [cause.reason for cause in resolver.get_stale_causes(key, partition)])
    return found


def test_runs_in_which_nothing_is_in_force_go_and_nothing_becomes_stale_or_fresh_by_it(lake):
    settings, instance, made = lake
    before = staleness(instance)
    assert {status for status, _ in before.values()} == {"FRESH"}
    assert [one.run_id for one in removable_runs(instance, settings, keep=6, days=0)] == [made[0]]
    assert removable_runs(instance, settings, keep=0, days=1) == []
    planned = removable_runs(instance, settings, keep=0, days=0)
    assert [one.run_id for one in planned] == [made[5], made[2], made[0]]
    shard = settings.dagster_home / "history" / "runs" / f"{made[0]}.db"
    assert shard in planned[-1].folders
    assert shard.stat().st_size <= planned[-1].size_bytes
    assert remove_runs(instance, planned) == planned
    assert {run.run_id for run in instance.get_runs()} == {made[number] for number in (1, 3, 4, 6)}
    assert not shard.exists()
    with closing(sqlite3.connect(settings.dagster_home / "history" / "runs" / "index.db")) as index:
        assert {row[0] for row in index.execute("select distinct run_id from event_logs")}.isdisjoint({made[0], made[2], made[5]})
    assert staleness(instance) == before
    assert instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK].run_id == made[4]
    assert removable_runs(instance, settings, keep=0, days=0) == []

    dg.materialize([up, down], selection=[up], instance=instance, tags={**whole_range(), "data": "c"})
    before = staleness(instance)
    assert {name: {status for (one, _), (status, _) in before.items() if one == name} for name in ("up", "down")} == {"up": {"FRESH"}, "down": {"STALE"}}
    assert [one.run_id for one in remove_runs(instance, removable_runs(instance, settings, keep=0, days=0))] == [made[4]]
    assert staleness(instance) == before
