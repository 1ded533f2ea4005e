"""A lake with faults planted one by one; what is found, what to do, and what the repair does."""

import json
import socket
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat

from unified_assets.compute.ledger import Ledger
from unified_assets.core.settings import Settings
from unified_assets.defs import reaper
from unified_assets.defs.doctor import examine
from unified_assets.defs.instance import open_instance
from unified_assets.defs.steps import PID_STARTED_TAG, PID_TAG
from unified_assets.tracking import journal
from unified_assets.tracking.experiment import Tracker

ASK_AND_DIE = """
import os, signal, sys
from pathlib import Path
from unified_assets.compute.ledger import Ask, Ledger, new_ask_id
ledger = Ledger(Path(sys.argv[1]))
with ledger.guard() as asks:
    ledger.add(asks, Ask(ask_id=new_ask_id("m"), model="m", kind="round", cores=1))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "state").mkdir()
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state").absolute()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def found(settings, *, repair=False, port=None):
    rows = examine(settings, ports={"--port": port or free_port()}, repair=repair)
    return [(row["check"], row["state"], row["what"], row["fix"]) for row in rows]


def wrong(rows):
    return [row for row in rows if row[1] != "ok" and row[0] != "versions"]  # whether `av` is installed is the machine's affair


def test_a_lake_that_never_ran_is_well_and_stays_as_it_is(lake):
    rows = found(lake)
    assert wrong(rows) == []
    assert {row[0] for row in rows} == {"versions", "raw", "state", "disk", "machine", "gpu", "ports", "instance"}
    assert list(lake.state.iterdir()) == []


def test_a_port_in_use_an_empty_raw_folder_and_a_full_disk_are_told_with_what_to_do(lake):
    (lake.raw / "a.txt").unlink()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        rows = wrong(found(lake.model_copy(update={"disk_floor_gib": 1e9}), port=port))
    assert [(row[0], row[1]) for row in rows] == [("raw", "warning"), ("disk", "failed"), ("ports", "warning")]
    assert rows[0][2] == f"{lake.raw} is empty"
    assert rows[1][3].startswith("Free space (`unified-assets prune`)")
    assert rows[2][3] == f"`unified-assets ui --port {port + 1}`"


def test_a_state_of_other_files_and_a_broken_database_are_told(lake):
    journal.write_json(lake.state / "lake.json", {"raw": "/elsewhere", "layout": 1})
    (lake.state / "mlflow").mkdir()
    (lake.state / "mlflow" / "mlflow.db").write_bytes(b"no database" * 100)
    rows = wrong(found(lake))
    assert rows == [
        ("state", "warning", f"{lake.state} belongs to /elsewhere", "Say `--raw /elsewhere` with it, or give another `--state`."),
        (
            "database",
            "failed",
            f"{lake.state}/mlflow/mlflow.db: file is not a database",
            "Restore it from a backup (docs/operating.md), or set the folder aside and run again.",
        ),
    ]


@pytest.mark.filterwarnings("ignore")  # MLflow and alembic warn about themselves
def test_leases_of_the_dead_leftovers_and_aliases_are_repaired(lake, tmp_path):
    leases, leftover, final = lake.state / "locks" / "leases", lake.state / "versions" / "catalog" / f".tmp-{2**22 - 3}-17", tmp_path / "final"
    leases.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", ASK_AND_DIE, str(leases)], check=False)
    leftover.mkdir(parents=True)
    final.mkdir()
    tracker = Tracker(uri=lake.tracking_uri, state=lake.state)
    tracker.client.create_registered_model("m")
    for _ in range(2):
        tracker.client.create_model_version("m", source=str(final))
    tracker.client.set_registered_model_alias("m", "champion", "1")
    versions = [{"version": number, "folder": str(final), "run_id": "r", "tasks": []} for number in (1, 2)]
    journal.write_json(journal.mirror_path(lake.state, "m"), {"model": "m", "version": 2, "champion": 2, "versions": versions})
    told = [
        ("leases", "1 leases of dead processes: m"),
        ("leftovers", f"1 folders of interrupted writers, such as {leftover}"),
        ("models", "m: champion is version 2 here and 1 in MLflow"),
    ]
    assert wrong(found(lake)) == [(check, "warning", what, "`unified-assets doctor --repair`") for check, what in told]
    assert leftover.is_dir()
    assert wrong(found(lake, repair=True)) == [(check, "repaired", what, "") for check, what in told]
    assert wrong(found(lake)) == []
    assert Ledger(leases).read() == []
    assert json.loads((leases / "ledger.json").read_text(encoding="utf-8")) == []
    assert not leftover.exists()
    assert int(tracker.client.get_model_version_by_alias("m", "champion").version) == 2


def origin():
    """Where a queued run's job is: a code location that nobody asks."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(executable_path=sys.executable, module_name="m"), "location")
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "train")


def test_runs_that_are_dead_never_began_or_wait_for_a_daemon_are_told_and_closed(lake, monkeypatch):
    with open_instance(lake) as instance:
        dead = instance.add_run(dg.DagsterRun(job_name="train", status=dg.DagsterRunStatus.NOT_STARTED, tags={PID_TAG: str(2**22 - 3), PID_STARTED_TAG: "1.0"}))
        stuck = instance.add_run(dg.DagsterRun(job_name="train", status=dg.DagsterRunStatus.STARTING))
        queued = instance.add_run(dg.DagsterRun(job_name="train", status=dg.DagsterRunStatus.QUEUED, remote_job_origin=origin()))
    assert {row[2] for row in wrong(found(lake))} == {
        f"still open, but their process is gone: {dead.run_id}",
        f"1 in the queue, and no daemon takes them from it: {queued.run_id}",
    }
    monkeypatch.setattr(reaper, "BEGIN_S", -1.0)  # as if time had passed
    told = {row[1:] for row in wrong(found(lake, repair=True))}
    assert told == {
        ("repaired", f"still open, but their process is gone: {dead.run_id}", ""),
        ("repaired", f"open for more than 15 minutes, but no step of it began: {stuck.run_id}", ""),
        ("warning", f"1 in the queue, and no daemon takes them from it: {queued.run_id}", "`unified-assets ui` runs the daemon."),
    }
    with open_instance(lake) as instance:
        assert {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))} == {dead.run_id, stuck.run_id}
        instance.add_daemon_heartbeat(DaemonHeartbeat(timestamp=time.time(), daemon_type="QUEUED_RUN_COORDINATOR", daemon_id="d", errors=[]))
    assert wrong(found(lake)) == []
