"""A trained model's folder in; a registered version, the champion's or the challenger's alias, and the mirror for `status` out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from unified_assets.core.contracts import ModelSpec
from unified_assets.core.errors import DataError, InvalidSetting
from unified_assets.datasets import Dataset
from unified_assets.inference.pretrained import vectors_of
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.tracking.champion import Comparison, Decision, best_ever, compare, decide
from unified_assets.tracking.experiment import ModelRun, Tracker
from unified_assets.tracking.patience import patiently
from unified_assets.tracking.rescoring import rescore, stored_values

_REQUIREMENTS = (
    "mlflow",
    "numpy",
    "polars",
    "torch",
    "safetensors",
    "pillow",
    "soundfile",
    "soxr",
    "pypdfium2",
    "lxml",
    "olefile",
    "xxhash",
    "pydantic-settings",
)


class NothingToRollBack(DataError):
    """A model has had no other champion."""

    def __init__(self, *, model: str, known: list[int]) -> None:
        self.model, self.known = model, known
        fix = f"Name a version with `unified-assets promote {model} VERSION`." if known else "Train it first."
        super().__init__(f"{model} has had no champion before the one in force (registered: {', '.join(map(str, known)) or 'nothing'}). {fix}")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A registered version and what was decided about it."""

    model: str
    version: int
    decision: Decision
    entry: Mapping[str, Any]


def register(
    tracker: Tracker,
    run: ModelRun,
    *,
    spec: ModelSpec,
    dataset: Dataset,
    folder: Path,
    results: Mapping[str, Any],
    identity: str,
    run_id: str,
    log: Callable[[str], None] = print,
) -> Registration:
    """Register `folder` (weights.safetensors, model.json, results.json) as a version, decide about the champion, write the mirror.

    A step that was killed on the way finds here what it had done: a run has one version of a model.
    """
    mirror = journal.read_mirror(tracker.state, spec.name)
    patient = partial(patiently, uri=tracker.uri, waiting=lambda what: log(f"waiting: {what}"))
    done = next((entry for entry in mirror.get("versions", []) if entry["run_id"] == run_id), None)
    if done is not None:
        patient(lambda: _set_aliases(tracker, spec.name, version=done["version"], champion=mirror.get("champion")))
        decision = Decision(champion=mirror.get("champion") == done["version"], reason=done["decision"])
        return Registration(model=spec.name, version=done["version"], decision=decision, entry=done)
    decision = _decide(mirror, spec=spec, dataset=dataset, folder=folder, results=results, log=log)
    known = max((entry["version"] for entry in mirror.get("versions", [])), default=0)
    version = patient(lambda: _log_version(tracker, run, model=spec.name, folder=folder, comment=decision.reason, known=known))
    entry = {
        "version": version,
        "identity": identity,
        "dataset": dataset.digest,
        "code_version": spec.version,
        "folder": str(folder),
        "run_id": run_id,
        "mlflow_run": run.run_id,
        "registered": time.time(),
        "rounds": results.get("rounds"),
        "seconds": results.get("seconds"),
        "tasks": [dict(task) for task in results["tasks"]],
        "retrieval": results.get("retrieval", []),
        "decision": decision.reason,
        "comparisons": [{**asdict(one), "worse": one.worse} for one in decision.comparisons],
    }
    with Store(tracker.state).lock(f"mirror-{spec.name}"):
        mirror = journal.read_mirror(tracker.state, spec.name)
        versions = [*mirror.get("versions", []), entry]
        mirror = {**mirror, "model": spec.name, "version": version, "versions": versions}
        mirror = crowned(mirror, version) if decision.champion else mirror
        champion = mirror.get("champion")
        journal.write_json(journal.mirror_path(tracker.state, spec.name), mirror)
    patient(lambda: _set_aliases(tracker, spec.name, version=version, champion=champion))
    return Registration(model=spec.name, version=version, decision=decision, entry=entry)


