"""What the fork server imports once for all steps. It only imports: a torch operation here would hang every step."""

import gc
import importlib

MODULES = (
    "dagster._core.executor.multiprocess",
    "torch",
    "torch._dynamo",
    "torch.optim",
    "safetensors.torch",
    "sklearn.linear_model",
    "sklearn.svm",
    "threadpoolctl",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "polars",
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
    "dagster._core.execution.plan.execute_plan",
    "dagster._core.instance.factory",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.root",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.workspace.autodiscovery",
    "unified_assets.definitions",
    "unified_assets.learners.audio_learner_torch",
    "unified_assets.learners.image_learner_torch",
    "unified_assets.learners.media_align_torch",
    "unified_assets.learners.text_learner_torch",
    "unified_assets.learners.text_start",
    "unified_assets.reports.collect",
    "unified_assets.training.rounds",
)

gc.disable()  # it would go through all that is there, again and again, for a sixth of the time, and find next to nothing
for _name in MODULES:
    importlib.import_module(_name)
gc.freeze()
gc.enable()
