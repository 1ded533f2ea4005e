"""Two versions of a model, or two runs, in; their scores task by task, paired on the test examples both answered, out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unified_assets.core.errors import InvalidSetting
from unified_assets.tracking import journal
from unified_assets.tracking.champion import ALPHA, compare
from unified_assets.tracking.rescoring import stored_values

Scored = tuple[Mapping[str, Any], Mapping[str, Any]]  # a registry entry and one of its tasks
ALIASES = {"champion": "champion", "challenger": "version"}  # alias → the mirror's field


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one name stands for. `entries`: model → its registry entry."""

    name: str
    entries: Mapping[str, Mapping[str, Any]]


def side(state: Path, name: str) -> Side:
    """`MODEL:VERSION`, `MODEL@champion`, `MODEL@challenger`, a run's id or its beginning, or `last`. Raises InvalidSetting."""
    model, mark, which = name.replace("@", ":").partition(":")
    if not mark:
        return _run(state, name)
    mirror = journal.read_mirror(state, model)
    versions = {str(entry["version"]): entry for entry in mirror.get("versions", [])}
    wanted = str(mirror.get(ALIASES[which])) if which in ALIASES else which
    if wanted not in versions:
        known = ", ".join(versions) or "none"
        raise InvalidSetting(source="compare", field="version", value=name, problem="not registered", fix=f"Versions of {model}: {known}; or @champion.")
    return Side(name=f"{model} version {wanted}", entries={model: versions[wanted]})


def _run(state: Path, name: str) -> Side:
    known = [str(record["run_id"]) for record in journal.runs(state)]
    found = known[:1] if name == "last" else [run_id for run_id in known if run_id.startswith(name)]
    if len(found) != 1:
        problem = "no such run" if not found else "several runs begin so"
        fix = f"Give MODEL:VERSION, MODEL@champion, or a run: {', '.join(known[:5]) or 'none yet'}."
        raise InvalidSetting(source="compare", field="run", value=name, problem=problem, fix=fix)
    mirrors = journal.registered(state)
    entries = {model: entry for model, mirror in mirrors.items() for entry in mirror["versions"] if entry["run_id"] == found[0]}
    return Side(name=f"run {found[0]}", entries=entries)


def compared(a: Side, b: Side) -> dict[str, Any]:
    """Every task of the models both have. Scores are those on shared test examples, where there are any. Raises InvalidSetting for no shared model."""
    shared = sorted(a.entries.keys() & b.entries.keys())
    if not shared:
        fix = f"{a.name} has {', '.join(sorted(a.entries)) or 'no model'}; {b.name} has {', '.join(sorted(b.entries)) or 'no model'}."
        raise InvalidSetting(source="compare", field="models", value=f"{a.name}, {b.name}", problem="they share no model", fix=fix)
    return {"a": a.name, "b": b.name, "tasks": [row for model in shared for row in _tasks(model, a.entries[model], b.entries[model])]}


def _tasks(model: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """a, b: registry entries."""
    ours, theirs = ({task["task"]: (entry, task) for task in entry["tasks"]} for entry in (a, b))
    return [{"model": model, "task": name, **_task(name, ours.get(name), theirs.get(name))} for name in sorted({*ours, *theirs})]


def _task(name: str, a: Scored | None, b: Scored | None) -> dict[str, Any]:
    """One task of two entries; None for an entry that lacks it."""
    metric = next(task.get("metric") for _, task in filter(None, (a, b)))
    if a is None or b is None:
        return {"metric": metric, **_unpaired(a, b), "verdict": f"only {'B' if a is None else 'A'} knows it"}
    found = compare(name, "A", _values(b), _values(a))
    if not found.examples:
        return {"metric": metric, **_unpaired(a, b), "verdict": "share no test example"}
    better = "B is better" if found.won > found.lost else "A is better"
    return {
        "metric": metric,
        "a": found.champion,
        "b": found.challenger,
        "examples": found.examples,
        "a_better": found.lost,
        "b_better": found.won,
        "p_value": found.p_value,
        "verdict": better if found.p_value < ALPHA else "no difference shown",
    }


def _values(scored: Scored) -> dict[str, float]:
    entry, task = scored
    return stored_values(Path(entry["folder"]), task)


def _unpaired(a: Scored | None, b: Scored | None) -> dict[str, Any]:
    own = {side: None if scored is None else scored[1].get("score") for side, scored in (("a", a), ("b", b))}
    return {**own, "examples": 0, "a_better": None, "b_better": None, "p_value": None}
