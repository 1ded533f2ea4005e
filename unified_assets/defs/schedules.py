"""Every night: a training of what is stale by then."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from unified_assets.defs.chosen_preset import PRESET_TAG
from unified_assets.defs.jobs import job_of
from unified_assets.defs.steps import TRAINING_TAG

CRON = "0 3 * * *"


def nightly(jobs: Sequence[Any], *, preset: str, auto: bool) -> dg.ScheduleDefinition:
    """Off until switched on. What is trained on these very data already is left alone, so a quiet day costs a rescan."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=next(job for job in jobs if job.name == job_of(preset)),
        cron_schedule=CRON,
        tags={PRESET_TAG: preset, TRAINING_TAG: "true"},
        default_status=dg.DefaultScheduleStatus.RUNNING if auto else dg.DefaultScheduleStatus.STOPPED,
        description="Rescans at three in the night and trains the models that are stale by then.",
    )
