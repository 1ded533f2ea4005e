"""New raw files → a refresh, and a training when it is worth one; dead runs closed; failed runs reported."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from unified_assets.defs.jobs import REFRESH, REFRESH_TAG, TRAIN
from unified_assets.defs.partitions import whole_range
from unified_assets.defs.provenance import DATA_VERSION
from unified_assets.defs.reaper import close_dead_runs, finish_failed_run
from unified_assets.defs.resources import LakeResource
from unified_assets.defs.stages import extension_modalities
from unified_assets.defs.steps import PRESET_TAG, TRAINING_TAG
from unified_assets.presets import preset_names
from unified_assets.tracking import fingerprint

SETTLE_S = 20.0  # files younger than this are still being written
RETRAIN_FILES = 50  # this many files more or fewer ask for a training,
RETRAIN_SHARE = 0.1  # or this share of them,
RETRAIN_AGE_S = 24 * 3600.0  # or any change this long after the last one;
COOL_DOWN_S = 3600.0  # but never sooner than this after the last one


def decide(prints: dict[str, fingerprint.Fingerprint], cursor: dict[str, Any], now: float) -> tuple[str, str, dict[str, Any]]:
    """What to ask for: (`nothing`, `refresh` or `train`, why, the next cursor). A pure function of what is seen and remembered."""
    digests = {name: found.digest for name, found in prints.items()}
    files = sum(found.files for found in prints.values())
    if digests == cursor.get("digests"):
        return "nothing", "no file changed", cursor
    if now - max((found.newest for found in prints.values()), default=0.0) < SETTLE_S or digests != cursor.get("seen"):
        return "nothing", "files are still changing", {**cursor, "seen": digests}
    trained = cursor.get("trained", {"at": 0.0, "files": 0})
    difference, age = abs(files - trained["files"]), now - trained["at"]
    worth_it = difference >= RETRAIN_FILES or difference >= RETRAIN_SHARE * max(1, files) or age >= RETRAIN_AGE_S
    following = {"digests": digests, "seen": digests, "trained": trained}
    if not files or not worth_it or age < COOL_DOWN_S:
        return "refresh", f"{difference} files more or fewer than at the last training", following
    return "train", f"{difference} files more or fewer than at the last training", {**following, "trained": {"at": now, "files": files}}


def new_raw_files_sensor(jobs: Sequence[Any], *, auto: bool) -> dg.SensorDefinition:
    """Off until switched on: it may start a training."""

    @dg.sensor(
        name="new_raw_files",
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if auto else dg.DefaultSensorStatus.STOPPED,
        description="Refreshes the datasets when files changed and settled; trains when enough of them did.",
    )
    def new_raw_files(context: dg.SensorEvaluationContext, lake: LakeResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
        prints = fingerprint.raw_fingerprints(Path(lake.raw), extension_modalities())
        cursor = json.loads(context.cursor) if context.cursor else {}
        before = cursor.get("digests", {})
        asked, why, following = decide(prints, cursor, time.time())
        context.update_cursor(json.dumps(following))
        if asked == "nothing":
            return dg.SkipReason(why)
        events = [
            dg.AssetMaterialization("raw_files", partition=name, metadata={"files": found.files}, tags={DATA_VERSION: found.digest})
            for name, found in prints.items()
            if before.get(name) != found.digest
        ]
        preset = {PRESET_TAG: lake.preset, TRAINING_TAG: "true"} if asked == "train" else {REFRESH_TAG: "true"}
        key = f"{asked}-{int(time.time())}"
        training = lake.preset if lake.preset in preset_names() else TRAIN
        job = training if asked == "train" else REFRESH
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key, job_name=job, tags={**whole_range(), **preset})], asset_events=events)

    return new_raw_files


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
    return [new_raw_files_sensor(jobs, auto=auto), dead_runs_sensor(), failed_run_sensor()]
