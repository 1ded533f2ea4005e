"""What the commands have found, on a terminal."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import polars as pl

    from unified_assets.core.presets import Preset

RUNS_SHOWN = 5
LEDGER_ROWS = 50
PLAIN_WIDTH = 160  # where the output is no terminal


def show_status(found: Mapping[str, Any], *, with_runs: bool) -> None:
    """Models with their tasks beside the references; files, what is stale and the newest runs too if asked for."""
    console = _console()
    console.print(_models(found["models"]) if found["models"] else "no model is registered yet: `unified-assets run`")
    if not with_runs:
        return
    console.print("files: " + (", ".join(f"{name} {count:,}" for name, count in found["files"].items()) or "not scanned yet"), highlight=False)
    console.print("stale: " + (", ".join(found["stale"]) or "nothing"), highlight=False)
    if found["runs"]:
        show_runs(found["runs"][:RUNS_SHOWN])


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


def show_ledger(rows: "pl.DataFrame", *, limit: int) -> None:
    """Counts of use by model and modality, then single rows."""
    from unified_assets.reports.lake_tables import ledger_counts

    console = _console()
    counts = Table("model", "modality", "use", "files", box=None, header_style="bold")
    for row in ledger_counts(rows):
        counts.add_row(row["model"], row["modality"], row["use"], f"{row['files']:,}")
    console.print(counts)
    shown = Table("path", "model", "use", "via", "reason", box=None, header_style="bold")
    for row in rows.head(limit).iter_rows(named=True):
        shown.add_row(*(_plain(row[name] or "–") for name in ("path", "model", "use", "via", "reason")))
    console.print(shown)
    console.print(f"{min(limit, len(rows)):,} of {len(rows):,} rows", highlight=False)


def show_catalog(found: Mapping[str, Any]) -> None:
    """Files and bytes by modality, and what could not be read."""
    table = Table("modality", box=None, header_style="bold", pad_edge=False)
    for name in ("files", "MB", "not read"):
        table.add_column(name, justify="right")
    table.add_column("what", overflow="fold")
    for row in found["modalities"]:
        told = ", ".join(f"{name} {count:,}" for name, count in (row["reasons"] or row["media_types"]).items())
        table.add_row(row["modality"], f"{row['files']:,}", f"{row['bytes'] / 1e6:,.1f}", f"{row['unread']:,}", _plain(told))
    table.add_row("all", f"{found['files']:,}", f"{found['bytes'] / 1e6:,.1f}", f"{sum(row['unread'] for row in found['modalities']):,}", "", style="bold")
    _console().print(table)


def show_quality(found: Mapping[str, Any]) -> None:
    """Each issue with its worst files, and where the page is."""
    console = _console()
    table = Table("issue", box=None, header_style="bold", pad_edge=False)
    table.add_column("files", justify="right")
    for name in ("severity", "worst files"):
        table.add_column(name, overflow="fold")
    for row in found["issues"]:
        worst = "\n".join(one["path"] if one["value"] is None else f"{one['path']} ({_number(one['value'])})" for one in row["worst"])
        severity = ", ".join(f"{name} {count:,}" for name, count in row["severity"].items())
        table.add_row(row["issue"], f"{row['files']:,}", severity, _plain(worst))
    console.print(table if found["issues"] else "no issue found")
    decisions = ", ".join(f"{name} {count:,}" for name, count in found["decisions"].items())
    console.print(f"{found['files']:,} files: {decisions or 'none'}; page: {found['page']}", highlight=False, markup=False, soft_wrap=True)


def show_runs(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line a run."""
    console = _console()
    for run in rows:
        seconds = "" if run["seconds"] is None else f" in {run['seconds']:.0f} s"
        failed = f"; failed: {', '.join(run['failed'])}" if run["failed"] else ""
        note = f"; {run['note']}" if run.get("note") else ""
        console.print(f"run {run['run_id']} {run['preset']} {run['status']}{seconds}{failed}{note}", highlight=False, markup=False, soft_wrap=True)
    if not rows:
        console.print("no training run yet: `unified-assets run`", highlight=False, markup=False)


def show_presets(rows: Sequence["Preset"]) -> None:
    """What each preset is for, and what it sets otherwise than by default."""
    console = _console()
    for preset in rows:
        console.print(f"[bold]{preset.name}[/bold]  {preset.rounds} rounds", highlight=False)
        console.print(f"  {preset.description}", highlight=False, markup=False)
        set_here = preset.model_dump(mode="json", exclude={"name", "description"}, exclude_defaults=True)
        console.print("  " + ", ".join(f"{key} {value}" for key, value in set_here.items()), highlight=False, markup=False)


def show_models(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each registered version with its mean score, and which one is in force."""
    table = Table("model", "version", box=None, header_style="bold", pad_edge=False)
    for name in ("alias", "trained"):
        table.add_column(name)
    for name in ("tasks", "mean score"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for row in rows:
        if not row["versions"]:
            table.add_row(row["model"], "none", "", "", "", "", _plain(row["needs"]))
        for index, one in enumerate(row["versions"]):
            aliases = ", ".join(one["aliases"])
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one["registered"]))
            score = _number(one["mean_score"])
            table.add_row(row["model"] if index == 0 else "", str(one["version"]), aliases, when, str(len(one["tasks"])), score, _plain(one["decision"]))
    _console().print(table)


def show_comparison(found: Mapping[str, Any]) -> None:
    """Each task of two versions side by side."""
    table = Table("model", "task", box=None, header_style="bold", pad_edge=False)
    for name in ("shared", "A", "B", "A better", "B better", "p"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for row in found["tasks"]:
        cells = (_number(row[key]) for key in ("examples", "a", "b", "a_better", "b_better"))
        table.add_row(row["model"], _plain(row["task"]), *cells, "–" if row["p_value"] is None else f"{row['p_value']:.2g}", row["verdict"])
    console = _console()
    console.print(f"A: {found['a']}\nB: {found['b']}", highlight=False, markup=False)
    console.print(table)


def show_findings(rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a check; what is wrong with what to do."""
    console = _console()
    colours = {"ok": "green", "repaired": "cyan", "warning": "yellow", "failed": "red"}
    for row in rows:
        console.print(f"[{colours[row['state']]}]{row['state']:<9}[/] {row['check']:<12} ", end="")
        console.print(row["what"], highlight=False, markup=False, soft_wrap=True)
        if row["fix"]:
            console.print(f"{'':23}→ {row['fix']}", highlight=False, markup=False, soft_wrap=True)


def show_answers(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line an item."""
    table = Table("item", "task", "answer", box=None, header_style="bold", pad_edge=False)
    table.add_column("confidence", justify="right")
    for row in rows:
        if "error" in row:
            table.add_row(_plain(row["item"]), "", _plain(f"{row['error']}: {row['detail']}"), "–", style="red")
        else:
            table.add_row(_plain(row["item"]), _plain(row["task"]), _plain(row["answer"]), _number(row["confidence"]))
    _console().print(table)


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