def crowned(mirror: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The mirror with another champion; `champions` remembers those before it, so that it can be rolled back."""
    before = [] if mirror.get("champion") is None else mirror.get("champions", [mirror["champion"]])
    return {**mirror, "champion": version, "champions": [*(one for one in before if one != version), version]}


def set_champion(tracker: Tracker, model: str, version: int) -> int | None:
    """Make a registered version the champion by hand; returns the one before. Raises InvalidSetting for a version that does not exist."""
    with Store(tracker.state).lock(f"mirror-{model}"):
        mirror = journal.read_mirror(tracker.state, model)
        known = [entry["version"] for entry in mirror.get("versions", [])]
        if version not in known:
            fix = f"Registered: {', '.join(map(str, known)) or 'none'}."
            raise InvalidSetting(source=f"registry of {model}", field="version", value=version, problem="no such version", fix=fix)
        if version != mirror.get("champion"):
            journal.write_json(journal.mirror_path(tracker.state, model), crowned(mirror, version))
    tracker.client.set_registered_model_alias(model, "champion", str(version))
    before: int | None = mirror.get("champion")
    return before


def roll_back(tracker: Tracker, model: str) -> tuple[int, int]:
    """Give the place back to the champion before; returns (from, to). Raises NothingToRollBack where there was none."""
    with Store(tracker.state).lock(f"mirror-{model}"):
        mirror = journal.read_mirror(tracker.state, model)
        known = {entry["version"] for entry in mirror.get("versions", [])}
        history = [version for version in mirror.get("champions", []) if version in known]
        if len(history) < 2 or history[-1] != mirror.get("champion"):
            raise NothingToRollBack(model=model, known=sorted(known))
        journal.write_json(journal.mirror_path(tracker.state, model), {**mirror, "champion": history[-2], "champions": history[:-1]})
    tracker.client.set_registered_model_alias(model, "champion", str(history[-2]))
    return history[-1], history[-2]


def _decide(mirror: Mapping[str, Any], *, spec: ModelSpec, dataset: Dataset, folder: Path, results: Mapping[str, Any], log: Callable[[str], None]) -> Decision:
    champion = next((entry for entry in mirror.get("versions", []) if entry["version"] == mirror.get("champion")), None)
    if champion is None:
        return Decision(champion=True, reason="first version")
    mine = {task["task"]: stored_values(folder, task) for task in results["tasks"]}
    theirs = _champion_values(champion, spec=spec, dataset=dataset, log=log)
    name = f"the champion (version {champion['version']})"
    against_champion = [compare(task, name, values, theirs[task]) for task, values in mine.items() if theirs.get(task)]
    return decide(against_champion, _against_best(mirror, mine))


def _champion_values(champion: Mapping[str, Any], *, spec: ModelSpec, dataset: Dataset, log: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """The champion on today's test examples; on those it was registered with, where it cannot be built any more."""
    from safetensors import SafetensorError

    folder = Path(champion["folder"])
    stored = {task["task"]: stored_values(folder, task) for task in champion["tasks"]}
    if champion["dataset"] == dataset.digest:
        return stored
    try:
        return {**stored, **rescore(spec, folder, dataset)}
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        log(f"version {champion['version']} cannot be scored again ({type(error).__name__}: {error}); its stored test answers are compared")
        return stored


def _against_best(mirror: Mapping[str, Any], mine: Mapping[str, Mapping[str, float]]) -> list[Comparison]:
    """Each task against the version that ever scored best in it, on the examples both answered."""
    found, best = [], best_ever(mirror)
    for task, values in mine.items():
        version = best.get(task)
        if version is not None and version != mirror.get("champion"):
            entry = next(entry for entry in mirror["versions"] if entry["version"] == version)
            one = next(one for one in entry["tasks"] if one["task"] == task)
            found.append(compare(task, f"the best ever (version {version})", values, stored_values(Path(entry["folder"]), one)))
    return found


def _log_version(tracker: Tracker, run: ModelRun, *, model: str, folder: Path, comment: str, known: int) -> int:
    """Log the model as code with our package and its files, and register that as a version. One that this run has registered already is taken.

    Its number is greater than `known`, the newest of ours: another MLflow server counts from 1 again.
    """
    import warnings

    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec

    package = Path(__file__).parents[1]
    mlflow.set_tracking_uri(tracker.uri)
    mlflow.set_registry_uri(tracker.uri)
    # The artifact store, the code copy and the registry are slow and shared: one version at a time.
    with Store(tracker.state).lock("mlflow-register"), warnings.catch_warnings(), mlflow.start_run(run_id=run.run_id, log_system_metrics=False):
        warnings.showwarning = _silent  # MLflow sets filters of its own; what it says here is about type hints it would take for a schema
        client = tracker.client
        found = max((int(one.version) for one in client.search_model_versions(f"name='{model}' and run_id='{run.run_id}'")), default=0)
        if found > known:
            return found
        info = mlflow.pyfunc.log_model(
            name=model,
            python_model=str(package / "tracking" / "served_model.py"),
            artifacts={"model": str(folder)},
            code_paths=[str(package)],
            pip_requirements=_requirements(folder),
            signature=ModelSignature(params=ParamSchema([ParamSpec("task", "string", "")])),
        )
        try:
            client.get_registered_model(model)
        except mlflow.exceptions.MlflowException:
            client.create_registered_model(model)
        described = {"source": info.model_uri, "run_id": run.run_id, "model_id": info.model_id, "description": comment}
        made = [int(client.create_model_version(model, **described).version)]
        while made[-1] <= known:
            made.append(int(client.create_model_version(model, **described).version))
        for version in made[:-1]:
            client.delete_model_version(model, str(version))
        return made[-1]


def _requirements(folder: Path) -> list[str]:
    """What pip installs where this version is served; transformers only for one that was trained beside an encoder of theirs."""
    return [*_REQUIREMENTS, *(["transformers"] if vectors_of(journal.read_json(folder / "model.json")) is not None else [])]


def _silent(*_: object, **__: object) -> None:
    """Show no warning."""


def _set_aliases(tracker: Tracker, model: str, *, version: int, champion: int | None) -> None:
    client = tracker.client
    client.set_registered_model_alias(model, "challenger", str(version))
    if champion == version:
        client.set_registered_model_alias(model, "champion", str(version))
