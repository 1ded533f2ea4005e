"""The last asset of a training run: what came of it."""

import time

import dagster as dg

from unified_assets.core import plugins
from unified_assets.defs.partitioned import partitioned_asset
from unified_assets.defs.partitions import MODALITY, same
from unified_assets.defs.provenance import partition_events, read_inputs
from unified_assets.defs.resources import LakeResource, MlflowResource
from unified_assets.defs.run_plan import models_of_run
from unified_assets.defs.steps import step
from unified_assets.store import snapshots
from unified_assets.tracking import journal

CODE_VERSION = "1"


def report_asset() -> dg.AssetsDefinition:
    """The asset `training_report`."""

    @partitioned_asset(
        name="training_report",
        deps=[same("model", name) for name in plugins.models()],
        code_version=CODE_VERSION,
        group_name="models",
        kinds={"html"},
        description="Every model and task of a run beside its references, the curves, the leases, and what failed.",
        check_specs=[dg.AssetCheckSpec("every_model_is_reported", asset="training_report", description="Each model of the run trained, or says why not.")],
    )
    def training_report(context: dg.AssetExecutionContext, lake: LakeResource, mlflow: MlflowResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
        from unified_assets.reports import write_report

        with step(context, lake) as here:
            asked = models_of_run(here)
            inputs = read_inputs(context.instance, same=[f"model/{name}" for name in plugins.models()])
            record = journal.read_json(here.run_dir / "run.json")
            seconds = time.time() - record.get("attempt_started", time.time())
            journal.note_run(here.run_dir, run_id=here.root, status="SUCCESS", seconds=seconds, ended=time.time())
            page, facts = write_report(here.run_dir, state=here.settings.state)
            mlflow.tracker().finish(here.run_dir, failed=bool(facts["failed"]))
            snapshots.keep(here.settings.state, here.settings.state_url, here.log)
            missing = sorted(set(asked) - set(facts["models"]))
            version = journal.digest_of(facts)
            shown = {"report": dg.MetadataValue.path(page), **facts}
            yield dg.MaterializeResult(metadata=shown)
            yield dg.AssetCheckResult(check_name="every_model_is_reported", passed=not missing, metadata={"missing": missing})
            versions = dict.fromkeys(MODALITY.get_partition_keys(), version)
            yield from partition_events("training_report", inputs, code_version=CODE_VERSION, versions=versions, facts=shown)

    return training_report
