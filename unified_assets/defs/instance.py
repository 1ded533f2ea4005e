"""The embedded Dagster instance of a lake: its `dagster.yaml`, written by us."""

import os
from pathlib import Path

import dagster as dg

from unified_assets.core.settings import Settings
from unified_assets.defs.jobs import REFRESH_TAG
from unified_assets.defs.steps import TRAINING_TAG
from unified_assets.store.local import write_text

DAGSTER_YAML = f"""\
# Written by unified_assets for a lake on one machine (SQLite). Edit it if you like: it is only written where there is none.
run_monitoring:
  enabled: true
  poll_interval_seconds: 5
  free_slots_after_run_end_seconds: 5
concurrency:
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits:
      - key: {TRAINING_TAG}
        limit: 1
      - key: {REFRESH_TAG}
        limit: 1
retention:
  schedule:
    purge_after_days: 30
  sensor:
    purge_after_days:
      skipped: 3
      failure: 30
      success: 30
python_logs:
  python_log_level: INFO
telemetry:
  enabled: false
nux:
  enabled: false
"""


def prepare_home(settings: Settings) -> Path:
    """The instance's folder, with a `dagster.yaml`; it becomes DAGSTER_HOME of this process unless one is set."""
    home = home_of(settings)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").is_file():
        write_text(home / "dagster.yaml", DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def home_of(settings: Settings) -> Path:
    """The instance's folder."""
    return Path(os.environ.get("DAGSTER_HOME") or settings.dagster_home).absolute()


def has_instance(settings: Settings) -> bool:
    """Whether a run or a server of this lake has made its instance."""
    return (home_of(settings) / "dagster.yaml").is_file()


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The lake's instance."""
    return dg.DagsterInstance.from_config(str(prepare_home(settings)))
