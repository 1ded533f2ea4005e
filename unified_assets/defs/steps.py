"""What the steps share: who runs, in which run folder, with which preset, and how a failure is written down."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from unified_assets.core.credentials import tells_credentials, without_credentials
from unified_assets.core.errors import UnifiedAssetsError, YieldStep
from unified_assets.defs.chosen_preset import PRESET_TAG
from unified_assets.defs.resources import LakeResource
from unified_assets.defs.storing import stored
from unified_assets.defs.watchdog import ancestors, watch_ancestors
from unified_assets.store.local import StateNotWritable, not_writable
from unified_assets.tracking import journal

LOCK_TAG = "unified_assets/lock"
TRAINING_TAG = "unified_assets/training"
PID_TAG = "unified_assets/pid"
PID_STARTED_TAG = "unified_assets/pid_started"


@dataclass(frozen=True)
class Step:
    """One step of one run. `root` names the run folder, also when the run is a re-execution."""

    key: str
    run_id: str
    root: str
    preset: str | None
    tags: Mapping[str, str]
    lock: str
    run_dir: Path
    settings: Any
    instance: dg.DagsterInstance
    log: Callable[[str], None]


@contextmanager
def step(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Step]:
    """A step's surroundings. An exception fails it at once, as the same files would raise it again; a killed process is retried."""
    watch_ancestors()
    run = context.run
    settings = lake.settings()
    root = run.root_run_id or run.run_id
    here = Step(
        key="/".join(context.asset_key.path),
        run_id=run.run_id,
        root=root,
        preset=run.tags.get(PRESET_TAG),
        tags=dict(run.tags),
        lock=run.tags.get(LOCK_TAG, root),
        run_dir=journal.run_folder(settings.state, root),
        settings=settings,
        instance=context.instance,
        log=context.log.info,
    )
    worker = _note_worker(here, run)
    if TRAINING_TAG in run.tags or here.key.startswith("model/"):
        _note_run(here, lake, worker)
    try:
        yield here
    except YieldStep as pause:
        raise dg.RetryRequested(max_retries=100, seconds_to_wait=0) from pause
    except (dg.RetryRequested, GeneratorExit):
        raise
    except Exception as error:
        known = not_writable(error, settings.state) or error
        with suppress(StateNotWritable):  # on a full disk; the words below say so
            if here.run_dir.is_dir():
                journal.note_failure(here.run_dir, here.key, error=type(known).__name__, message=without_credentials(str(known)))
        words = without_credentials(str(known) if isinstance(known, UnifiedAssetsError) else f"{type(known).__name__}: {known}")
        failure = dg.Failure(description=words, metadata={"error": type(known).__name__}, allow_retries=False)
        if tells_credentials(error):
            raise failure from None
        raise failure from error


def _note_worker(here: Step, run: dg.DagsterRun) -> dict[str, Any]:
    """Tag the run with its worker's process, by which a run whose worker died is found and closed."""
    import multiprocessing
    import os

    if PID_TAG in run.tags:
        return {"pid": run.tags[PID_TAG], "pid_started": run.tags.get(PID_STARTED_TAG)}
    worker = ancestors()[1] if multiprocessing.parent_process() is not None else os.getpid()
    process = journal.this_process(worker)
    _tag(here, {PID_TAG: str(process["pid"]), PID_STARTED_TAG: str(process["pid_started"] or "")})
    return process


def _note_run(here: Step, lake: LakeResource, worker: dict[str, Any]) -> None:
    """The first step of a training run, or of its re-execution, writes that it has started."""
    if TRAINING_TAG not in here.tags:  # materialized by hand: what looks for trainings shall find it
        _tag(here, {TRAINING_TAG: "true"})
    known = journal.read_json(here.run_dir / "run.json")
    if known.get("attempt") != here.run_id:
        facts = {"run_id": here.root, "attempt": here.run_id, "preset": lake.preset_named(here.preset).name, "status": "STARTED", "failed": {}}
        journal.note_run(here.run_dir, started=known.get("started", time.time()), attempt_started=time.time(), **facts, **worker)


def _tag(here: Step, tags: Mapping[str, str]) -> None:
    """Tag the run."""
    stored(lambda: here.instance.add_run_tags(here.run_id, dict(tags)), here.log)
