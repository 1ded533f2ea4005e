"""The files of a run → tables: rounds, leases, results of models, failures. Tolerates what a failed run has not written."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.core.errors import InvalidSetting
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.training.logs import merge_logs, read_lines


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """All there is to say about a run. `results`: model → what it trained to; `registered`: model → its registry entry."""

    run: Mapping[str, Any]
    plan: Mapping[str, Any]
    members: Mapping[str, Any]
    rounds: pl.DataFrame
    leases: pl.DataFrame
    results: Mapping[str, Mapping[str, Any]]
    evaluations: Mapping[str, Mapping[str, Any]]  # model → task → confusions, calibration, worst mistakes
    paths: Mapping[str, str]  # example → the file it stands in, of those mistakes
    registered: Mapping[str, Mapping[str, Any]]
    kept: Mapping[str, Mapping[str, Any]]  # models already trained: the entry in force
    failures: list[dict[str, Any]]
    lessons: list[dict[str, Any]]
    word_vectors: list[dict[str, Any]]  # what was made: texts, tokens, words, CPU-seconds
    machine: list[dict[str, Any]]  # samples of the whole machine, one a round of each model, in order of time


def collect(run_dir: Path, *, state: Path) -> RunFiles:
    """Read what a run has written so far; besides that only the registry's mirror, and where the examples of mistakes stand."""
    run_dir.mkdir(parents=True, exist_ok=True)
    rounds, leases = merge_logs(run_dir)
    members = journal.read_json(run_dir / "members.json")
    mirrors = journal.registered(state)
    registered = {model: entry for model, mirror in mirrors.items() for entry in mirror["versions"] if entry["run_id"] == run_dir.name}
    champions = {model: mirror.get("champion") for model, mirror in mirrors.items()}
    kept = {
        model: {**entry, "champion": entry["version"] == champions.get(model)}
        for model, identity in members.get("identities", {}).items()
        if model in members.get("skipped", {}) and (entry := journal.version_with_identity(mirrors.get(model, {}), identity)) is not None
    }
    evaluations = {path.parents[1].name: journal.read_json(path) for path in sorted((run_dir / "models").glob("*/final/evaluation.json"))}
    return RunFiles(
        run=journal.read_json(run_dir / "run.json"),
        plan=journal.read_json(run_dir / "plan.json"),
        members=members,
        rounds=rounds,
        leases=leases,
        results={path.parents[1].name: journal.read_json(path) for path in sorted((run_dir / "models").glob("*/final/results.json"))},
        evaluations=evaluations,
        paths=_paths(state, {one["example_id"] for tasks in evaluations.values() for task in tasks.values() for one in task["worst"]}),
        registered={model: {**entry, "champion": entry["version"] == champions.get(model)} for model, entry in registered.items()},
        kept=kept,
        failures=journal.failures(run_dir),
        lessons=_lessons(run_dir),
        word_vectors=read_lines(run_dir / "word_vectors")[-1:],
        machine=sorted(read_lines(run_dir / "machine"), key=lambda row: float(row["at"])),
    )


def find_run(state: Path, name: str) -> Path:
    """The folder of a run by its id, the beginning of one, or `last`. Raises InvalidSetting where there is none, or several."""
    known = [record["run_id"] for record in journal.runs(state)]
    found = known[:1] if name == "last" else [run_id for run_id in known if run_id.startswith(name)]
    if len(found) != 1:
        problem = "no such run" if not found else "several runs begin so"
        fix = f"Newest runs: {', '.join(known[:5]) or 'none yet'}."
        raise InvalidSetting(source="report", field="run", value=name, problem=problem, fix=fix)
    return journal.run_folder(state, found[0])


def _paths(state: Path, examples: AbstractSet[str]) -> dict[str, str]:
    """Where these examples stand, as far as the examples in force still have them."""
    version = Store(state).current("allocation") if examples else None
    if version is None:
        return {}
    known = pl.scan_parquet(version / "examples" / "*.parquet").filter(pl.col("example_id").is_in(sorted(examples)))
    try:
        found = known.select("example_id", pl.col("inputs").list.first().struct.field("path")).collect(engine="streaming")
    except pl.exceptions.PolarsError:  # a table of another version of this program
        return {}
    return dict(found.iter_rows())


def _lessons(run_dir: Path) -> list[dict[str, Any]]:
    """What models learned from each other: model, round, task, from whom, and how far they agreed beyond chance."""
    return [
        {"model": row["model"], "round": row["round"], "task": task, "learned from": ", ".join(row["peers"]), "kappa": kappa}
        for row in read_lines(run_dir / "rounds")
        for task, kappa in row.get("lessons", {}).items()
    ]
