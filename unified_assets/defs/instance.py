"""The embedded Dagster instance of a lake: its `dagster.yaml`, written by us."""

import os
import sqlite3
from pathlib import Path

import dagster as dg
import yaml
from dagster_shared.check import CheckError

from unified_assets.core.errors import UnifiedAssetsError
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


_POSTGRES = "DagsterPostgresException"  # of a package that need not be installed


class InstanceAway(UnifiedAssetsError):
    """Dagster's own database does not answer, or cannot be asked."""

    def __init__(self, *, home: Path, error: BaseException) -> None:
        self.home = home
        said = " ".join(_first_cause(error).split())[:300]
        super().__init__(
            f"Dagster's database, as {home / 'dagster.yaml'} names it, cannot be used ({said}). Start it or mend that file, then run again; "
            "a training that it ended goes on with `unified-assets train --resume`."
        )


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


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
    return settings.home_of_instance


def has_instance(settings: Settings) -> bool:
    """Whether a run or a server of this lake has made its instance."""
    return (home_of(settings) / "dagster.yaml").is_file()


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The lake's instance. Raises InstanceAway where its database does not answer, or `dagster.yaml` names what is not there."""
    home = prepare_home(settings)
    try:
        return dg.DagsterInstance.from_config(str(home))
    except (ImportError, CheckError, dg.DagsterInvalidConfigError, yaml.YAMLError) as error:  # CheckError: a module that cannot be imported
        raise InstanceAway(home=home, error=error) from None
    except Exception as error:
        known = away(error, settings)
        if known is None:
            raise
        raise known from None


def away(error: BaseException, settings: Settings) -> InstanceAway | None:
    """The same told clearly, where an error or what caused it is that the instance's database server does not answer; else None.

    SQLite's own errors are not meant: they are told by what they say.
    """
    from sqlalchemy.exc import DBAPIError

    found: BaseException | None = error
    while found is not None:
        server = isinstance(found, DBAPIError) and not isinstance(found.orig, sqlite3.Error)
        if server or type(found).__name__ == _POSTGRES:
            return InstanceAway(home=home_of(settings), error=found)
        found = found.__cause__ or found.__context__
    return None
