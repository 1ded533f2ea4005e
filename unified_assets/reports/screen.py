"""The figures of `status` and the ledger on a terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RUNS_SHOWN = 5
PLAIN_WIDTH = 160  # where the output is no terminal


def show_status(found: Mapping[str, Any], *, with_runs: bool) -> None:
    """Models with their tasks beside the references; files, what is stale and the newest runs too if asked for."""
    console = _console()
    console.print(_models(found["models"]) if found["models"] else "no model is registered yet: `unified-assets train`")
    if not with_runs:
        return
    console.print("files: " + (", ".join(f"{name} {count:,}" for name, count in found["files"].items()) or "not scanned yet"), highlight=False)
    console.print("stale: " + (", ".join(found["stale"]) or "nothing"), highlight=False)
    for run in found["runs"][:RUNS_SHOWN]:
        seconds = "" if run["seconds"] is None else f" in {run['seconds']:.0f} s"
        failed = f"; failed: {', '.join(run['failed'])}" if run["failed"] else ""
        console.print(f"run {run['run_id']} {run['preset']} {run['status']}{seconds}{failed}", highlight=False, markup=False)


def _models(models: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "task"):
        table.add_column(name, overflow="fold")
    for name in ("train", "test", "majority", "baseline", "score"):
        table.add_column(name, justify="right")
    for name in ("metric", "champion"):
        table.add_column(name)
    for model in models:
        for index, task in enumerate(model["tasks"]):
            mark = " ▼" if task["beats_baseline"] is False else ""
            champion = f"yes (v{model['champion']})" if model["version"] == model["champion"] else f"v{model['champion']}, newest is v{model['version']}"
            table.add_row(
                _plain(model["model"] if index == 0 else ""),
                _plain(task["task"]),
                *(_number(task[key]) for key in ("train", "test", "majority", "baseline")),
                _number(task["score"]) + mark,
                str(task["metric"]),
                champion if index == 0 else "",
            )
    table.caption = "▼ below its classical baseline" if any(task["beats_baseline"] is False for model in models for task in model["tasks"]) else None
    return table


def show_ledger(state: Path, *, model: str, path: str, limit: int) -> None:
    """Counts of use by model and modality, then single rows."""
    import polars as pl

    from unified_assets.store.local import Store

    rows = Store(state).table("allocation")
    if model:
        rows = rows.filter(pl.col("model") == model)
    if path:
        rows = rows.filter(pl.col("path").str.starts_with(path))
    console = _console()
    counts = Table("model", "modality", "use", "files", box=None, header_style="bold")
    for name, modality, use, count in rows.group_by("model", "modality", "use").len().sort("model", "modality", "use").iter_rows():
        counts.add_row(name, modality, use, f"{count:,}")
    console.print(counts)
    shown = Table("path", "model", "use", "via", "reason", box=None, header_style="bold")
    for row in rows.sort("path", "model").head(limit).iter_rows(named=True):
        shown.add_row(*(_plain(row[name] or "–") for name in ("path", "model", "use", "via", "reason")))
    console.print(shown)
    console.print(f"{min(limit, len(rows)):,} of {len(rows):,} rows", highlight=False)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def _number(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def _plain(value: object) -> Any:
    """Text as it is: file names may look like rich's markup."""
    from rich.text import Text

    return Text(str(value))
