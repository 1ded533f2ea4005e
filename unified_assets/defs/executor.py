"""How steps run: as processes of a fork server that has imported the heavy modules already."""

import dagster as dg

PRELOAD = "unified_assets.defs.preload"
MAX_CONCURRENT = 16


def warm_up() -> None:
    """Start the fork server now: it imports while the run is being planned. Call it when the environment is as steps shall see it."""
    from multiprocessing import forkserver, get_context

    get_context("forkserver").set_forkserver_preload(["dagster._core.executor.multiprocess", PRELOAD])
    forkserver.ensure_running()


def executor() -> dg.ExecutorDefinition:
    """Enough slots for all models at once (the default is the number of cores); the leases decide who computes.

    `define_asset_job(config=…)` does not reach `execute_job` nor the UI's own job, so this stands on the definitions.
    """
    return dg.multiprocess_executor.configured({"max_concurrent": MAX_CONCURRENT, "start_method": {"forkserver": {"preload_modules": [PRELOAD]}}})
