"""Stale models → one training run of those that changed enough."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.defs.chosen_preset import PRESET_TAG
from unified_assets.defs.jobs import REFRESH_TAG, job_of, selection
from unified_assets.defs.partitions import whole_range
from unified_assets.defs.resources import LakeResource
from unified_assets.defs.steps import TRAINING_TAG
from unified_assets.tracking import journal
from unified_assets.tracking.staleness import StaleModel, stale_models

INTERVAL_S = 15
AT_WORK = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def worth_training(
    stale: Sequence[StaleModel], since: Mapping[str, float], now: float, *, last_training: float, settings: Settings
) -> tuple[tuple[str, ...], str, dict[str, float]]:
    """(models to train, why or why not, since when each model is stale). `since` and the result: model → seconds since the epoch.

    One model past a threshold brings all stale ones along: they learn from each other, and their files are warm.
    """
    following = {model.model: since.get(model.model, now) for model in stale}
    if not stale:
        return (), "no model is stale", {}
    reasons = [why for model in stale if (why := _reason(model, (now - following[model.model]) / 3600, settings))]
    if not reasons:
        most = max(stale, key=lambda model: model.changed)
        return (), f"{most.model} is stale by {most.changed} labelled examples: {settings.retrain_examples} are worth a training", following
    left = 60 * settings.cool_down_min - (now - last_training)
    if left > 0:
        return (), f"{reasons[0]}; the last training began too short a time ago: {left / 60:.0f} minutes to wait", following
    return tuple(model.model for model in stale), reasons[0], following


def _reason(model: StaleModel, stale_h: float, settings: Settings) -> str | None:
    if model.changed >= settings.retrain_examples or model.changed >= settings.retrain_share * max(1, model.labelled):
        return f"{model.model} has {model.changed} labelled examples more or fewer of {model.labelled}"
    if stale_h >= settings.retrain_age_h:
        return f"{model.model} is stale for {stale_h:.0f} hours"
    return None


def retrain_sensor(jobs: Sequence[Any], *, auto: bool) -> dg.SensorDefinition:
    """Off until switched on: it starts trainings."""

    @dg.sensor(
        name="stale_models",
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING if auto else dg.DefaultSensorStatus.STOPPED,
        description="Trains stale models when enough labelled examples changed, or they have been stale for long; never while a run is at work.",
    )
    def stale(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult | dg.SkipReason:
        for tag in (TRAINING_TAG, REFRESH_TAG):
            busy = context.instance.get_runs(dg.RunsFilter(statuses=AT_WORK, tags={tag: "true"}), limit=1)
            if busy:
                return dg.SkipReason(f"run {busy[0].run_id} ({busy[0].job_name}) is at work")
        settings = lake.settings()
        specs = plugins.models()
        wanted = lake.preset_named(None).models(tuple(specs))  # a model that the preset leaves out would stay stale, and be asked for again and again
        found = stale_models(settings.state, code_versions={name: specs[name].version for name in wanted})
        begun = max((record.get("attempt_started") or 0.0 for record in journal.runs(settings.state)), default=0.0)
        since = json.loads(context.cursor) if context.cursor else {}
        models, why, following = worth_training(found, since, time.time(), last_training=begun, settings=settings)
        context.update_cursor(json.dumps(following))
        if not models:
            return dg.SkipReason(why)
        context.log.info("training %s: %s", ", ".join(models), why)
        return dg.SensorResult(run_requests=[training_request(lake.preset, models, key=f"train-{time.time_ns()}")])

    return stale


def training_request(preset: str, models: Sequence[str], *, key: str) -> dg.RunRequest:
    """A run of these models and all they are made from, with a preset by name or path."""
    tags = {**whole_range(), PRESET_TAG: preset, TRAINING_TAG: "true"}
    return dg.RunRequest(run_key=key, job_name=job_of(preset), tags=tags, asset_selection=selection(tuple(models), training=True))
