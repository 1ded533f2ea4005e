"""What the fork server imports once for all steps. It only imports: a torch operation here would hang every step."""

import gc
import importlib

MODULES = (
    "torch",
    "torch._dynamo",
    "torch.optim",
    "mlflow",
    "mlflow.pyfunc",
    "polars",
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
    "dagster._core.execution.plan.execute_plan",
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "unified_assets.definitions",
)

for _name in MODULES:
    importlib.import_module(_name)
gc.collect()
gc.freeze()
