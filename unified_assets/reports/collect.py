"""The files of a run → tables: rounds, leases, results of models, failures. Tolerates what a failed run has not written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.core import tables
from unified_assets.core.errors import InvalidSetting
from unified_assets.tracking import journal


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """All there is to say about a run. `results`: model → what it trained to; `registered`: model → its registry entry."""

    run: Mapping[str, Any]
    plan: Mapping[str, Any]
    members: Mapping[str, Any]
    rounds: pl.DataFrame
    leases: pl.DataFrame
    results: Mapping[str, Mapping[str, Any]]
    registered: Mapping[str, Mapping[str, Any]]
    kept: Mapping[str, Mapping[str, Any]]  # models already trained: the entry in force
    failures: list[dict[str, Any]]
    exchange: list[dict[str, Any]]


def collect(run_dir: Path, *, state: Path) -> RunFiles:
    """Read what a run has written so far."""
    members = journal.read_json(run_dir / "members.json")
    mirrors = journal.registered(state)
    registered = {model: entry for model, mirror in mirrors.items() for entry in mirror["versions"] if entry["run_id"] == run_dir.name}
    champions = {model: mirror.get("champion") for model, mirror in mirrors.items()}
    kept = {
        model: {**entry, "champion": entry["version"] == champions.get(model)}
        for model, identity in members.get("identities", {}).items()
        if model in members.get("skipped", {}) and (entry := journal.version_with_identity(mirrors.get(model, {}), identity)) is not None
    }
    return RunFiles(
        run=journal.read_json(run_dir / "run.json"),
        plan=journal.read_json(run_dir / "plan.json"),
        members=members,
        rounds=_lines(run_dir / "rounds", tables.ROUNDS),
        leases=_lines(run_dir / "leases", tables.LEASES),
        results={path.parents[1].name: journal.read_json(path) for path in sorted((run_dir / "models").glob("*/final/results.json"))},
        registered={model: {**entry, "champion": entry["version"] == champions.get(model)} for model, entry in registered.items()},
        kept=kept,
        failures=journal.failures(run_dir),
        exchange=_json_lines(run_dir / "exchange"),
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


def _lines(folder: Path, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The JSON lines of all models as one table, in the declared columns."""
    rows = [{name: row.get(name) for name in schema} for row in _json_lines(folder)]
    return pl.DataFrame(rows, schema=dict(schema), orient="row").sort("model", "round") if rows else pl.DataFrame(schema=dict(schema))


def _json_lines(folder: Path) -> list[dict[str, Any]]:
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append({"model": path.stem, **json.loads(line)})
            except json.JSONDecodeError:
                continue  # the last line of a process that was killed while writing it
    return rows
