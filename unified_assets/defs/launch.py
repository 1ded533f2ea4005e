"""Runs a job of the lake in this process (its steps in processes of their own), and says how it ended."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob  # what `build_reconstructable_job` returns has no public name

from unified_assets.compute.inventory import Inventory, detect
from unified_assets.core import plugins
from unified_assets.core.errors import DataError
from unified_assets.core.presets import Preset
from unified_assets.core.settings import Settings
from unified_assets.defs.chosen_preset import CHANGE_TAG, PRESET_TAG
from unified_assets.defs.fork_server import warm_up
from unified_assets.defs.instance import open_instance
from unified_assets.defs.jobs import REFRESH, REFRESH_TAG, job_of, selection
from unified_assets.defs.partitions import PARTITION_TAGS, whole_range
from unified_assets.defs.provenance import asset_key
from unified_assets.defs.reaper import close_dead_runs, finish_failed_run, note_failed_steps
from unified_assets.defs.run_lock import training_run
from unified_assets.defs.run_plan import NOTHING
from unified_assets.defs.run_steps import failed_steps, run_failure
from unified_assets.defs.steps import LOCK_TAG, PID_STARTED_TAG, PID_TAG, TRAINING_TAG
from unified_assets.presets import load_preset, preset_names
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.training.plan import refuse_what_never_fits

QUIET: dict[str, Any] = {"loggers": {"console": {}}}  # what steps say; the events are in the UI


class NothingToResume(DataError):
    """No training run of this lake failed or died."""

    def __init__(self) -> None:
        super().__init__("no training run of this lake failed or was interrupted: there is nothing to resume. Start one with `unified-assets train`.")


class NothingUsable(DataError):
    """None of the files teaches any of the models anything."""

    def __init__(self, *, settings: Settings, models: Sequence[str]) -> None:
        self.raw, self.models = settings.raw, tuple(models)
        super().__init__(
            f"{settings.raw}: no file has anything to learn from for {', '.join(models)}. "
            "`unified-assets quality` says what is wrong with the files, `unified-assets ledger` why none is used; labels are read from class folders, "
            "file names, manifests, records and sidecars."
        )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended. `failed`: step → why; `not_trained`: model → why."""

    run_id: str
    root: str
    success: bool
    seconds: float
    failed: dict[str, str] = field(default_factory=dict)
    not_trained: dict[str, str] = field(default_factory=dict)


def _reconstructable(name: str) -> ReconstructableJob:
    return dg.build_reconstructable_job("unified_assets.definitions", "job_named", reconstructable_args=(name,))


def refresh(settings: Settings, assets: Sequence[str] | None = None) -> Ended:
    """Run the job `refresh`, or the part of it that materializes these assets."""
    instance = open_instance(settings)  # first: what is closed to us is told before anything starts
    warm_up(settings)
    close_dead_runs(instance)
    started = time.time()
    tags = {**whole_range(), REFRESH_TAG: "true", **_pid_tags()}
    keys = None if assets is None else [asset_key(name) for name in assets]
    result = dg.execute_job(_reconstructable(REFRESH), instance=instance, tags=tags, run_config=QUIET, asset_selection=keys, raise_on_error=False)
    return _ended(settings, instance, result.run_id, root=result.run_id, success=result.success, started=started)


def train(settings: Settings, preset_name: str, models: Sequence[str], *, log: Callable[[str], None]) -> Ended:
    """Train with a preset; `models` narrows it to some. Waits while another training run works in this lake. Raises NothingUsable."""
    preset = load_preset(preset_name)
    if models:
        preset = preset.model_copy(update={"target_models": tuple(models)})
    names = preset.models(tuple(plugins.models()))
    refuse_what_never_fits(names, preset=preset, inventory=_there_is(settings), specs=plugins.models())
    warm_up(settings)
    instance = open_instance(settings)
    close_dead_runs(instance)
    token = f"cli-{os.getpid()}-{time.time_ns()}"
    with training_run(settings.state, token, log=log):
        kept = preset_name if preset_name in preset_names() else keep_preset(settings.state, load_preset(preset_name))
        tags = {**whole_range(), PRESET_TAG: kept, TRAINING_TAG: "true", LOCK_TAG: token, **_pid_tags()}
        ended = _execute(settings, instance, job_of(preset_name), tags, assets=selection(names, training=True), log=log)
    if ended.success and all(ended.not_trained.get(name, "").startswith(NOTHING) for name in names):
        raise NothingUsable(settings=settings, models=names)
    return ended


def _there_is(settings: Settings) -> Inventory:
    """What models may have, known before a file is read: of this machine, or of a cluster whose nodes are looked at."""
    if settings.ray_address is None:
        return detect(settings.state)
    from unified_assets.compute import cluster

    Store(settings.state).bind(settings.raw)  # nodes are asked whether they see the state
    try:
        return cluster.inventory(settings.ray_address, settings.state, settings.carried_by)
    finally:
        cluster.leave()


