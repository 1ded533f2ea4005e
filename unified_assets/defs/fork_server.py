"""The process that step processes are forked from. It imports what they need, once, while the run is being planned. Imports no Dagster here."""

import os

from unified_assets.core.settings import Settings

PRELOAD = "unified_assets.defs.preload"
OWN_GROUP = "unified_assets.defs.own_group"


def set_environment(settings: Settings) -> None:
    """Step processes and code locations read the settings from the environment."""
    os.environ["UNIFIED_ASSETS_RAW"], os.environ["UNIFIED_ASSETS_STATE"] = str(settings.raw), str(settings.state)
    os.environ["DAGSTER_HOME"] = str(settings.home_of_instance)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def warm_up(settings: Settings) -> None:
    """Start it, if it is not there: steps will see the environment as it is now, and these settings. The first step waits for its imports."""
    from multiprocessing import forkserver, get_context

    set_environment(settings)
    get_context("forkserver").set_forkserver_preload([OWN_GROUP, PRELOAD])
    forkserver.ensure_running()
