"""Assembles the Dagster definitions; nothing else."""

from functools import cache

import dagster as dg

from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.defs.console import terminal_logger
from unified_assets.defs.dataset_assets import dataset_asset
from unified_assets.defs.executor import executor
from unified_assets.defs.jobs import all_jobs
from unified_assets.defs.model_assets import model_asset
from unified_assets.defs.report_asset import report_asset
from unified_assets.defs.resources import resources
from unified_assets.defs.schedules import nightly
from unified_assets.defs.sensors import sensors
from unified_assets.defs.stages import stage_assets

settings = Settings()
jobs = all_jobs()
defs = dg.Definitions(
    assets=[
        *stage_assets(),
        *(dataset_asset(spec) for spec in plugins.models().values()),
        *(model_asset(spec) for spec in plugins.models().values()),
        report_asset(),
    ],
    resources=resources(settings),
    jobs=jobs,
    sensors=sensors(jobs, auto=settings.auto),
    schedules=[nightly(jobs, preset=settings.preset, auto=settings.auto)],
    executor=executor(),
    loggers={"console": terminal_logger},
)


@cache
def job_named(name: str) -> dg.JobDefinition:
    """One of these jobs: what the processes of a run that was started here rebuild."""
    return defs.resolve_job_def(name)