def resume(settings: Settings, *, log: Callable[[str], None]) -> Ended:
    """Go on with the last training run if it failed or died: its failed steps, from their last round. Raises NothingToResume."""
    warm_up(settings)
    instance = open_instance(settings)
    token = f"cli-{os.getpid()}-{time.time_ns()}"
    with training_run(settings.state, token, log=log):
        close_dead_runs(instance)
        last = instance.get_runs(dg.RunsFilter(tags={TRAINING_TAG: "true"}), limit=1)
        if not last or last[0].status not in {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}:
            raise NothingToResume
        run = last[0]
        root = run.root_run_id or run.run_id
        preset = journal.read_json(journal.run_folder(settings.state, root) / "run.json").get("preset", settings.preset)
        log(f"resuming run {root} with preset {preset}")
        changes = {tag: value for tag, value in run.tags.items() if tag == PRESET_TAG or tag.startswith(CHANGE_TAG)}
        asked = {tag: value for tag, value in run.tags.items() if tag in PARTITION_TAGS} or whole_range()
        tags = {**asked, **changes, TRAINING_TAG: "true", LOCK_TAG: token, **_pid_tags()}
        config = {part: value for part, value in run.run_config.items() if part in {"resources", "ops"}}
        return _execute(settings, instance, run.job_name, tags, again=(_what_is_left(instance, run), root), config=config, log=log)


def _what_is_left(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.ReexecutionOptions:
    """The steps that did not end well. Where all did, and only the run died before it was closed: its last ones again, which find their work done."""
    again = dg.ReexecutionOptions.from_failure(run.run_id, instance)
    if run.execution_plan_snapshot_id is None:
        return again
    planned = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute
    done = {stats.step_key for stats in instance.get_run_step_stats(run.run_id) if stats.status is not None and stats.status.value == "SUCCESS"}
    if not done.issuperset(planned):
        return again
    report = [key for key in planned if key == "training_report"]
    return dg.ReexecutionOptions(parent_run_id=run.run_id, step_selection=report or [key for key in planned if key.startswith("model__")])


def _execute(
    settings: Settings,
    instance: dg.DagsterInstance,
    job: str,
    tags: dict[str, str],
    *,
    assets: list[dg.AssetKey] | None = None,
    again: tuple[dg.ReexecutionOptions, str] | None = None,
    config: Mapping[str, Any] | None = None,
    log: Callable[[str], None],
) -> Ended:
    started = time.time()
    result = dg.execute_job(
        _reconstructable(job),
        instance=instance,
        run_config={**(config or {}), **QUIET},
        tags=tags,
        asset_selection=assets,
        reexecution_options=None if again is None else again[0],
        raise_on_error=False,
    )
    root = result.run_id if again is None else again[1]
    ended = _ended(settings, instance, result.run_id, root=root, success=result.success, started=started)
    _close(settings, instance, ended)
    if settings.state_url is not None:
        from unified_assets.store import snapshots

        snapshots.keep(settings.state, settings.state_url, log)
    return ended


def _close(settings: Settings, instance: dg.DagsterInstance, ended: Ended) -> None:
    """Write down how the run ended, and render its report if its own asset was skipped."""
    run_dir = journal.run_folder(settings.state, ended.root)
    status = "SUCCESS" if ended.success else "FAILURE"
    journal.note_run(run_dir, status=status, seconds=ended.seconds, ended=time.time(), failed=ended.failed)
    if not ended.success:
        note_failed_steps(instance, ended.run_id, settings, root=ended.root)
        run = instance.get_run_by_id(ended.run_id)
        if isinstance(run, dg.DagsterRun):
            finish_failed_run(instance, run, settings)


def _ended(settings: Settings, instance: dg.DagsterInstance, run_id: str, *, root: str, success: bool, started: float) -> Ended:
    failed = {} if success else failed_steps(instance, run_id) or run_failure(instance, run_id)
    skipped = journal.read_json(journal.run_folder(settings.state, root) / "members.json").get("skipped", {})
    return Ended(run_id=run_id, root=root, success=success, seconds=time.time() - started, failed=failed, not_trained=skipped)


def keep_preset(state: Path, preset: Preset) -> str:
    """Write down a preset of the user's own, and return where: the run and whoever resumes it read this copy, whatever becomes of the file."""
    content = preset.model_dump(mode="json")
    path = state / "presets" / f"{journal.digest_of(content)}.json"
    journal.write_json(path, content)
    return str(path)


def _pid_tags() -> dict[str, str]:
    process = journal.this_process()
    return {PID_TAG: str(process["pid"]), PID_STARTED_TAG: str(process["pid_started"])}
