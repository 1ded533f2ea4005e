"""One asset a model: trained as a whole in one step, whichever of its partitions were asked for."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from unified_assets.core import plugins
from unified_assets.core.contracts import ModelSpec
from unified_assets.core.presets import Preset
from unified_assets.defs.model_metadata import checks, metadata, skipped_checks, skipped_metadata
from unified_assets.defs.partitioned import partitioned_asset
from unified_assets.defs.partitions import same
from unified_assets.defs.provenance import Inputs, partition_events, read_inputs
from unified_assets.defs.resources import ComputeResource, LakeResource, MlflowResource
from unified_assets.defs.run_lock import training_run
from unified_assets.defs.run_plan import RunPlan, run_plan
from unified_assets.defs.sink import StepSink
from unified_assets.defs.steps import Step, step
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
        retry_policy=dg.RetryPolicy(max_retries=2, delay=1),
        check_specs=[
            dg.AssetCheckSpec("finite_metrics", asset=key, description="Every task has a finite test score."),
            dg.AssetCheckSpec("beats_baseline", asset=key, description="No task scores below its classical baseline on the same split."),
            dg.AssetCheckSpec("not_worse_than_champion", asset=key, description="No task is significantly worse than the champion."),
        ],
    )
    def model(context: dg.AssetExecutionContext, lake: LakeResource, compute: ComputeResource, mlflow: MlflowResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
        with step(context, lake) as here, training_run(here.settings.state, here.lock, log=here.log):
            inputs = read_inputs(context.instance, same=[f"dataset/{spec.name}"])
            preset = lake.preset_named(here.preset)
            plan = run_plan(here, preset)
            versions = journal.read_stage(here.settings.state, f"dataset/{spec.name}").get("versions", {})
            if spec.name in plan.members:
                yield from _trained(context, here, spec, preset, plan, compute, mlflow)
            else:
                yield from _not_trained(here, spec, plan)
            yield from _partitions(here, spec, inputs, versions)

    return model


def _trained(
    context: dg.AssetExecutionContext, here: Step, spec: ModelSpec, preset: Preset, plan: RunPlan, compute: ComputeResource, mlflow: MlflowResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    from unified_assets.datasets import load
    from unified_assets.tracking.registry import register

    journal.forget_failure(here.run_dir, here.key)
    dataset = load(plan.datasets[spec.name])
    tracker = mlflow.tracker()
    parent = tracker.parent(here.run_dir, name=f"{preset.name} {here.root[:8]}", parameters=preset.model_dump(mode="json"))
    facts = {"dataset": dataset.digest, "code_version": spec.version, **preset.model_dump(mode="json", exclude={"name", "description"})}
    run = tracker.child(here.run_dir, spec.name, parent=parent, parameters=facts)
    with tracker.running(run):
        outcome = _train(context, here, spec, preset, plan, compute, dataset, StepSink(context, run, rounds=preset.rounds))
        registration = register(
            tracker,
            run,
            spec=spec,
            dataset=dataset,
            folder=outcome.folder,
            results=outcome.results,
            identity=plan.identities[spec.name],
            run_id=here.root,
            log=here.log,
        )
    here.log(f"{spec.name} version {registration.version}: {'champion' if registration.decision.champion else 'challenger'}, {registration.decision.reason}")
    yield dg.MaterializeResult(metadata=metadata(registration, run_dir=here.run_dir, mlflow_run=run.run_id))
    yield from checks(registration.entry, registration.decision)


def _train(
    context: dg.AssetExecutionContext, here: Step, spec: ModelSpec, preset: Preset, plan: RunPlan, compute: ComputeResource, dataset: Any, sink: StepSink
) -> Any:
    from unified_assets.datasets import read_counts
    from unified_assets.training.plan import make_plan
    from unified_assets.training.rounds import train_model

    inventory = compute.inventory()
    schedule = make_plan(
        here.run_dir,
        models={member: read_counts(plan.datasets[member]) for member in plan.members},
        preset=preset,
        inventory=inventory,
        specs=plugins.models(),
        champions=plan.champions,
    )
    return train_model(
        spec,
        dataset=dataset,
        run_dir=here.run_dir,
        knowledge_dir=here.run_dir / "knowledge",
        plan=schedule,
        broker=compute.broker(inventory),
        members=plan.members,
        champions=plan.champions,
        initial=plan.champions.get(spec.name) if preset.start_from == "champion" else None,
        sink=sink,
    )


def _not_trained(here: Step, spec: ModelSpec, plan: RunPlan) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    why = plan.skipped.get(spec.name, "its dataset was not built in this run")
    known = journal.version_with_identity(journal.read_mirror(here.settings.state, spec.name), plan.identities.get(spec.name, ""))
    here.log(f"{spec.name} is not trained: {why}")
    yield dg.MaterializeResult(metadata=skipped_metadata(why, known))
    yield from skipped_checks(why, known)


def _partitions(here: Step, spec: ModelSpec, inputs: Inputs, dataset_versions: dict[str, str]) -> Iterator[dg.AssetMaterialization]:
    """A model's version for a modality: the registered version, made of that modality's part of the dataset."""
    mirror = journal.read_mirror(here.settings.state, spec.name)
    newest = mirror.get("version")
    versions = {name: journal.digest_of([newest, digest]) for name, digest in dataset_versions.items()} if newest is not None else {}
    yield from partition_events(here.key, inputs, code_version=spec.version, versions=versions)
