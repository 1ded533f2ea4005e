"""The Dagster UI and daemon of a lake."""

import importlib.util
import os
import sys
from typing import NoReturn

from unified_assets.core.settings import Settings
from unified_assets.defs.instance import open_instance, prepare_home


def serve(settings: Settings, *, port: int, auto: bool) -> NoReturn:
    """Become `dagster dev` on 127.0.0.1: whoever ends this process ends the UI and the daemon, and its exit code is theirs."""
    from unified_assets.defs.reaper import close_dead_runs

    prepare_home(settings)
    with open_instance(settings) as instance:
        close_dead_runs(instance)
    assert importlib.util.find_spec("dagster_webserver") is not None
    environment = {
        **os.environ,
        "UNIFIED_ASSETS_RAW": str(settings.raw),
        "UNIFIED_ASSETS_STATE": str(settings.state),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        **({"UNIFIED_ASSETS_AUTO": "true"} if auto else {}),
    }
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "unified_assets.definitions", "--host", "127.0.0.1", "--port", str(port)]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell: the arguments are ours
