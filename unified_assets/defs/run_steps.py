"""What a run of the instance was asked for, and how its steps ended."""

import dagster as dg

from unified_assets.core.credentials import without_credentials

CRASHED = "ChildProcessCrashException"
FIX = "Where memory ran out, train fewer models at a time (`target_models`) or give this process more; then `unified-assets train --resume`."
RESUME = "Nothing that was trained is lost: mend the cause, then `unified-assets train --resume`."


def selected_assets(instance: dg.DagsterInstance, run_id: str) -> set[str] | None:
    """Keys (`model/vision_service`) a run was asked for; None means all of its job, or that the run is not known."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.asset_selection is None:
        return None
    return {"/".join(key.path) for key in run.asset_selection}


def failed_steps(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Asset key of each failed step → the first line of why."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    found = {}
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None or event.step_key is None:
            continue
        data = event.step_failure_data
        failure = data.user_failure_data
        text = (failure.description if failure is not None else None) or (data.error.message if data.error is not None else "") or "failed"
        text = f"{_crash(instance, run_id, event.step_key)} {FIX}" if CRASHED in text else text
        found[event.step_key.replace("__", "/", 1)] = " ".join(text.split())[:500]
    return found


def run_failure(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """`run` → why a run failed of which no step did: what it failed with by itself."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    events = [event for record in records if (event := record.event_log_entry.dagster_event) is not None]
    if not events:
        return {}
    error = events[-1].job_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    told = error.message if error is not None else events[-1].message or "failed"
    return {"run": without_credentials(" ".join(told.split()))[:300] + " " + RESUME}


def _crash(instance: dg.DagsterInstance, run_id: str, step_key: str) -> str:
    """What Dagster says of a step whose process ended by itself or by a signal: the failure of the step only says that it did."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [event for record in records if (event := record.event_log_entry.dagster_event) is not None and event.step_key == step_key]
    told = [str(event.message) for event in events if event.engine_event_data.error is not None]
    return told[-1].partition(" This usually")[0] if told else "its process ended unexpectedly."  # what follows is advice about executors
