"""Runs whose worker process is gone are closed: they would stay STARTED forever, and hold their slots."""

import time

import dagster as dg

from unified_assets.core.settings import Settings
from unified_assets.defs.run_steps import failed_steps
from unified_assets.defs.steps import PID_STARTED_TAG, PID_TAG, TRAINING_TAG
from unified_assets.tracking import journal

OPEN = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]

BEGIN_S = 900.0  # a step tells its process within seconds of its start, on a loaded machine within a minute
DAEMON_S = 120.0


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report every open run whose recorded worker does not live any more as failed. Returns their ids."""
    dead = [run for run in open_runs(instance) if is_dead(run)]
    for run in dead:
        pid = run.tags[PID_TAG]
        instance.report_run_failed(run, message=f"The process of this run (pid {pid}) is gone. Re-execute it from failure: it goes on from its last round.")
    return [run.run_id for run in dead]


def open_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that count as working, or as about to: the command that made one may have died before it started it."""
    return list(instance.get_runs(dg.RunsFilter(statuses=OPEN)))


def is_dead(run: dg.DagsterRun) -> bool:
    """Whether the worker that a run recorded does not live any more."""
    return PID_TAG in run.tags and not journal.is_alive(run.tags[PID_TAG], run.tags.get(PID_STARTED_TAG))


def never_began(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that were to start long ago and of which no step has told its process: whoever should have started them is gone."""
    limit = time.time() - BEGIN_S
    records = instance.get_run_records(dg.RunsFilter(statuses=OPEN))
    return [one.dagster_run for one in records if PID_TAG not in one.dagster_run.tags and one.update_timestamp.timestamp() < limit]


def waiting_for_a_daemon(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs in the queue while no daemon takes them from it."""
    queued = list(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])))
    beat = instance.get_daemon_heartbeats().get("QUEUED_RUN_COORDINATOR") if queued else None
    return [] if beat is not None and time.time() - beat.timestamp < DAEMON_S else queued


def finish_failed_run(instance: dg.DagsterInstance, run: dg.DagsterRun, settings: Settings) -> bool:
    """Write down what failed in a training run and render its report from its files. Returns whether there was anything to report."""
    from unified_assets.reports import write_report

    run_dir = journal.run_folder(settings.state, run.root_run_id or run.run_id)
    if TRAINING_TAG not in run.tags and not run_dir.is_dir():
        return False
    note_failed_steps(instance, run.run_id, settings, root=run.root_run_id or run.run_id)
    record = journal.read_json(run_dir / "run.json")
    if record.get("status") not in {"SUCCESS", "FAILURE"}:
        journal.note_run(run_dir, run_id=record.get("run_id", run.root_run_id or run.run_id), status="FAILURE")
    write_report(run_dir, state=settings.state)
    return True


def note_failed_steps(instance: dg.DagsterInstance, run_id: str, settings: Settings, *, root: str) -> dict[str, str]:
    """Write down the failed steps of a run that could not do it themselves (a killed process). Returns step → why."""
    failed = failed_steps(instance, run_id)
    run_dir = journal.run_folder(settings.state, root)
    known = {failure["step"] for failure in journal.failures(run_dir)}
    for key in sorted(failed.keys() - known):
        journal.note_failure(run_dir, key, error="StepFailure", message=failed[key])
    return failed
