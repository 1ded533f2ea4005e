"""What a model's step does when its model trains: plan, lease, rounds, registration, champion."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import dagster as dg

from unified_assets.compute.monitor import Sample, sample
from unified_assets.core import plugins
from unified_assets.core.contracts import ModelSpec
from unified_assets.core.presets import Preset
from unified_assets.defs.model_metadata import checks, metadata, skipped_checks, skipped_metadata
from unified_assets.defs.resources import ComputeResource, MlflowResource
from unified_assets.defs.run_plan import RunPlan
from unified_assets.defs.sink import StepSink
from unified_assets.defs.steps import Step
from unified_assets.store import snapshots
from unified_assets.tracking import journal
from unified_assets.tracking.experiment import ModelRun
from unified_assets.tracking.patience import patiently
from unified_assets.training import logs

SNAPSHOT_S = 300.0  # between snapshots of the state while models train

Events = Generator[dg.MaterializeResult[Any] | dg.AssetCheckResult, None, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Training:
    """One model's part in a run."""

    here: Step
    spec: ModelSpec
    preset: Preset
    plan: RunPlan
    compute: ComputeResource
    mlflow: MlflowResource


def trained(job: Training, context: dg.AssetExecutionContext) -> Events:
    """Train, register, decide; then the result and its checks. Returns the metadata."""
    from unified_assets.datasets import load
    from unified_assets.tracking.registry import register
    from unified_assets.training.retrieval import flat

    here, spec, preset, plan = job.here, job.spec, job.preset, job.plan
    journal.forget_failure(here.run_dir, here.key)
    dataset = load(plan.datasets[spec.name])
    tracker = job.mlflow.tracker()
    patient = partial(patiently, uri=tracker.uri, waiting=lambda what: here.log(f"waiting: {what}"))
    named = f"{preset.name} {here.root[:8]}"
    parent = patient(lambda: tracker.parent(here.run_dir, name=named, parameters=preset.model_dump(mode="json")))
    facts = {"dataset": dataset.digest, "code_version": spec.version, **preset.model_dump(mode="json", exclude={"name", "description"})}
    run = patient(lambda: tracker.child(here.run_dir, spec.name, parent=parent, parameters=facts))

    @contextmanager
    def trial_run(number: int, parameters: Mapping[str, object]) -> Iterator[ModelRun]:
        trial = patient(lambda: tracker.child(here.run_dir, f"{spec.name} trial {number}", parent=run.run_id, parameters=parameters))
        with tracker.running(trial):
            yield trial

    with tracker.running(run):
        outcome = _train(job, dataset, StepSink(context, run, rounds=preset.rounds, trial_run=trial_run, observe=lambda: _observed(here, spec.name)))
        patient(lambda: run.metrics(flat(outcome.results.get("retrieval", ())), preset.rounds))
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
    shown = metadata(registration, run_dir=here.run_dir, mlflow_run=run.page)
    yield dg.MaterializeResult(metadata=shown)
    yield from checks(registration.entry, registration.decision)
    return shown


def _observed(here: Step, model: str) -> Sample:
    """The machine now; also written down for the report. Looked at after each round, which is when a snapshot of the state is worth taking."""
    found = sample(here.settings.state)
    snapshots.keep(here.settings.state, here.settings.state_url, here.log, every_s=SNAPSHOT_S)
    logs.append(here.run_dir / "machine" / f"{model}.jsonl", {"model": model, **asdict(found)})
    return found


def not_trained(job: Training) -> Events:
    """The version in force, or why there is none. Returns the metadata."""
    model = job.spec.name
    why = job.plan.skipped.get(model, "its dataset was not built in this run")
    known = journal.version_with_identity(journal.read_mirror(job.here.settings.state, model), job.plan.identities.get(model, ""))
    job.here.log(f"{model} is not trained: {why}")
    shown = skipped_metadata(why, known)
    yield dg.MaterializeResult(metadata=shown)
    yield from skipped_checks(why, known)
    return shown


def _train(job: Training, dataset: Any, sink: StepSink) -> Any:
    from unified_assets.datasets import load, read_counts
    from unified_assets.training import word_vectors
    from unified_assets.training.plan import make_plan
    from unified_assets.training.pretrained import address_of, kept_for
    from unified_assets.training.remote import Carried, there
    from unified_assets.training.rounds import train_model

    here, spec, plan, settings = job.here, job.spec, job.plan, job.here.settings
    vectors = kept_for(spec, job.preset, state=settings.state, log=here.log)
    inventory = job.compute.inventory()
    schedule = make_plan(
        here.run_dir,
        models={member: read_counts(plan.datasets[member]) for member in plan.members},
        preset=job.preset,
        inventory=inventory,
        specs=plugins.models(),
        champions=plan.champions,
        texts=plan.texts,
    )
    return train_model(
        spec,
        dataset=dataset,
        run_dir=here.run_dir,
        knowledge_dir=here.run_dir / "knowledge",
        plan=schedule,
        broker=job.compute.broker(inventory, disk_floor_gib=job.preset.disk_floor_gib),
        members=plan.members,
        champions=plan.champions,
        initial=plan.champions.get(spec.name) if job.preset.start_from == "champion" else None,
        sink=sink,
        texts=plan.texts,
        locks=here.run_dir / "locks" / here.run_id,
        vectors=vectors,
        computing=there(
            settings.ray_address,
            dataset=dataset,
            load=load,
            encoder=address_of(vectors, settings.state),
            words=None if schedule.word_vectors is None else word_vectors.file_of(here.run_dir, schedule.word_vectors),
            carried=None if settings.carried_by is None else Carried(state=settings.state, url=settings.carried_by),
        ),
    )
