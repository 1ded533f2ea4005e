"""How steps run: as processes of a fork server that has imported the heavy modules already."""

import dagster as dg

from unified_assets.defs.fork_server import PRELOAD

MAX_CONCURRENT = 16


def executor() -> dg.ExecutorDefinition:
    """Enough slots for all models at once (the default is the number of cores); the leases decide who computes.

    `define_asset_job(config=…)` does not reach `execute_job` nor the UI's own job, so this stands on the definitions.
    """
    return dg.multiprocess_executor.configured({"max_concurrent": MAX_CONCURRENT, "start_method": {"forkserver": {"preload_modules": [PRELOAD]}}})
