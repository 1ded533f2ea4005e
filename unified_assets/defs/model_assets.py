"""One asset a model: trained as a whole in one step, whichever of its partitions were asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from unified_assets.core.contracts import ModelSpec
from unified_assets.defs.chosen_preset import chosen_preset
from unified_assets.defs.partitioned import partitioned_asset
from unified_assets.defs.partitions import same
from unified_assets.defs.provenance import Inputs, partition_events, read_inputs
from unified_assets.defs.resources import ComputeResource, LakeResource, MlflowResource, TrainingResource
from unified_assets.defs.run_lock import training_run
from unified_assets.defs.run_plan import run_plan
from unified_assets.defs.steps import Step, step
from unified_assets.defs.training_step import Training, not_trained, trained
from unified_assets.tracking import journal


def model_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset `model/<model>`."""
    key = dg.AssetKey(["model", spec.name])

    @partitioned_asset(
        key=key,
        deps=[same("dataset", spec.name)],
        code_version=spec.version,
        group_name="models",
        kinds={"pytorch", "mlflow"},
        description=spec.description,
        tags={"unified_assets/model": spec.name},
        op_tags={"unified_assets/model": spec.name},
        check_specs=[
            dg.AssetCheckSpec("finite_metrics", asset=key, description="Every task has a finite test score."),
            dg.AssetCheckSpec("beats_baseline", asset=key, description="No task scores below its classical baseline on the same split."),
            dg.AssetCheckSpec("not_worse_than_champion", asset=key, description="No task is significantly worse than the champion."),
        ],
    )
    def model(context: dg.AssetExecutionContext, lake: LakeResource, training: TrainingResource, compute: ComputeResource, mlflow: MlflowResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
        with step(context, lake) as here, training_run(here.settings.state, here.lock, log=here.log):
            inputs = read_inputs(context.instance, same=[f"dataset/{spec.name}"])
            preset = chosen_preset(lake, training, here.tags)
            plan = run_plan(here, preset)
            versions = journal.read_stage(here.settings.state, f"dataset/{spec.name}").get("versions", {})
            job = Training(here=here, spec=spec, preset=preset, plan=plan, compute=compute, mlflow=mlflow)
            if spec.name in plan.members:
                facts = yield from trained(job, context)
            else:
                facts = yield from not_trained(job)
            yield from _partitions(here, spec, inputs, versions, facts)

    return model


def _partitions(here: Step, spec: ModelSpec, inputs: Inputs, dataset_versions: dict[str, str], facts: Mapping[str, Any]) -> Iterator[dg.AssetMaterialization]:
    """A model's version for a modality: the registered version, made of that modality's part of the dataset."""
    mirror = journal.read_mirror(here.settings.state, spec.name)
    newest = mirror.get("version")
    versions = {name: journal.digest_of([newest, digest]) for name, digest in dataset_versions.items()} if newest is not None else {}
    yield from partition_events(here.key, inputs, code_version=spec.version, versions=versions, facts=facts)
