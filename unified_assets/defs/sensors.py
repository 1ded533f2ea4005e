"""All sensors: those that follow the files, and the housekeeping: dead runs closed, failed runs reported."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from unified_assets.defs.new_files_sensor import new_files_sensor
from unified_assets.defs.reaper import close_dead_runs, finish_failed_run
from unified_assets.defs.resources import LakeResource
from unified_assets.defs.retrain_sensor import retrain_sensor


def dead_runs_sensor() -> dg.SensorDefinition:
    """On: Dagster itself does not notice that the process of a run is gone."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Closes runs whose process is gone, so that their slots are free and they can be re-executed.",
    )
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        closed = close_dead_runs(context.instance)
        return dg.SkipReason(f"closed {', '.join(closed)}" if closed else "every started run is alive")

    return dead_runs


def failed_run_sensor() -> dg.SensorDefinition:
    """On: the report's own asset is skipped when a model failed."""

    @dg.run_failure_sensor(
        name="report_of_failed_run",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=5,
        description="Renders the report of a training run in which a model failed.",
    )
    def report_of_failed_run(context: dg.RunFailureSensorContext, lake: LakeResource) -> None:
        if finish_failed_run(context.instance, context.dagster_run, lake.settings()):
            context.log.info("report rendered for run %s", context.dagster_run.run_id)
            context.instance.report_runless_asset_event(dg.AssetMaterialization("training_report", metadata={"failed_run": context.dagster_run.run_id}))

    return report_of_failed_run


def sensors(jobs: Sequence[Any], *, auto: bool) -> list[dg.SensorDefinition]:
    """All sensors."""
    return [new_files_sensor(jobs, auto=auto), retrain_sensor(jobs, auto=auto), dead_runs_sensor(), failed_run_sensor()]
