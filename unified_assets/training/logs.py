"""Lines that the steps of a run wrote in; `rounds.parquet` and `leases.parquet` of the run out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.core import tables
from unified_assets.store.local import write_parquet


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a line, at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(dict(row)) + "\n")


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """All whole lines of all models, by model; a line cut short by a kill is left out."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def merge_logs(run_dir: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write both tables, each replaced at once, and return (rounds, leases). A round that was done again counts once, as last done."""
    rounds = _frame(read_lines(run_dir / "rounds"), tables.ROUNDS).unique(["model", "round"], keep="last", maintain_order=True).sort("model", "round")
    leases = _frame(read_lines(run_dir / "leases"), tables.LEASES).sort("acquired", "model")
    write_parquet(run_dir / "rounds.parquet", rounds)
    write_parquet(run_dir / "leases.parquet", leases)
    return rounds, leases


def _frame(rows: list[dict[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=dict(schema), orient="row")
