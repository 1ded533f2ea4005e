"""Who trains in a run, by which plan, starting from which champions: decided once, by the first step, for all of them.

What is already trained on these very data with this code and preset does not train again and is not a member.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from unified_assets.core import plugins
from unified_assets.core.errors import NothingToTrain, YieldStep
from unified_assets.core.presets import Preset
from unified_assets.defs.steps import Step
from unified_assets.store.local import Store
from unified_assets.tracking import journal

POLL_S = 0.5
STALL_S = 20.0
NOTHING = "nothing to learn from"


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """members: models that train, by name. skipped: model → why not. champions: final folders pinned for the run."""

    members: tuple[str, ...]
    skipped: Mapping[str, str]
    identities: Mapping[str, str]
    champions: Mapping[str, Path | None]
    datasets: Mapping[str, Path]
    texts: Mapping[str, Path]  # of every model that gives words, in this run or not: whose training texts make the word vectors


def models_of_run(here: Step) -> tuple[str, ...]:
    """The models whose steps this run was asked for, and those of the run it re-executes."""
    from unified_assets.defs.run_steps import selected_assets

    wanted = selected_assets(here.instance, here.root)
    return tuple(name for name in plugins.models() if wanted is None or f"model/{name}" in wanted)


def run_plan(here: Step, preset: Preset) -> RunPlan:
    """Read the run's plan, or make it once all datasets of the run are there.

    A model whose dataset failed then, and was built by a re-execution of the run, joins the others where they are.
    """
    path, model = here.run_dir / "members.json", here.key.removeprefix("model/")
    if model not in journal.read_json(path).get("identities", {}):
        ready = _wait_for_datasets(here)
        here.run_dir.mkdir(parents=True, exist_ok=True)
        with Store(here.settings.state).lock(f"plan-{here.root}"):
            known = journal.read_json(path)
            late = tuple(name for name in ready if name not in known.get("identities", {}))
            if late or not known:
                journal.write_json(path, _joined(known, _decide(here, preset, late, members=tuple(known.get("members", ())))))
    known = journal.read_json(path)
    return RunPlan(
        members=tuple(known["members"]),
        skipped=known["skipped"],
        identities=known["identities"],
        champions={model: None if folder is None else Path(folder) for model, folder in known["champions"].items()},
        datasets={model: Path(folder) for model, folder in known["datasets"].items()},
        texts={model: Path(folder) for model, folder in known["texts"].items()},
    )


def _joined(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What was decided before, and for the models that were not there then. The champions stay those of the beginning."""
    if not known:
        return dict(more)
    merged = {name: {**known[name], **more[name]} for name in ("skipped", "identities", "datasets")}
    return {**known, **merged, "members": sorted({*known["members"], *more["members"]})}


def _decide(here: Step, preset: Preset, ready: tuple[str, ...], *, members: tuple[str, ...]) -> dict[str, Any]:
    """Which of the models that are `ready` train. `members`: those of the run that do already."""
    state, specs = here.settings.state, plugins.models()
    joining: list[str] = []
    skipped, identities, datasets = {}, {}, {}
    for model in ready:
        record = journal.read_stage(state, f"dataset/{model}")
        folder = Store(state).current(f"datasets/{model}")
        identities[model] = journal.identity_of(dataset=record["digest"], version=specs[model].version, preset=preset.learning())
        datasets[model] = str(folder)
        if journal.version_with_identity(journal.read_mirror(state, model), identities[model]) is not None:
            skipped[model] = "already trained"
        elif not record["tasks"]:
            skipped[model] = f"{NOTHING}: no labelled example for it in these files"
        elif preset.target_models != "all" and model not in preset.target_models:
            skipped[model] = f"not among the target_models of preset {preset.name}"
        else:
            joining.append(model)
    reading = {model: Store(state).current(f"datasets/{model}") for model, spec in specs.items() if spec.words is not None}
    texts = {model: str(folder) for model, folder in reading.items() if folder is not None}
    champions = {model: journal.champion_folder(journal.read_mirror(state, model)) for model in specs}
    for model in [model for model in joining if not _has_something_to_learn(model, datasets[model], preset, (*members, *joining), champions)]:
        joining.remove(model)
        skipped[model] = f"{NOTHING}: no example on the train side, and no model of this run that could teach it"
    pinned = {model: None if folder is None else str(folder) for model, folder in champions.items()}
    return {"members": joining, "skipped": skipped, "identities": identities, "champions": pinned, "datasets": datasets, "texts": texts}


def _has_something_to_learn(model: str, folder: str, preset: Preset, members: tuple[str, ...], champions: Mapping[str, Path | None]) -> bool:
    """Whether there are examples to learn from, or peers that say something of its tasks."""
    from unified_assets.datasets import load, read_counts
    from unified_assets.training.inputs import chosen_tasks
    from unified_assets.training.rounds import teachers

    if read_counts(Path(folder)).train:
        return True
    try:
        chosen_tasks(load(Path(folder)), preset)
    except NothingToTrain:
        return False
    return bool(teachers(model, plugins.models(), members, champions))


def _wait_for_datasets(here: Step) -> tuple[str, ...]:
    """The models of this run whose dataset was built. Yields the step when one of them has no slot to start in."""
    wanted = models_of_run(here)
    steps = {f"dataset__{model}": model for model in wanted}
    deadline = time.monotonic() + STALL_S
    while True:
        status = _step_status(here, list(steps))
        if all(status.get(step) not in {"IN_PROGRESS", "MISSING"} for step in steps):
            return tuple(model for step, model in steps.items() if status[step] == "SUCCESS")
        if "IN_PROGRESS" in status.values():
            deadline = time.monotonic() + STALL_S
        elif time.monotonic() > deadline:
            raise YieldStep
        time.sleep(POLL_S)


def _step_status(here: Step, steps: list[str]) -> dict[str, str]:
    """Step → SUCCESS, FAILURE, SKIPPED, IN_PROGRESS or MISSING. A dataset this run was not asked for counts as it lies there."""
    from unified_assets.defs.run_steps import selected_assets

    here_selected = selected_assets(here.instance, here.run_id)
    found = {stats.step_key: stats.status.value if stats.status is not None else "MISSING" for stats in here.instance.get_run_step_stats(here.run_id, steps)}
    executed = _executed(here)
    out = {}
    for step in steps:
        asked = (here_selected is None or step.replace("__", "/", 1) in here_selected) and (executed is None or step in executed)
        there = bool(journal.read_stage(here.settings.state, step.replace("__", "/", 1)))
        out[step] = found.get(step, "MISSING") if asked else ("SUCCESS" if there else "FAILURE")
    return out


def _executed(here: Step) -> set[str] | None:
    run = here.instance.get_run_by_id(here.run_id)
    return None if not isinstance(run, dg.DagsterRun) or not run.step_keys_to_execute else set(run.step_keys_to_execute)
